"""Makes episodes on a cluster whose machines see the dataset's folder.

The driver alone talks to the service: the tasks get presigned URLs.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.episode_task import DownloadOptions, ExpiredUrlsError, make_episode
from odyssey_ros.dataset.retry_policy import STANDARD
from odyssey_ros.dataset.task_progress import followed

if TYPE_CHECKING:
    from odyssey_ros.dataset.engines.task_engine import TaskEngine
    from odyssey_ros.dataset.episode_task import EpisodeWork
    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.progress import EpisodeProgress
    from odyssey_ros.dataset.retry_policy import RetryPolicy
    from odyssey_ros.dataset.sources import EpisodeSource

_PROGRESS: Final = 1 << 16


class ClusterTasks:
    """Makes episodes on a cluster: each is one task, which downloads and writes. Use it on one event loop.

    Args:
        engine: Runs the tasks. It is not closed here.
        options: How the tasks download.
        retry_policy: Renewals of URLs that have expired. A task that received 64 KiB restarts them.
    """

    def __init__(
        self,
        engine: TaskEngine,
        options: DownloadOptions = DownloadOptions(),  # noqa: B008 -- frozen
        retry_policy: RetryPolicy = STANDARD,
    ) -> None:
        self._engine = engine
        self._options = options
        self._retry_policy = retry_policy

    def start(self, episodes: int) -> None:
        """Do nothing: the cluster runs."""

    async def at_once(self) -> int:
        """Return how many episodes may be in work: one more than the cluster runs at the moment."""
        return 1 + await asyncio.to_thread(lambda: self._engine.width)

    async def make(
        self, source: EpisodeSource, work: EpisodeWork, progress: EpisodeProgress
    ) -> ManifestEntry:
        """Make an episode.

        Raises:
            EpisodeError: The episode cannot be made.
        """
        work = replace(work, folders=work.folders.absolute(), options=self._options)
        waits = self._retry_policy.waits()
        received = 0
        while True:
            progress.phase("waiting for the cluster")
            try:
                return await followed(self._engine.submit(make_episode, work), work, progress)
            except ExpiredUrlsError as error:
                if error.received >= received + _PROGRESS:
                    waits = self._retry_policy.waits()
                received = error.received
                wait_s = next(waits, None)
                if wait_s is None:
                    raise
            await self._retry_policy.sleep(wait_s)
            work = replace(work, stream=await source.renew(work.stream))

    def close(self) -> None:
        """Do nothing: the tasks were cancelled with `make`."""
