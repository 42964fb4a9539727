"""The collector turns sources of episodes into bags, several at once.

An episode that fails does not stop the others. A run continues where a killed run stopped.
"""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.episode_failures import contained
from odyssey_ros.dataset.episode_task import EpisodeWork
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.local_tasks import LocalTasks
from odyssey_ros.dataset.losses import IncompleteDataError, combined, described
from odyssey_ros.dataset.progress import EpisodeProgress
from odyssey_ros.dataset.sources import job_provenance
from odyssey_ros.dataset.submissions.job_watch import ServiceRefusalError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from odyssey_ros.dataset.bag_layout import BagLayout
    from odyssey_ros.dataset.downloading.downloads import Downloader
    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.progress import ProgressDisplay
    from odyssey_ros.dataset.service import RemoteStream
    from odyssey_ros.dataset.sources import EpisodeSource
    from odyssey_ros.dataset.workspace import Workspace

_GROWTH_S: Final = 2.0


class EpisodeTasks(Protocol):
    """Where located streams become bags."""

    def start(self, episodes: int) -> None:
        """Prepare for a number of episodes."""

    async def at_once(self) -> int:
        """Return how many episodes may be in work, besides those that wait for their jobs."""

    async def make(
        self, source: EpisodeSource, work: EpisodeWork, progress: EpisodeProgress
    ) -> ManifestEntry:
        """Make an episode.

        Raises:
            EpisodeError: The episode cannot be made.
        """

    def close(self) -> None:
        """End all work. Blocks."""


@dataclass(frozen=True, slots=True)
class Width:
    """Limits of what runs at the same time.

    Attributes:
        jobs: Simulation jobs in the account's queue.
        downloads: Downloads of this machine.
        decoders: Videos being decoded and written to bags by this machine, one thread or process each.
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

    The collector alone talks to the service: it submits and polls jobs, and renews URLs.

    Args:
        workspace: The dataset's folder.
        downloader: Downloads the files, unless `tasks` does.
        layout: Settings of the bags.
        width: Limits of what runs at the same time.
        progress: Receives the progress.
        tasks: Where the bags are made; None for this machine.
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
        tasks: EpisodeTasks | None = None,
        keep_downloads: bool = False,
        strict: bool = False,
    ) -> None:
        self._workspace = workspace
        self._layout = layout
        self._width = width
        self._progress = progress
        self._tasks = tasks or LocalTasks(downloader, width.downloads, width.decoders)
        self._keep_downloads = keep_downloads
        self._strict = strict
        self._job_slots = asyncio.Semaphore(width.jobs)
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
        self._tasks.start(len(wanted))
        running: set[asyncio.Task[None]] = set()
        try:
            await self._work_on(wanted, running, outcome)
        finally:
            unfinished = [task.get_name() for task in running if not task.done()]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await asyncio.to_thread(self._tasks.close)
            for name in unfinished:
                shutil.rmtree(self._workspace.partial_path(name), ignore_errors=True)
            self._workspace.write_lists(outcome.entries, outcome.failures)
        return outcome

    async def _work_on(
        self, wanted: Sequence[EpisodeSource], running: set[asyncio.Task[None]], outcome: Outcome
    ) -> None:
        """Keep as many episodes in work as may be; `running` has those in work."""
        waiting = iter(wanted)
        while True:
            at_once = self._width.jobs + await self._tasks.at_once()
            for source in islice(waiting, max(0, at_once - len(running))):
                running.add(asyncio.create_task(self._work(source, outcome), name=source.name))
            if not running:
                return
            done, _ = await asyncio.wait(running, timeout=_GROWTH_S, return_when=asyncio.FIRST_COMPLETED)
            running -= done
            for task in done:
                task.result()

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

    async def _work(self, source: EpisodeSource, outcome: Outcome) -> None:
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
            return
        self._progress.failed(source.name, str(outcome.failures[source.name]))

    async def _make(self, source: EpisodeSource) -> ManifestEntry:
        progress = EpisodeProgress(self._progress, source.name)
        await asyncio.to_thread(lambda: self._check_losses(combined(source.losses())))  # before it is paid
        async with self._job_slots:
            stream = await source.locate(progress)
        try:
            work = await asyncio.to_thread(self._work_of, source, stream)
            entry = await self._tasks.make(source, work, progress)
            self._check_losses(entry.losses)
        except EpisodeError as error:
            if error.code is ErrorCode.VIDEO_BROKEN:
                # The download may have damaged it: the next run downloads it again.
                await asyncio.to_thread(self._workspace.remove_downloads, source.name)
            raise
        await asyncio.to_thread(self._remove_downloads, source)
        return entry

    def _work_of(self, source: EpisodeSource, stream: RemoteStream) -> EpisodeWork:
        return EpisodeWork(
            name=source.name,
            stream=stream,
            folders=self._workspace.episode_folders,
            layout=self._layout,
            expected_events=source.expected_events,
            losses=source.losses(),
            provenance={**source.provenance(), **job_provenance(stream)},
            is_strict=self._strict,
        )

    def _remove_downloads(self, source: EpisodeSource) -> None:
        if not self._keep_downloads:
            self._workspace.remove_downloads(source.name)


def _refused(error: ServiceRefusalError) -> EpisodeError:
    return EpisodeError(ErrorCode.SUBMIT_REFUSED, str(error))
