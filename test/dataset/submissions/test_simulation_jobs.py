"""Jobs at the emulator: each script is submitted once, even if requests, responses or processes are lost."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from odyssey_ros.client import ErrorCode, Odyssey, OdysseyAuthError, OdysseyConnectionError
from odyssey_ros.dataset.downloading.downloads import Downloader, download_client
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.retry_policy import RetryPolicy
from odyssey_ros.dataset.scripts.plans import EpisodePlan
from odyssey_ros.dataset.submissions.candidate_files import DownloadedCandidates
from odyssey_ros.dataset.submissions.job_watch import JobLimits, ServiceRefusalError
from odyssey_ros.dataset.submissions.journal import Intent, Journal, OtherSubmissions
from odyssey_ros.dataset.submissions.simulation_jobs import SimulationJobs
from odyssey_ros.dataset.submissions.submission_matching import content_digest, visible_digest
from odyssey_ros.emulator import Emulator, EmulatorConfig, Limits
from odyssey_ros.emulator.faults import HttpDrop, HttpMalformed, HttpStatus, HttpUsageError, JobFail, JobHold
from odyssey_ros.emulator.faults.schedule import Schedule
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def _plan(name: str, prompt: str = "a cat", *, end_ms: int = 200) -> EpisodePlan:
    script: Any = (
        {"timestamp_ms": 0, "start": {"prompt": prompt}},
        {"timestamp_ms": 100, "interact": {"prompt": f"{prompt} sleeps"}},
        {"timestamp_ms": end_ms, "end": {}},
    )
    return EpisodePlan(name, "test", script, False, None, {})


@dataclass
class Report:
    phases: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def phase(self, text: str) -> None:
        self.phases.append(text)

    def note(self, text: str) -> None:
        self.notes.append(text)


class Lossy:
    """The client, except that responses to submissions are lost."""

    def __init__(self, client: Odyssey) -> None:
        self._client = client
        self.lose = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def simulate(self, **arguments: Any) -> Any:
        answer = await self._client.simulate(**arguments)
        if self.lose:
            self.lose -= 1
            raise OdysseyConnectionError("no answer within 30 s", code="timeout")
        return answer


async def _soon(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.05))


LIMITS = JobLimits(retries=1, poll_s=0.05, settle_s=0.05, retry_policy=RetryPolicy(retries=3, sleep=_soon))


@dataclass
class Bench:
    """The emulator, a client, and the jobs of successive processes."""

    emulator: Emulator
    client: Odyssey
    folder: Path

    @asynccontextmanager
    async def process(
        self, service: Any = None, others: OtherSubmissions | None = None, **options: Any
    ) -> AsyncIterator[SimulationJobs]:
        def downloads(episode: str) -> Path:
            folder = self.folder / episode
            folder.mkdir(exist_ok=True)
            return folder

        async with download_client() as http:
            files = DownloadedCandidates(
                Downloader(http, LIMITS.retry_policy), self.folder / "candidates", downloads
            )
            with Journal(self.folder / "submissions.jsonl") as journal:
                yield SimulationJobs(
                    service or self.client,
                    journal,
                    others=lambda: others or OtherSubmissions(),
                    files=files,
                    limits=LIMITS,
                    **options,
                )

    def doubt(self, plan: EpisodePlan, newest: str = "", seen: frozenset[str] = frozenset()) -> None:
        """Record that a killed process may have submitted a script."""
        with Journal(self.folder / "submissions.jsonl") as journal:
            journal.intends(
                plan.name, Intent(newest, seen, "2026-11-01", visible_digest(plan), content_digest(plan))
            )

    async def job_ids(self) -> list[str]:
        return [job.job_id for job in (await self.client.list_simulations(limit=100)).jobs]


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


async def test_each_script_becomes_one_job(bench: Bench) -> None:
    async with bench.process() as jobs:
        streams = await asyncio.gather(*(jobs.obtain(_plan(name, name), Report()) for name in "abc"))
        assert len({stream.stream_id for stream in streams}) == 3
        assert all(stream.video_url and stream.job and stream.start_time_ns > 10**18 for stream in streams)
        again = await jobs.obtain(_plan("a", "a"), Report())
        assert again.stream_id == streams[0].stream_id
        fresh = await jobs.renewed(again)
        assert fresh.stream_id == again.stream_id
    async with bench.process() as jobs:
        later = await jobs.obtain(_plan("b", "b"), Report())
    assert later.stream_id == streams[1].stream_id
    assert len(await bench.job_ids()) == 3


async def test_a_lost_response_does_not_lead_to_a_second_job(bench: Bench) -> None:
    service = Lossy(bench.client)
    service.lose = 2
    report = Report()
    async with bench.process(service) as jobs:
        await asyncio.gather(jobs.obtain(_plan("a", "a"), report), jobs.obtain(_plan("b", "b"), Report()))
    assert len(await bench.job_ids()) == 2
    assert "settling an earlier submission" in report.phases
    assert "which an earlier submission made" in report.notes[0]


async def test_the_job_of_a_killed_process_is_found(bench: Bench) -> None:
    other = await bench.client.simulate(script=_plan("", "somebody else's").script, portrait=False)
    for name, sent in (("a", True), ("b", False)):
        newest = (await bench.client.list_simulations(limit=1)).jobs[0]
        bench.doubt(_plan(name, name), newest.created_at, frozenset([newest.job_id]))
        if sent:
            await bench.client.simulate(script=_plan(name, name).script, portrait=False)
    async with bench.process() as jobs:
        streams = await asyncio.gather(*(jobs.obtain(_plan(name, name), Report()) for name in "ab"))
    assert len(await bench.job_ids()) == 3
    assert other.job_id not in {stream.job.job_id for stream in streams if stream.job}


async def test_jobs_of_others_are_not_taken(bench: Bench) -> None:
    """After a submission that was lost, others submit another script, and a script equal to ours."""
    bench.doubt(_plan("a", "a"))
    twin = await bench.client.simulate(script=_plan("", "a").script, portrait=False)
    other = await bench.client.simulate(script=_plan("", "b").script, portrait=False)
    async with bench.process(others=OtherSubmissions(jobs=frozenset([twin.job_id]))) as jobs:
        stream = await jobs.obtain(_plan("a", "a"), Report())
    assert stream.job is not None
    assert stream.job.job_id not in {twin.job_id, other.job_id}


async def test_two_uncertain_submissions_do_not_claim_one_job(bench: Bench) -> None:
    for name in "ab":
        bench.doubt(_plan(name, "same"))
    await bench.client.simulate(script=_plan("", "same").script, portrait=False)
    async with bench.process() as jobs:
        streams = await asyncio.gather(*(jobs.obtain(_plan(name, "same"), Report()) for name in "ab"))
    assert len({stream.stream_id for stream in streams}) == 2
    assert len(await bench.job_ids()) == 2


async def test_a_failed_job_is_replaced_within_the_limit(bench: Bench) -> None:
    report = Report()
    bench.emulator.faults.arm(JobFail(message="out of dreams"))
    async with bench.process() as jobs:
        await jobs.obtain(_plan("a"), report)
        assert "failed (out of dreams); the script is submitted again" in report.notes[0]
        bench.emulator.faults.arm(JobFail(message="out of dreams"), Schedule(count=2))
        with pytest.raises(EpisodeError, match="failed: out of dreams") as caught:
            await jobs.obtain(_plan("b"), report)
    assert caught.value.code is ErrorCode.JOB_FAILED
    assert len(await bench.job_ids()) == 4
    # Another run has its own limit.
    async with bench.process() as jobs:
        await jobs.obtain(_plan("b"), report)


async def test_a_cancelled_job_is_not_replaced(bench: Bench) -> None:
    bench.emulator.faults.arm(JobHold())
    async with bench.process() as jobs:
        task = asyncio.create_task(jobs.obtain(_plan("a"), Report()))
        ids = await eventually(bench.job_ids, "a job")
        await bench.client.cancel_simulation(ids[0])
        with pytest.raises(EpisodeError) as caught:
            await task
    assert caught.value.code is ErrorCode.JOB_CANCELLED
    assert len(await bench.job_ids()) == 1


async def test_submissions_wait_for_the_account_s_limits(tmp_path: Path) -> None:
    class Full(Report):
        def phase(self, text: str) -> None:
            super().phase(text)
            if text == "waiting for the account's limits":
                bench.emulator.faults.clear()

    async with _bench(tmp_path, limits=Limits(queued_jobs=1)) as bench:
        bench.emulator.faults.arm(JobHold())
        reports = [Full() for _ in range(3)]
        async with bench.process() as jobs:
            await asyncio.gather(
                *(jobs.obtain(_plan(str(number)), report) for number, report in enumerate(reports))
            )
        assert len(await bench.job_ids()) == 3
        assert "waiting for the account's limits" in {phase for report in reports for phase in report.phases}
        notes = [note for report in reports for note in report.notes]
        assert notes
        assert all(note.startswith("the submission waits until the service accepts it: ") for note in notes)


@pytest.mark.parametrize("code", ["MONTHLY_LIMIT_REACHED", "ACCOUNT_SUSPENDED"])
async def test_limits_that_the_user_must_lift_end_the_submissions(code: str, bench: Bench) -> None:
    bench.emulator.faults.arm(HttpUsageError(endpoint="jobs_submit", code=code))
    async with bench.process() as jobs:
        with pytest.raises(ServiceRefusalError):
            await jobs.obtain(_plan("a"), Report())
    assert await bench.job_ids() == []


async def test_a_payment_that_is_required_ends_the_submissions(bench: Bench) -> None:
    bench.emulator.faults.arm(HttpStatus(endpoint="jobs_submit", status=402))
    async with bench.process() as jobs:
        with pytest.raises(ServiceRefusalError):
            await jobs.obtain(_plan("a"), Report())
    assert await bench.job_ids() == []


async def test_a_script_that_is_longer_than_the_account_allows_fails_only_its_episode(bench: Bench) -> None:
    fault = HttpUsageError(endpoint="jobs_submit", code="STREAM_DURATION_EXCEEDED")
    bench.emulator.faults.arm(fault, Schedule(count=1))
    async with bench.process() as jobs:
        with pytest.raises(EpisodeError) as caught:
            await jobs.obtain(_plan("a"), Report())
        assert caught.value.code is ErrorCode.SUBMIT_REFUSED
        await jobs.obtain(_plan("b"), Report())


async def test_a_wrong_key_is_refused_at_once(bench: Bench) -> None:
    async with Odyssey("ody_another", api_url=bench.emulator.url) as client, bench.process(client) as jobs:
        with pytest.raises(ServiceRefusalError, match="Invalid API key"):
            await jobs.obtain(_plan("a"), Report())


async def test_a_refused_script_fails_only_its_episode(bench: Bench) -> None:
    plan = _plan("a")
    plan = EpisodePlan("a", "test", plan.script, False, True, {})
    async with bench.process() as jobs:
        with pytest.raises(EpisodeError, match="may not bypass") as caught:
            await jobs.obtain(plan, Report())
        assert caught.value.code is ErrorCode.SUBMIT_REFUSED
        await jobs.obtain(_plan("b"), Report())


@pytest.mark.parametrize(
    "fault",
    [
        HttpStatus(endpoint="jobs_list", status=503),
        HttpStatus(endpoint="jobs_submit", status=500),
        HttpDrop(endpoint="jobs_submit"),
        HttpMalformed(endpoint="jobs_submit"),
        HttpStatus(endpoint="jobs_get", status=502),
        HttpDrop(endpoint="jobs_get"),
    ],
    ids=lambda fault: f"{fault.name}-{fault.endpoint}",
)
async def test_failed_requests_are_repeated_without_a_second_job(fault: Any, bench: Bench) -> None:
    bench.emulator.faults.arm(fault, Schedule(count=2))
    async with bench.process() as jobs:
        await jobs.obtain(_plan("a"), Report())
    ids = await bench.job_ids()
    assert len(ids) == 1 or fault.name == "http_malformed"


@pytest.mark.parametrize("endpoint", ["jobs_list", "jobs_submit", "jobs_get"])
async def test_retries_of_requests_are_bounded(endpoint: str, bench: Bench) -> None:
    bench.emulator.faults.arm(HttpStatus(endpoint=endpoint, status=503), Schedule(count=0))
    async with bench.process() as jobs:
        with pytest.raises(EpisodeError) as caught:
            await jobs.obtain(_plan("a"), Report())
    assert caught.value.code is ErrorCode.SERVICE_FAILED


async def test_an_uncertain_submission_that_cannot_be_settled_is_reported_and_kept(bench: Bench) -> None:
    bench.doubt(_plan("a"))
    bench.emulator.faults.arm(HttpStatus(endpoint="jobs_list", status=503), Schedule(count=0))
    async with bench.process() as jobs:
        with pytest.raises(EpisodeError) as caught:
            await jobs.obtain(_plan("a"), Report())
    assert caught.value.code is ErrorCode.SUBMIT_IN_DOUBT
    with Journal(bench.folder / "submissions.jsonl") as journal:
        assert journal.state("a").intent is not None


async def test_a_job_that_the_service_no_longer_has_is_replaced(bench: Bench) -> None:
    with Journal(bench.folder / "submissions.jsonl") as journal:
        journal.submitted("a", "no-such-job")
    report = Report()
    async with bench.process() as jobs:
        await jobs.obtain(_plan("a"), report)
    assert "the service no longer has it" in report.notes[0]


async def test_a_job_of_another_account_is_not_replaced(bench: Bench) -> None:
    """A run with another key would pay for every script again."""
    async with bench.process() as jobs:
        await jobs.obtain(_plan("a"), Report())
    refused = OdysseyAuthError("not yours", status_code=403)

    class Stranger(Lossy):
        async def get_simulate_status(self, job_id: str) -> Any:
            raise refused

    async with bench.process(Stranger(bench.client)) as jobs:
        with pytest.raises(EpisodeError, match="belongs to another account: use the API key of that run"):
            await jobs.obtain(_plan("a"), Report())
    assert len(await bench.job_ids()) == 1
