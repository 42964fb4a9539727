"""The parts of a configured player: the library, the playback and the topics."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from typing import TYPE_CHECKING

from odyssey_ros.bridge.player.playback import Playback
from odyssey_ros.bridge.player.playback_state import PlaybackPhase
from odyssey_ros.bridge.player.player_topics import PlayerTopics
from odyssey_ros.client import as_odyssey_error

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from odyssey_ros.bridge.frames.image_settings import ImageSettings
    from odyssey_ros.bridge.player.episode_library import EpisodeFetcher
    from odyssey_ros.bridge.player.latched_topics import LatchedTopics
    from odyssey_ros.bridge.player.playback_state import PlaybackState
    from odyssey_ros.bridge.player_parameters import PlayerParameters
    from odyssey_ros.bridge.runtime.managed_node import ManagedNode
    from odyssey_ros.client import OdysseyError
    from odyssey_ros.dataset.episodes import Episode


class PlayerSession:
    """Plays what is configured, from `fetch` until `close`. Use it on the executor's thread.

    Args:
        node: The node of the topics, whose asyncio thread fetches the episodes.
        latched: The topics `~/playback` and `~/timeline`.
        parameters: The parameters of the node.
        settings: Settings of the image topics.
        wait_for: Names of the topics that need a subscriber before playback starts.
        on_failure: Called on the executor's thread when nothing can be played any more; not after `close`.
        on_finished: Called on the executor's thread after the last episode; not after `close`.

    Attributes:
        playback: The playback.
        failure: The error with which playback has ended, if it has.

    Raises:
        OverrideError: The parameters contain an invalid override of a quality of service.
    """

    def __init__(
        self,
        node: ManagedNode,
        latched: LatchedTopics,
        parameters: PlayerParameters,
        settings: ImageSettings,
        wait_for: Sequence[str],
        on_failure: Callable[[OdysseyError], None],
        on_finished: Callable[[PlaybackState], None],
    ) -> None:
        self.failure: OdysseyError | None = None
        self._node = node
        self._on_failure = on_failure
        self._on_finished = on_finished
        self._closed = False
        self._folder: Path | None = None
        self._keep_files = False
        self._fetching: concurrent.futures.Future[None] | None = None
        self._topics = PlayerTopics(
            node,
            settings,
            latched,
            wait_for=wait_for,
            lossless=parameters.rate == 0,
            publish_clock=parameters.publish_clock,
            steady_ns=time.monotonic_ns,
        )
        self.playback = Playback(
            self._topics,
            self,
            rate=parameters.rate,
            loop=parameters.loop,
            paused=parameters.start_paused,
            has_clock=parameters.publish_clock,
        )

    def fetch(self, fetch: EpisodeFetcher, folder: Path, *, keep: bool) -> None:
        """Begin to fetch the episodes in the background.

        Args:
            fetch: Fetches them on the asyncio thread.
            folder: The folder for the files.
            keep: Whether the folder stays after `close`.
        """
        self._folder, self._keep_files = folder, keep
        work = fetch(folder, self.playback)
        self._fetching = self._node.asyncio_thread.submit(self._report_failure_of(work))

    def apply(self, settings: ImageSettings, rate: float, *, loop: bool) -> None:
        """Apply parameters that have changed."""
        self._topics.frames.settings = settings
        self.playback.set_pace(rate, loop=loop)

    def wait_for_delivery(self, timeout_s: float) -> None:
        """Wait until the reliable subscribers have received all messages, up to a limit in seconds."""
        self._topics.wait_for_delivery(timeout_s)

    def close(self) -> concurrent.futures.Future[None]:
        """End playback and destroy the topics. The future ends with the fetching, in the background."""
        self._closed = True
        if self.playback.close():
            self._topics.destroy()
        else:
            self._node.get_logger().error(
                "The playback thread did not end in time; its topics remain until the process ends"
            )
        return self._node.asyncio_thread.submit(self._clean_up())

    async def _report_failure_of(self, fetching: Awaitable[None]) -> None:
        try:
            await fetching
        except Exception as error:  # noqa: BLE001 -- reported; nothing reads the result of this task
            self.playback_failed(as_odyssey_error(error))

    async def _clean_up(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wrap_future(self._fetching)
        if self._folder is not None and not self._keep_files:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    # -- notifications, on the playback thread -----------------------------------------------------

    def state_changed(self, state: PlaybackState) -> None:
        """Log the changes that concern an operator."""
        logger, name = self._node.get_logger(), f"episode {state.episode + 1} of {state.episodes}"
        if state.phase is PlaybackPhase.EPISODE_FAILED:
            logger.error(f"Cannot play {name}: {state.error_code}: {state.message}")
        elif state.phase is PlaybackPhase.EPISODE_COMPLETE:
            logger.info(f"Played {name}: {state.frame_count} frames of {state.stream_id}")
        elif state.phase is PlaybackPhase.FINISHED:
            logger.info("All episodes have been played")
            self._node.calls.post(lambda: None if self._closed else self._on_finished(state))
        elif state.phase is PlaybackPhase.WAITING:
            logger.info("Waiting for subscribers")
        elif state.message:
            logger.info(state.message)

    def packets_limited(self, episode: Episode, reason: str) -> None:
        """Log why packets of an episode are missing for subscribers, or come late."""
        self._node.get_logger().warning(f"Episode {episode.stream_id}: {reason}")

    def episode_damaged(self, episode: Episode) -> None:
        """Delete a damaged video from the cache, so that it is downloaded again the next time."""
        if self._keep_files and self._folder is not None and episode.video_path.parent == self._folder:
            episode.video_path.unlink(missing_ok=True)

    def playback_failed(self, error: OdysseyError) -> None:
        """Report that nothing can be played any more. From any thread."""

        def report() -> None:
            if not self._closed:
                self.failure = error
                self._on_failure(error)

        self._node.calls.post(report)
