"""Where playing stands, and what it gives to the world. Nothing here knows ROS."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import av

    from odyssey_ros.dataset.episodes import Episode


class PlaybackPhase(enum.Enum):
    """Where playing stands; the names of PlaybackStatus's constants."""

    UNCONFIGURED = enum.auto()
    INACTIVE = enum.auto()
    FETCHING = enum.auto()
    WAITING = enum.auto()
    PLAYING = enum.auto()
    PAUSED = enum.auto()
    EPISODE_COMPLETE = enum.auto()
    EPISODE_FAILED = enum.auto()
    FINISHED = enum.auto()
    FAILED = enum.auto()


@dataclass(frozen=True, slots=True)
class PlaybackState:
    """What PlaybackStatus says; see there."""

    phase: PlaybackPhase = PlaybackPhase.UNCONFIGURED
    message: str = ""
    error_code: str = ""
    episode: int = 0
    episodes: int = 0
    rounds: int = 0
    begun: int = 0
    complete: int = 0
    failed: int = 0
    whole: bool = False
    stream_id: str = ""
    script_index: int = -1
    frame_index: int = 0
    frame_count: int = -1
    position_ns: int = 0
    duration_ns: int = 0
    rate: float = 1.0


@dataclass(frozen=True, slots=True)
class PlayedFrame:
    """A frame and its labels."""

    frame: av.VideoFrame
    index: int
    media_time_ns: int
    stream_id: str
    prompt: str


class PlayedEvent(enum.Enum):
    """What happened to the stream; the names of StreamEvent's constants."""

    STARTED = enum.auto()
    ACKNOWLEDGED = enum.auto()
    ENDED = enum.auto()


@dataclass(frozen=True, slots=True)
class FramePlace:
    """A frame of an episode."""

    episode: int
    stream_id: str
    frame_index: int
    position_ns: int


class PlaybackOutput(Protocol):
    """Where what is played goes. All calls come on the playback's thread."""

    def awaited(self, rate: float) -> bool:
        """Tell whether the subscribers are there that playing begins for."""

    def stamp(self, due_ns: int, playback_ns: int) -> int:
        """Return the stamp of a frame, of its due steady time and its playback time."""

    def show_frame(self, frame: PlayedFrame, stamp_ns: int) -> None:
        """Publish a frame."""

    def tell_event(self, kind: PlayedEvent, stream_id: str, prompt: str, stamp_ns: int) -> None:
        """Publish an event."""

    def tell_state(self, state: PlaybackState) -> None:
        """Publish the state."""

    def tell_time(self, playback_ns: int | None) -> None:
        """Publish the clock: as it stands, or at a playback time that lies before the next frame."""

    def wait_until_taken(self, interrupted: Callable[[], bool]) -> bool:
        """Wait until every reliable subscriber has taken all of it; False when interrupted."""

    def episode_damaged(self, episode: Episode) -> None:
        """A file cannot be played."""

    def gave_up(self, code: str, message: str) -> None:
        """Playing has ended for good."""
