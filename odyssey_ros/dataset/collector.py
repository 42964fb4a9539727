"""The collector turns sources of episodes into bags, several at once.

An episode that fails does not stop the others. A run continues where a killed run stopped.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.bags import write_bag
from odyssey_ros.dataset.episode_failures import contained
from odyssey_ros.dataset.errors import DatasetError, EpisodeError, disk_error
from odyssey_ros.dataset.fetching import fetch_stream
from odyssey_ros.dataset.logs.events import EventKind
from odyssey_ros.dataset.losses import IncompleteDataError, Loss, combined, described
from odyssey_ros.dataset.manifest import FileEntry, ManifestEntry, crc32_of, prompt_entry
from odyssey_ros.dataset.sources import job_provenance
from odyssey_ros.dataset.submissions.job_watch import ServiceRefusalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from odyssey_ros.dataset.bags import BagLayout, BagSummary
    from odyssey_ros.dataset.downloading.downloads import Downloader
    from odyssey_ros.dataset.episodes import Episode
    from odyssey_ros.dataset.fetching import FetchedStream
    from odyssey_ros.dataset.progress import ProgressDisplay
    from odyssey_ros.dataset.service import RemoteStream
    from odyssey_ros.dataset.sources import EpisodeSource
    from odyssey_ros.dataset.workspace import Workspace

_FRAMES_PER_REPORT: Final = 20


@dataclass(frozen=True, slots=True)
class Width:
    """Limits of what runs at the same time.

    Attributes:
        jobs: Simulation jobs in the account's queue.
        downloads: Downloads.
        decoders: Videos being decoded and written to bags, one thread each.
    """

    jobs: int = 5
    downloads: int = 4
    decoders: int = 2


@dataclass(slots=True)
class Outcome:
    """The outcome of a run.

    Attributes:
        entries: The requested episodes that exist now.
        failures: The errors of the other requested episodes, by name.
    """

    entries: list[ManifestEntry] = field(default_factory=list)
    failures: dict[str, EpisodeError] = field(default_factory=dict)


class Collector:
    """Makes the bags of a dataset. Use it on one event loop, for a single `collect`.

    Args:
        workspace: The dataset's folder.
        downloader: Downloads the files.
        layout: Settings of the bags.
        width: Limits of what runs at the same time.
        progress: Receives the progress.
        keep_downloads: Keep the downloaded files of the service.
        strict: Whether an episode with a loss fails, also one that an earlier run made.
    """

    def __init__(
        self,
        workspace: Workspace,
        downloader: Downloader,
        layout: BagLayout,
        width: Width,
        progress: ProgressDisplay,
        *,
        keep_downloads: bool = False,
        strict: bool = False,
    ) -> None:
        self._workspace = workspace
        self._downloader = downloader
        self._layout = layout
        self._width = width
        self._progress = progress
        self._keep_downloads = keep_downloads
        self._strict = strict
        self._job_slots = asyncio.Semaphore(width.jobs)
        self._download_slots = asyncio.Semaphore(width.downloads)
        self._writers = ThreadPoolExecutor(width.decoders, thread_name_prefix="odyssey-dataset")
        self._stopped = threading.Event()
        self._refusal: ServiceRefusalError | None = None

    async def collect(self, sources: Sequence[EpisodeSource]) -> Outcome:
        """Make the missing episodes and write the manifest. An early end writes the manifest too.

        Raises:
            StateError: The dataset's folder contains files that cannot be read.
        """
        outcome = Outcome()
        wanted: list[EpisodeSource] = []
        for source in sources:
            try:
                entry = await contained(source.name, asyncio.to_thread(self._workspace.finished, source.name))
            except EpisodeError as error:
                outcome.failures[source.name] = error
                continue
            if entry is None:
                wanted.append(source)
            else:
                self._add_existing(entry, outcome)
                await asyncio.to_thread(self._remove_downloads, source)
        self._progress.start(len(sources), len(outcome.entries))
        for name, failure in outcome.failures.items():
            self._progress.failed(name, str(failure))
        at_once = self._width.jobs + self._width.downloads + self._width.decoders
        queue = iter(wanted)
        workers = [asyncio.create_task(self._work(queue, outcome)) for _ in range(min(at_once, len(wanted)))]
        try:
            await asyncio.gather(*workers)
        finally:
            self._stopped.set()
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            self._writers.shutdown(wait=True)
            self._workspace.write_lists(outcome.entries, outcome.failures)
        return outcome

    def _add_existing(self, entry: ManifestEntry, outcome: Outcome) -> None:
        try:
            self._check_losses(entry.losses)
        except IncompleteDataError as error:
            outcome.failures[entry.episode] = error
        else:
            outcome.entries.append(entry)

    def _check_losses(self, losses: Mapping[str, int]) -> None:
        if self._strict and losses:
            raise IncompleteDataError(losses)

    async def _work(self, queue: Iterator[EpisodeSource], outcome: Outcome) -> None:
        for source in queue:
            try:
                if self._refusal is not None:
                    raise _refused(self._refusal)
                entry = await contained(source.name, self._make(source))
            except ServiceRefusalError as error:
                self._refusal = error
                outcome.failures[source.name] = _refused(error)
            except EpisodeError as error:
                outcome.failures[source.name] = error
            else:
                outcome.entries.append(entry)
                if entry.losses:
                    self._progress.note(source.name, described(entry.losses))
                seconds = entry.duration_ns / 1e9
                self._progress.finished(source.name, f"{entry.frames} frames, {seconds:.1f} s")
                continue
            self._progress.failed(source.name, str(outcome.failures[source.name]))

    async def _make(self, source: EpisodeSource) -> ManifestEntry:
        report = _Report(self._progress, source.name)
        await asyncio.to_thread(lambda: self._check_losses(combined(source.losses())))  # before it is paid
        async with self._job_slots:
            stream = await source.locate(report)
        report.phase("waiting to be downloaded")
        async with self._download_slots:
            fetched = await self._fetch(source, stream)
        report.phase("waiting to be written")
        loop = asyncio.get_running_loop()
        try:
            entry = await loop.run_in_executor(self._writers, self._write, source, fetched)
        except EpisodeError as error:
            if error.code is ErrorCode.VIDEO_BROKEN:
                # The download may have damaged it: the next run downloads it again.
                await asyncio.to_thread(self._workspace.remove_downloads, source.name)
            raise
        await asyncio.to_thread(self._remove_downloads, source)
        return entry

    async def _fetch(self, source: EpisodeSource, stream: RemoteStream) -> FetchedStream:
        def on_bytes(done: int, total: int | None) -> None:
            total_kb = None if total is None else total // 1000
            self._progress.phase(source.name, "downloading", done // 1000, total_kb, "kB")

        try:
            folder = await asyncio.to_thread(self._workspace.downloads, source.name)
        except OSError as error:
            raise disk_error(error, "the downloads") from error
        return await fetch_stream(source, stream, folder, self._downloader, on_bytes=on_bytes)

    def _write(self, source: EpisodeSource, fetched: FetchedStream) -> ManifestEntry:
        """Write a bag and make it final. Runs on a thread of the pool."""
        name = source.name

        def on_frame(frames: int) -> None:
            if self._stopped.is_set():
                raise _StoppedError
            if frames % _FRAMES_PER_REPORT == 0:
                self._progress.phase(name, "writing", frames, fetched.stream.frame_count, "frames")

        episode = fetched.episode(source.expected_events)
        self._check_losses(combined(fetched.losses(source.expected_events)))
        try:
            partial = self._workspace.clean_partial(name)
            try:
                summary = write_bag(partial, name, episode, self._layout, on_frame=on_frame)
                entry = self._entry(source, fetched, episode, summary, partial / "metadata.yaml")
                self._check_losses(entry.losses)
                self._workspace.publish(entry, partial)
            except BaseException:
                # When the disk is full, the other episodes need the space.
                shutil.rmtree(partial, ignore_errors=True)
                raise
        except OSError as error:
            raise disk_error(error, "the bag") from error
        return entry

    def _entry(
        self,
        source: EpisodeSource,
        fetched: FetchedStream,
        episode: Episode,
        summary: BagSummary,
        metadata: Path,
    ) -> ManifestEntry:
        bag = self._workspace.relative(self._workspace.bag_path(source.name))
        width, height = next(iter(summary.sizes))
        video, events = fetched.video, fetched.events
        return ManifestEntry(
            episode=source.name,
            bag=bag,
            files=(
                FileEntry(f"{bag}/{summary.file}", summary.size, summary.crc32),
                FileEntry(f"{bag}/{metadata.name}", metadata.stat().st_size, crc32_of(metadata)),
            ),
            stream_id=fetched.stream.stream_id,
            images=str(self._layout.images),
            frames=summary.frames,
            width=width,
            height=height,
            sizes=tuple(
                {"width": size[0], "height": size[1], "frames": count}
                for size, count in summary.sizes.items()
            ),
            start_time_ns=summary.start_time_ns,
            duration_ns=summary.duration_ns,
            prompts=tuple(
                prompt_entry(event.stream_time_ns, event.prompt, event.frame_index)
                for event in episode.events.events
                if event.kind is not EventKind.ENDED
            ),
            video={
                "size": video.size,
                "sha256": video.sha256,
                "frame_count": fetched.stream.frame_count,
            },
            events=None
            if events is None
            else {"size": events.size, "sha256": events.sha256, "ignored": fetched.log.ignored},
            provenance={**source.provenance(), **job_provenance(fetched.stream)},
            losses=combined(
                source.losses(),
                fetched.losses(source.expected_events),
                summary.losses,
                _frame_count_difference(fetched.stream.frame_count, summary.frames),
            ),
        )

    def _remove_downloads(self, source: EpisodeSource) -> None:
        if not self._keep_downloads:
            self._workspace.remove_downloads(source.name)


class _StoppedError(DatasetError):
    """The run ends, so the bag is no longer needed."""


class _Report:
    def __init__(self, progress: ProgressDisplay, name: str) -> None:
        self._progress = progress
        self._name = name

    def phase(self, text: str) -> None:
        self._progress.phase(self._name, text)

    def note(self, text: str) -> None:
        self._progress.note(self._name, text)


def _frame_count_difference(announced: int | None, frames: int) -> dict[Loss, int]:
    return {} if announced is None else {Loss.FRAME_COUNT_DIFFERENCE: abs(announced - frames)}


def _refused(error: ServiceRefusalError) -> EpisodeError:
    return EpisodeError(ErrorCode.SUBMIT_REFUSED, str(error))
