"""The way from scripts and recordings at the emulator to bags; a failure affects only its episode."""

from __future__ import annotations

import asyncio
import errno
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from odyssey_ros.client import ErrorCode, Odyssey
from odyssey_ros.dataset import episode_task
from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.bags import write_bag
from odyssey_ros.dataset.collector import Collector, Outcome, Width
from odyssey_ros.dataset.downloading.downloads import Downloader, download_client
from odyssey_ros.dataset.errors import StateError
from odyssey_ros.dataset.manifest import check_files, merged, read_manifest
from odyssey_ros.dataset.retry_policy import RetryPolicy
from odyssey_ros.dataset.scripts.plans import EpisodePlan
from odyssey_ros.dataset.shards import Shard
from odyssey_ros.dataset.sources import (
    RecordedEpisode,
    SimulatedEpisode,
    streams_of_jobs,
)
from odyssey_ros.dataset.submissions.candidate_files import DownloadedCandidates
from odyssey_ros.dataset.submissions.job_watch import JobLimits
from odyssey_ros.dataset.submissions.journal import Journal, OtherSubmissions
from odyssey_ros.dataset.submissions.simulation_jobs import SimulationJobs
from odyssey_ros.dataset.workspace import Workspace
from odyssey_ros.emulator import Emulator, EmulatorConfig, Limits
from odyssey_ros.emulator.faults import ExpiredUrls, HttpDrop, HttpStatus, HttpUsageError, JobFail
from odyssey_ros.emulator.faults.schedule import Schedule
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from odyssey_ros.dataset.service import RemoteStream
    from odyssey_ros.dataset.sources import EpisodeSource, JobEpisode


async def _soon(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.05))


RETRY_POLICY = RetryPolicy(retries=3, sleep=_soon)
LAYOUT = BagLayout(ImageEncoding.H264)


@dataclass
class Progress:
    phases: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ends: dict[str, str] = field(default_factory=dict)
    started: tuple[int, int] = (0, 0)

    def start(self, total: int, done: int) -> None:
        self.started = (total, done)

    def phase(self, episode: str, text: str, done: int = 0, total: int | None = None, unit: str = "") -> None:
        self.phases.append((episode, text))

    def note(self, episode: str, text: str) -> None:
        self.notes.append(text)

    def finished(self, episode: str, text: str) -> None:
        self.ends[episode] = text

    def failed(self, episode: str, reason: str) -> None:
        self.ends[episode] = reason


@dataclass
class Bench:
    emulator: Emulator
    client: Odyssey
    folder: Path
    progress: Progress = field(default_factory=Progress)

    async def collect(
        self,
        sources: Sequence[EpisodeSource] | Callable[[SimulationJobs], Sequence[EpisodeSource]],
        folder: str = "out",
        *,
        shard: Shard = Shard(),  # noqa: B008 - frozen
        layout: BagLayout = LAYOUT,
        **options: Any,
    ) -> Outcome:
        with (
            Workspace(self.folder / folder, layout, shard) as workspace,
            Journal(workspace.journal_path) as journal,
        ):
            async with download_client() as http:
                jobs = SimulationJobs(
                    self.client,
                    journal,
                    others=OtherSubmissions,
                    files=DownloadedCandidates(
                        Downloader(http, RETRY_POLICY), workspace.candidates, workspace.downloads
                    ),
                    limits=JobLimits(retries=0, poll_s=0.05, settle_s=0.05, retry_policy=RETRY_POLICY),
                )
                collector = Collector(
                    workspace,
                    Downloader(http, RETRY_POLICY),
                    layout,
                    Width(3, 2, 2),
                    self.progress,
                    **options,
                )
                return await collector.collect(sources(jobs) if callable(sources) else sources)

    async def jobs(self, count: int) -> list[str]:
        """Submit jobs and wait until they are completed; return their ids."""
        made = [
            await self.client.simulate(script=_plan(str(at)).script, portrait=False) for at in range(count)
        ]

        async def all_completed() -> bool:
            jobs = [await self.client.get_simulate_status(job.job_id) for job in made]
            return all(str(job.status) == "completed" for job in jobs)

        await eventually(all_completed, "the end of all jobs")
        return [job.job_id for job in made]


async def _streams(bench: Bench, count: int) -> list[JobEpisode]:
    return await streams_of_jobs(await bench.jobs(count), bench.client, RETRY_POLICY)


def _plan(name: str) -> EpisodePlan:
    script: Any = (
        {"timestamp_ms": 0, "start": {"prompt": f"dream {name}"}},
        {"timestamp_ms": 150, "interact": {"prompt": "wake up"}},
        {"timestamp_ms": 300, "end": {}},
    )
    return EpisodePlan(f"episode-{name}", "test", script, False, None, {"name": name})


def _simulated(*names: str) -> Callable[[SimulationJobs], Sequence[EpisodeSource]]:
    return lambda jobs: [SimulatedEpisode(_plan(name), jobs) for name in names]


@asynccontextmanager
async def _bench(tmp_path: Path, **config: Any) -> AsyncIterator[Bench]:
    async with (
        Emulator(EmulatorConfig(render_workers=2, **config)) as emulator,
        Odyssey("ody_local", api_url=emulator.url) as client,
    ):
        yield Bench(emulator, client, tmp_path)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with _bench(tmp_path) as it:
        yield it


async def test_scripts_become_bags_and_a_manifest(bench: Bench) -> None:
    outcome = await bench.collect(_simulated("a", "b", "c"))
    assert not outcome.failures
    out = bench.folder / "out"
    entries = read_manifest(out / "manifest.jsonl")
    assert [entry.episode for entry in entries] == ["episode-a", "episode-b", "episode-c"]
    assert sorted(outcome.entries, key=lambda entry: entry.episode) == entries
    assert list(check_files(out, entries)) == []
    entry = entries[1]
    assert (entry.frames, entry.width, entry.height, entry.images) == (6, 1280, 704, "h264")
    assert entry.sizes == ({"width": 1280, "height": 704, "frames": 6},)
    assert [prompt["time_ns"] for prompt in entry.prompts] == [0, 150_000_000]
    assert "dream b" in entry.prompts[0]["prompt"]
    assert entry.provenance["variables"] == {"name": "b"}
    assert entry.provenance["script"] == [dict(item) for item in _plan("b").script]
    assert entry.provenance["job"]["job_id"] in {
        job.job_id for job in (await bench.client.list_simulations()).jobs
    }
    assert (out / "failures.jsonl").read_text() == ""
    assert sorted(path.name for path in (out / "work" / "1-of-1").iterdir()) == ["lock", "submissions.jsonl"]
    assert bench.progress.started == (3, 0)
    assert ("episode-a", "downloading") in bench.progress.phases
    # The second run makes nothing and sends no request.
    await bench.emulator.close()
    again = await bench.collect(_simulated("a", "b", "c"))
    assert not again.failures
    assert read_manifest(out / "manifest.jsonl") == entries


async def test_two_shards_make_the_same_as_one_run(bench: Bench) -> None:
    ids = await bench.jobs(5)
    one = await bench.collect(await streams_of_jobs(ids, bench.client, RETRY_POLICY), "one")
    assert not one.failures
    for index in (1, 2):
        shard = Shard(index, 2)
        sources = await streams_of_jobs(ids, bench.client, RETRY_POLICY)
        await bench.collect([sources[place] for place in shard.of(5)], "two", shard=shard)
    two = bench.folder / "two"
    parts = [read_manifest(two / f"manifest-{index}-of-2.jsonl") for index in (1, 2)]
    assert [len(part) for part in parts] == [3, 2]
    assert merged(parts) == read_manifest(bench.folder / "one" / "manifest.jsonl")
    assert list(check_files(two, merged(parts))) == []


async def test_the_recording_of_a_live_stream(tmp_path: Path, live_streams: Callable[[Odyssey], Any]) -> None:
    async with _bench(tmp_path) as bench:
        client = bench.client
        streams = live_streams(client)
        await streams.connect()
        stream_id = await streams.record("a cat", "it sleeps", portrait=True)
        await client.disconnect()
        row = (await client.list_stream_recordings()).recordings[0]
        outcome = await bench.collect([RecordedEpisode(stream_id, row.started_at, client, RETRY_POLICY)])
        assert not outcome.failures
        entry = outcome.entries[0]
        assert entry.episode == stream_id
        assert (entry.width, entry.height) == (704, 1280)
        assert len(entry.prompts) == 2
        assert entry.provenance == {"source": "recording"}


async def test_a_failed_job_fails_only_its_episode(bench: Bench) -> None:
    bench.emulator.faults.arm(JobFail(message="out of dreams"))
    outcome = await bench.collect(_simulated("a", "b"))
    assert len(outcome.entries) == 1
    ((name, error),) = outcome.failures.items()
    assert error.code is ErrorCode.JOB_FAILED
    assert "out of dreams" in bench.progress.ends[name]
    assert "out of dreams" in (bench.folder / "out" / "failures.jsonl").read_text()
    # The next run makes the episode.
    assert not (await bench.collect(_simulated("a", "b"))).failures
    assert (bench.folder / "out" / "failures.jsonl").read_text() == ""


async def test_a_refused_account_fails_all_remaining_episodes(bench: Bench) -> None:
    bench.emulator.faults.arm(
        HttpUsageError(endpoint="jobs_submit", code="MONTHLY_LIMIT_REACHED"), Schedule(count=0)
    )
    outcome = await bench.collect(_simulated(*"abcdefghijklmnop"))
    assert len(outcome.failures) == 16
    assert {error.code for error in outcome.failures.values()} == {ErrorCode.SUBMIT_REFUSED}
    assert bench.emulator.faults.armed()[0].fired <= 8


async def test_an_expired_url_is_renewed(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Dawdling:
        source: EpisodeSource

        def __getattr__(self, name: str) -> Any:
            return getattr(self.source, name)

        async def locate(self, report: Any) -> RemoteStream:
            stream = await self.source.locate(report)
            await asyncio.sleep(2.1)  # longer than the URL is valid
            return stream

    async with _bench(tmp_path, limits=Limits(url_seconds=2.0)) as bench:
        sources: Any = [Dawdling(source) for source in await _streams(bench, 1)]
        outcome = await bench.collect(sources)
        assert not outcome.failures


async def test_urls_that_stay_expired_fail_the_episode(bench: Bench) -> None:
    ids = await bench.jobs(1)
    bench.emulator.faults.arm(ExpiredUrls())
    outcome = await bench.collect(await streams_of_jobs(ids, bench.client, RETRY_POLICY))
    (error,) = outcome.failures.values()
    assert error.code is ErrorCode.DOWNLOAD_FAILED
    assert "http" not in error.message


@pytest.mark.parametrize("fault", [HttpDrop(endpoint="files"), HttpStatus(endpoint="files", status=500)])
async def test_downloads_that_fail_at_first(fault: Any, bench: Bench) -> None:
    ids = await bench.jobs(1)
    bench.emulator.faults.arm(fault, Schedule(count=3))
    assert not (await bench.collect(await streams_of_jobs(ids, bench.client, RETRY_POLICY))).failures


@dataclass(frozen=True)
class Misled:
    """A source whose URLs point to another server."""

    source: EpisodeSource
    video: str | None = None
    events: str | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    async def locate(self, report: Any) -> RemoteStream:
        return self._misled(await self.source.locate(report))

    async def renew(self, stream: RemoteStream) -> RemoteStream:
        return self._misled(await self.source.renew(stream))

    def _misled(self, stream: RemoteStream) -> RemoteStream:
        if self.video == "events":
            return replace(stream, video_url=stream.events_url)
        if self.events == "video":
            return replace(stream, events_url=stream.video_url)
        return replace(stream, events_url=None)


async def test_a_broken_video_fails_only_its_episode_and_leaves_no_files(bench: Bench) -> None:
    ids = await bench.jobs(2)
    first, second = await streams_of_jobs(ids, bench.client, RETRY_POLICY)
    misled: Any = Misled(first, video="events")
    outcome = await bench.collect([misled, second])
    assert [entry.episode for entry in outcome.entries] == [second.name]
    assert outcome.failures[first.name].code is ErrorCode.VIDEO_BROKEN
    out = bench.folder / "out"
    assert [path.name for path in (out / "episodes").iterdir()] == [second.name]
    assert not (out / "work" / "1-of-1" / first.name).exists()


async def test_an_invalid_log_leaves_the_prompts_unknown(bench: Bench) -> None:
    (source,) = await _streams(bench, 1)
    for folder, misled in (("video", Misled(source, events="video")), ("none", Misled(source))):
        sources: Any = [misled]
        outcome = await bench.collect(sources, folder)
        assert not outcome.failures
        assert outcome.entries[0].prompts == ()


async def test_without_a_log_the_prompts_come_from_the_script(bench: Bench) -> None:
    def sources(jobs: SimulationJobs) -> Any:
        return [Misled(SimulatedEpisode(_plan("a"), jobs))]

    outcome = await bench.collect(sources)
    assert [prompt["prompt"] for prompt in outcome.entries[0].prompts] == ["dream a", "wake up"]


async def test_a_full_disk_fails_only_its_episode(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = await _streams(bench, 2)

    def full(folder: Path, name: str, *args: Any, **options: Any) -> Any:
        if name == sources[0].name:
            folder.mkdir()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_bag(folder, name, *args, **options)

    monkeypatch.setattr(episode_task, "write_bag", full)
    outcome = await bench.collect(sources)
    assert outcome.failures[sources[0].name].code is ErrorCode.DISK_FULL
    assert [path.name for path in (bench.folder / "out" / "episodes").iterdir()] == [sources[1].name]


async def test_a_cancelled_run_ends_at_once_and_can_be_continued(bench: Bench) -> None:
    sources = await _streams(bench, 2)

    class Impatient(Progress):
        def phase(
            self, episode: str, text: str, done: int = 0, total: int | None = None, unit: str = ""
        ) -> None:
            if text == "waiting to be written" and not self.phases:
                self.phases.append((episode, text))
                run.cancel()

    bench.progress = Impatient()
    run = asyncio.create_task(bench.collect(sources, layout=replace(LAYOUT, images=ImageEncoding.RAW)))
    with pytest.raises(asyncio.CancelledError):
        await run
    assert read_manifest(bench.folder / "out" / "manifest.jsonl") == []
    assert [path.name for path in (bench.folder / "out" / "episodes").glob(".*")] == []
    bench.progress = Progress()
    outcome = await bench.collect(sources, layout=replace(LAYOUT, images=ImageEncoding.RAW))
    assert len(outcome.entries) == 2


async def test_a_folder_has_one_process_per_shard_and_fixed_settings(bench: Bench) -> None:
    other = pytest.raises(StateError, match="another process is working on shard 1/1")
    with Workspace(bench.folder / "out", LAYOUT, Shard()), other:
        Workspace(bench.folder / "out", LAYOUT, Shard())
    with pytest.raises(StateError, match="created with images 'h264', not 'raw'"):
        Workspace(bench.folder / "out", BagLayout(ImageEncoding.RAW), Shard())
    with pytest.raises(StateError, match="created with shards 1, not 2"):
        Workspace(bench.folder / "out", LAYOUT, Shard(1, 2))
    (bench.folder / "file").write_text("")
    with pytest.raises(StateError, match="cannot be used: "):
        Workspace(bench.folder / "file", LAYOUT, Shard())
    for text, reason in (
        ("{", "cannot be used"),
        ("{}", "another format version"),
        ("3", "another format version"),
    ):
        (bench.folder / "out" / "dataset.json").write_text(text)
        with pytest.raises(StateError, match=reason):
            Workspace(bench.folder / "out", LAYOUT, Shard())


async def test_two_shards_work_in_one_folder_at_once(tmp_path: Path) -> None:
    async with _bench(tmp_path, limits=Limits(queued_jobs=3)) as bench:
        outcomes = await asyncio.gather(
            bench.collect(_simulated("a", "c"), shard=Shard(1, 2)),
            bench.collect(_simulated("b", "d"), shard=Shard(2, 2)),
        )
        assert [len(outcome.entries) for outcome in outcomes] == [2, 2]
        assert len((await bench.client.list_simulations()).jobs) == 4


async def test_a_finished_episode_with_an_invalid_entry_is_reported(bench: Bench) -> None:
    source = (await _streams(bench, 1))[0]
    await bench.collect([source])
    (bench.folder / "out" / "episodes" / source.name / "episode.json").write_text("{}")
    outcome = await bench.collect([source])
    assert outcome.failures[source.name].code is ErrorCode.DISK_FAILED
    assert "remove the folder" in bench.progress.ends[source.name]
    # The manifest still lists the bag, whose files are unchanged.
    entries = read_manifest(bench.folder / "out" / "manifest.jsonl")
    assert [entry.episode for entry in entries] == [source.name]
