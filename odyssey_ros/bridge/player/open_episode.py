"""An open episode: its frames, the position in it, and the prompts that are due for an event."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.dataset.logs.events import EventKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.bridge.player.frame_demand import FrameStart
    from odyssey_ros.bridge.player.playable_frames import PlayableFrame
    from odyssey_ros.dataset.episodes import Episode
    from odyssey_ros.dataset.logs.events import Event
    from odyssey_ros.dataset.videos.video import VideoIndex


@dataclass(frozen=True, slots=True)
class EpisodeIndex:
    """What a reading of all packets tells of an episode.

    Attributes:
        times_ns: Media times of all frames, in nanoseconds.
        key_frames: Numbers of the frames at which a decoder can start; empty if no packet is passed through.
        video: The index of the video.
        stream_times_ns: Times of all frames in the clock of the events log; empty if they equal `times_ns`.
    """

    times_ns: Sequence[int]
    key_frames: Sequence[int] = ()
    video: VideoIndex | None = None
    stream_times_ns: Sequence[int] = ()


class FrameReader(Protocol):
    """The frames of an episode, which arrive without being waited for."""

    @property
    def ended(self) -> bool:
        """Whether all frames have been returned by `poll`."""

    def poll(self) -> PlayableFrame | None:
        """Return the next frame, or None when it is not read yet or `ended` is true.

        Raises:
            EpisodeError: The video is broken.
        """

    def close(self, timeout: float = 0.0) -> None:
        """Stop reading; wait at most `timeout` seconds for the end of the thread."""


class EpisodeOpener(Protocol):
    """Opens the video files of episodes."""

    def read_index(self, episode: Episode) -> EpisodeIndex:
        """Return the times and the key frames of an episode; blocks while it reads the file.

        Raises:
            EpisodeError: The video cannot be read.
        """

    def open_frames(self, episode: Episode, index: EpisodeIndex, start: FrameStart) -> FrameReader:
        """Begin to read frames."""


@dataclass(slots=True)
class OpenEpisode:
    """An open episode, and how much of it has been played.

    Attributes:
        number: Number of the episode, from 0.
        episode: The files.
        script_index: Index of the script in a simulation job, else -1.
        index: Times and key frames.
        frames: The frames from the first one that is played.
        next_index: Number of the next frame to publish.
        whole: Whether each frame so far was published once and in order.
        started: Whether the start event has been published.
        pending: A frame that was read and is not published yet.
        timed_index: Number of the last frame that the timeline contains.
        last_prompt: The prompt of the last frame.
        reported_prompts: Number of prompts for which an event was published.
        after_seek: Whether the next frame is the first one after a seek.
    """

    number: int
    episode: Episode
    script_index: int
    index: EpisodeIndex
    frames: FrameReader
    next_index: int = 0
    whole: bool = True
    started: bool = False
    pending: PlayableFrame | None = None
    timed_index: int = -1
    last_prompt: str = ""
    reported_prompts: int = 0
    after_seek: bool = False

    @property
    def stream_id(self) -> str:
        """The stream of the episode."""
        return self.episode.stream_id

    @property
    def times_ns(self) -> Sequence[int]:
        """Media times of all frames, in nanoseconds."""
        return self.index.times_ns

    @property
    def position_ns(self) -> int:
        """Media time of the next frame, or of the last one at the end, in nanoseconds."""
        return self.times_ns[min(self.next_index, len(self.times_ns) - 1)]

    @property
    def duration_ns(self) -> int:
        """Media time at the end of the last frame, in nanoseconds; see `duration_ns`."""
        return duration_ns(self.times_ns)

    def continue_from(self, before: OpenEpisode) -> None:
        """Take over from the same episode, from which a seek leads here, what has been published."""
        self.started, self.last_prompt, self.after_seek = before.started, before.last_prompt, before.started

    def start(self, frame: PlayableFrame) -> str:
        """Mark the episode as started with this frame, and return the prompt of the start event."""
        prompts = self.episode.events.prompts()
        self.started = True
        self.last_prompt = frame.prompt
        if frame.index > 0:
            self.reported_prompts = self._count_applied(frame)
        elif prompts:
            self.last_prompt, self.reported_prompts = prompts[0], 1
        return self.last_prompt

    def take_new_prompts(self, frame: PlayableFrame) -> Sequence[str]:
        """Return the prompts that come into force with this frame.

        After a seek, that is the prompt in force if it differs from the prompt of the last frame.
        """
        applied = self._count_applied(frame)
        new: Sequence[str] = self.episode.events.prompts()[self.reported_prompts : applied]
        if self.after_seek:
            new = [frame.prompt] if frame.prompt != self.last_prompt else []
        self.reported_prompts, self.last_prompt, self.after_seek = applied, frame.prompt, False
        return new

    def remaining_prompts(self) -> Sequence[str]:
        """Return the prompts that no frame shows: those after the last frame."""
        return self.episode.events.prompts()[self.reported_prompts :]

    def _count_applied(self, frame: PlayableFrame) -> int:
        """Return how many prompts are in force at a frame; the first one is in force from the beginning."""
        prompts = _prompt_events(self.episode)
        return next(
            (
                count
                for count, event in enumerate(prompts)
                if count > 0 and not event.applies_to(frame.index, frame.stream_time_ns)
            ),
            len(prompts),
        )


def _prompt_events(episode: Episode) -> list[Event]:
    return [event for event in episode.events.events if event.kind is not EventKind.ENDED]


def duration_ns(times_ns: Sequence[int]) -> int:
    """Return the media time at the end of the last frame, in ns; it lasts as long as the frame before it."""
    return times_ns[-1] + (times_ns[-1] - times_ns[-2] if len(times_ns) > 1 else 0)


def frame_index_at(times_ns: Sequence[int], frame_index: int, position_s: float) -> int:
    """Return the number of a frame that is given by its number or by a position.

    Args:
        times_ns: Media times of all frames, in nanoseconds.
        frame_index: Number of the frame; negative to use `position_s`.
        position_s: A media time at which the frame is shown, in seconds.

    Raises:
        OdysseyError: There is no such frame or position.
    """
    if frame_index >= len(times_ns):
        raise OdysseyError(
            f"there is no frame {frame_index}; there are {len(times_ns)}", code=ErrorCode.BAD_ARGUMENT
        )
    if frame_index >= 0:
        return frame_index
    duration_s = duration_ns(times_ns) / 1e9
    if not 0 <= position_s <= duration_s:
        raise OdysseyError(
            f"the position {position_s:g} s is not within 0 to {duration_s:g} s", code=ErrorCode.BAD_ARGUMENT
        )
    return max(0, bisect.bisect_right(times_ns, round(position_s * 1e9)) - 1)
