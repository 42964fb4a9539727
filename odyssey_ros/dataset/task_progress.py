"""The progress of a task in another process, from the sizes of the files that it writes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.downloading.partial_file import PartialFile
from odyssey_ros.dataset.engines.task_engine import LostTaskError
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.fetching import video_path

if TYPE_CHECKING:
    from concurrent.futures import Future

    from odyssey_ros.dataset.episode_task import EpisodeWork
    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.progress import EpisodeProgress

_POLL_S: Final = 1.0


async def followed(
    task: Future[ManifestEntry], work: EpisodeWork, progress: EpisodeProgress
) -> ManifestEntry:
    """Return the result of a task; show its progress meanwhile. Cancelling this cancels the task.

    Raises:
        EpisodeError: The error of the task, or `INTERNAL` when it was lost.
    """
    running = asyncio.wrap_future(task)
    try:
        while not (await asyncio.wait({running}, timeout=_POLL_S))[0]:
            await asyncio.to_thread(_show, work, progress)
        return running.result()
    except LostTaskError as error:
        raise EpisodeError(ErrorCode.INTERNAL, str(error)) from error
    finally:
        running.cancel()


def _show(work: EpisodeWork, progress: EpisodeProgress) -> None:
    """Show what the files tell; nothing, when there are none."""
    try:
        written = sum(file.stat().st_size for file in work.folders.partial_path(work.name).glob("*.mcap"))
        if written:
            progress.phase("writing", written // 1000, None, "kB")
        elif work.fetched is None:
            partial = PartialFile(video_path(work.folders.downloads(work.name), work.stream))
            received, total = partial.size(), partial.version().total
            if received:
                total_kb = None if total is None else total // 1000
                progress.phase("downloading", received // 1000, total_kb, "kB")
    except OSError:
        pass  # the task has just renamed or removed a file
