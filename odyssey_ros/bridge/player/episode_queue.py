"""The episodes in their order, and the one that is open. Needs no thread and no ROS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.bridge.player.episode_errors import not_playable
from odyssey_ros.bridge.player.frame_demand import FrameDemand, FrameStart
from odyssey_ros.bridge.player.open_episode import OpenEpisode, frame_index_at
from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.dataset.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.bridge.player.episode_library import LibraryEpisode
    from odyssey_ros.bridge.player.open_episode import EpisodeOpener
    from odyssey_ros.dataset.episodes import Episode


class EpisodeQueue:
    """The fetched episodes, and the current one. Not thread-safe.

    Args:
        opener: Opens the video files.
        loop: Whether the first episode follows the last one.
        demand: Returns what the subscribers need at the moment.

    Attributes:
        loop: As given; can be changed.
        count: How many episodes there are; None until it is known.
        number: Number of the current episode, from 0.
        finished: Whether the last episode is over, or all of them have failed.
        open_episode: The current episode while it is open.
    """

    def __init__(
        self, opener: EpisodeOpener, *, loop: bool, demand: Callable[[], FrameDemand] = FrameDemand
    ) -> None:
        self.loop = loop
        self.count: int | None = None
        self.number = 0
        self.finished = False
        self.open_episode: OpenEpisode | None = None
        self._opener = opener
        self._demand = demand
        self._fetched: dict[int, LibraryEpisode] = {}
        self._failed_in_round = 0

    def add(self, number: int, episode: LibraryEpisode) -> None:
        """Add an episode that has been fetched, or whose fetching has failed."""
        self._fetched[number] = episode

    @property
    def current(self) -> Episode | EpisodeError | None:
        """The current episode, or the error of fetching it, or None until it is fetched."""
        fetched = self._fetched.get(self.number)
        return None if fetched is None else fetched.episode

    def open_current(self) -> OpenEpisode | EpisodeError | None:
        """Open the current episode unless it is open.

        Returns:
            The open episode; the error of fetching or opening it; or None until it is fetched.
        """
        fetched = self._fetched.get(self.number)
        if self.open_episode is not None or fetched is None:
            return self.open_episode
        episode = fetched.episode
        if isinstance(episode, EpisodeError):
            return episode
        try:
            index = self._opener.read_index(episode)
        except EpisodeError as error:
            return error
        frames = self._opener.open_frames(episode, index, FrameStart(0, self._demand().pictures))
        self.open_episode = OpenEpisode(self.number, episode, fetched.script_index, index, frames)
        return self.open_episode

    def reopen(self, start: FrameStart) -> None:
        """Read the open episode again from a frame on."""
        episode = self.open_episode
        assert episode is not None  # noqa: S101 -- one of its frames is published next
        episode.frames.close()
        episode.pending = None
        episode.frames = self._opener.open_frames(episode.episode, episode.index, start)

    def seek(self, number: int, frame_index: int, position_s: float) -> OpenEpisode:
        """Open an episode at a frame, as the current one; a new round begins with it.

        Args:
            number: Number of the episode; negative for the current one.
            frame_index: Number of the frame; negative to use `position_s`.
            position_s: A media time at which the frame is shown, in seconds.

        Raises:
            OdysseyError: There is no such frame, or its episode is not fetched yet or cannot be played. The
                open episode stays open.
        """
        number = self.number if number < 0 else number
        episode, script_index = self._playable(number)
        before = self.open_episode
        if before is not None and before.number != number:
            before = None
        try:
            index = self._opener.read_index(episode) if before is None else before.index
        except EpisodeError as error:
            raise not_playable(number, error) from error
        first = frame_index_at(index.times_ns, frame_index, position_s)
        self._go_to(number)
        demand = self._demand()
        start = FrameStart(first, demand.pictures, key_frame=demand.packets)
        frames = self._opener.open_frames(episode, index, start)
        opened = OpenEpisode(number, episode, script_index, index, frames, first, whole=False)
        if before is not None:
            opened.continue_from(before)
        self.open_episode = opened
        return opened

    def advance(self) -> bool:
        """Go to the next episode, and return whether a round is over.

        `finished` is true then, unless `loop` is.
        """
        self.close()
        self.number += 1
        if self.number != self.count:
            return False
        self.number = self._failed_in_round = 0
        self.finished = not self.loop
        return True

    def count_failure(self) -> bool:
        """Count the failure of the current episode, and return whether all episodes of the round have failed.

        `finished` is true then.
        """
        self._failed_in_round += 1
        all_failed = self._failed_in_round == self.count
        self.finished = self.finished or all_failed
        return all_failed

    def rewind(self) -> None:
        """Go to the first episode."""
        self._go_to(0)

    def close(self, timeout: float = 0.0) -> None:
        """Close the open episode; wait at most `timeout` seconds for the end of its thread."""
        if self.open_episode is not None:
            self.open_episode.frames.close(timeout)
            self.open_episode = None

    def _go_to(self, number: int) -> None:
        self.close()
        self.number, self.finished, self._failed_in_round = number, False, 0

    def _playable(self, number: int) -> tuple[Episode, int]:
        """Return an episode and its script index.

        Raises:
            OdysseyError: There is no such episode, or it is not fetched yet, or fetching it has failed.
        """
        if self.count is not None and number >= self.count:
            raise OdysseyError(
                f"there is no episode {number}; there are {self.count}", code=ErrorCode.BAD_ARGUMENT
            )
        fetched = self._fetched.get(number)
        if fetched is None:
            raise OdysseyError(f"episode {number} is not fetched yet", code=ErrorCode.NOT_FETCHED)
        if isinstance(fetched.episode, EpisodeError):
            raise not_playable(number, fetched.episode)
        return fetched.episode, fetched.script_index
