"""Makes episodes on this machine: the driver downloads, and threads or processes write the bags."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.engines.process_engine import ProcessEngine
from odyssey_ros.dataset.episode_task import make_episode, prepare
from odyssey_ros.dataset.errors import DatasetError, disk_error
from odyssey_ros.dataset.fetching import fetch_stream
from odyssey_ros.dataset.task_progress import followed

if TYPE_CHECKING:
    from pathlib import Path

    from odyssey_ros.dataset.downloading.downloads import Downloader
    from odyssey_ros.dataset.engines.task_engine import TaskEngine
    from odyssey_ros.dataset.episode_task import EpisodeWork
    from odyssey_ros.dataset.fetching import FetchedStream
    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.progress import EpisodeProgress
    from odyssey_ros.dataset.sources import EpisodeSource

FEW_EPISODES: Final = 16
"""Up to this number, threads of this process write the bags: each process needs a second to start."""

_FRAMES_PER_REPORT: Final = 20


class LocalTasks:
    """Makes episodes on this machine. Use it on one event loop.

    Args:
        downloader: Downloads the files.
        downloads: Downloads at the same time.
        decoders: Bags that are written at the same time.
    """

    def __init__(self, downloader: Downloader, downloads: int, decoders: int) -> None:
        self._downloader = downloader
        self._download_slots = asyncio.Semaphore(downloads)
        self._decoder_slots = asyncio.Semaphore(decoders)
        self._at_once = downloads + decoders
        self._decoders = decoders
        self._threads = ThreadPoolExecutor(decoders, thread_name_prefix="odyssey-dataset")
        self._processes: TaskEngine | None = None
        self._stopped = threading.Event()

    def start(self, episodes: int) -> None:
        """Prepare for a number of episodes: processes start while the first jobs run."""
        if episodes > FEW_EPISODES:
            self._processes = ProcessEngine(self._decoders)
            for _ in range(self._decoders):
                self._processes.submit(prepare, None)

    async def at_once(self) -> int:
        """Return how many episodes may be in work."""
        return self._at_once

    async def make(
        self, source: EpisodeSource, work: EpisodeWork, progress: EpisodeProgress
    ) -> ManifestEntry:
        """Make an episode.

        Raises:
            EpisodeError: The episode cannot be made.
        """
        progress.phase("waiting to be downloaded")
        async with self._download_slots:
            fetched = await self._fetch(source, work, progress)
        progress.phase("waiting to be written")
        async with self._decoder_slots:
            work = replace(work, fetched=fetched)
            if self._processes is not None:
                progress.phase("writing")
                return await followed(self._processes.submit(make_episode, work), work, progress)
            return await self._on_thread(work, progress)

    def close(self) -> None:
        """End all work. Blocks."""
        self._stopped.set()
        if self._processes is not None:
            self._processes.close()
        self._threads.shutdown(wait=True)

    async def _fetch(
        self, source: EpisodeSource, work: EpisodeWork, progress: EpisodeProgress
    ) -> FetchedStream:
        def on_bytes(done: int, total: int | None) -> None:
            progress.phase("downloading", done // 1000, None if total is None else total // 1000, "kB")

        try:
            folder = await asyncio.to_thread(self._free_folder, work)
        except OSError as error:
            raise disk_error(error, "the downloads") from error
        return await fetch_stream(source, work.stream, folder, self._downloader, on_bytes=on_bytes)

    def _free_folder(self, work: EpisodeWork) -> Path:
        """Return the folder for downloads, as soon as no task of a dead driver works on the episode."""
        with work.folders.locked(work.name, self._check_stopped):
            return work.folders.downloads(work.name)

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise _StoppedError

    async def _on_thread(self, work: EpisodeWork, progress: EpisodeProgress) -> ManifestEntry:
        def on_frame(frames: int) -> None:
            self._check_stopped()
            if frames % _FRAMES_PER_REPORT == 0:
                progress.phase("writing", frames, work.stream.frame_count, "frames")

        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, make_episode, work, on_frame)


class _StoppedError(DatasetError):
    """The run ends, so the bag is no longer needed."""
