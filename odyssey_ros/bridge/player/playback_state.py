"""The state of the player, the values that it publishes, and the interfaces of its outputs. Needs no ROS."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.video.frame import VideoFrame

    from odyssey_ros.bridge.player.episode_timeline import EpisodeTimeline
    from odyssey_ros.bridge.player.frame_demand import FrameDemand
    from odyssey_ros.client import ErrorCode, OdysseyError
    from odyssey_ros.dataset.episodes import Episode
    from odyssey_ros.dataset.videos.video import EncodedPicture


class PlaybackPhase(enum.Enum):
    """The phase of playback; each name is a constant of PlaybackStatus."""

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
    """The contents of a PlaybackStatus message; the message definition describes the fields."""

    phase: PlaybackPhase = PlaybackPhase.UNCONFIGURED
    message: str = ""
    error_code: ErrorCode | None = None
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
    """A frame to be published, and its labels; see `PlayableFrame`."""

    index: int
    media_time_ns: int
    stream_id: str
    prompt: str
    width: int
    height: int
    picture: VideoFrame | None = None
    packet: EncodedPicture | None = None


class PlayedEvent(enum.Enum):
    """The kind of a stream event; each name is a constant of StreamEvent."""

    STARTED = enum.auto()
    ACKNOWLEDGED = enum.auto()
    ENDED = enum.auto()


@dataclass(frozen=True, slots=True)
class FramePosition:
    """The position of a frame.

    Attributes:
        episode: Number of the episode, from 0.
        stream_id: The stream of the episode.
        frame_index: Number of the frame in the episode, from 0.
        position_ns: Media time of the frame, ns since the first frame.
    """

    episode: int
    stream_id: str
    frame_index: int
    position_ns: int


class PlaybackOutput(Protocol):
    """The topics on which an episode is published. Methods are called on the playback thread."""

    def has_subscribers(self, rate: float) -> bool:
        """Return whether the subscribers that playback waits for are present."""

    def demand(self) -> FrameDemand:
        """Return what the subscribers need of frames at the moment. From any thread."""

    def stamp(self, due_ns: int, playback_ns: int) -> int:
        """Return the stamp of a frame.

        Args:
            due_ns: Steady time at which the frame is due, ns.
            playback_ns: Playback time of the frame, ns.
        """

    def publish_frame(self, frame: PlayedFrame, stamp_ns: int) -> None:
        """Publish a frame."""

    def publish_event(self, kind: PlayedEvent, stream_id: str, prompt: str, stamp_ns: int) -> None:
        """Publish a stream event."""

    def publish_state(self, state: PlaybackState) -> None:
        """Publish the state of playback."""

    def publish_timeline(self, timeline: EpisodeTimeline) -> None:
        """Publish the time line of the open episode."""

    def publish_clock(self, playback_ns: int | None) -> None:
        """Publish the clock.

        Args:
            playback_ns: A playback time before the next frame, ns; None repeats the last time.
        """

    def wait_for_acks(self, interrupted: Callable[[], bool]) -> bool:
        """Wait until every reliable subscriber has processed all messages; return False when interrupted."""


class PlaybackObserver(Protocol):
    """Receives notifications of a playback. All methods are called on the playback thread."""

    def state_changed(self, state: PlaybackState) -> None:
        """Handle a change of state. The state has been published."""

    def packets_limited(self, episode: Episode, reason: str) -> None:
        """Handle that packets of an episode are missing for subscribers, or come late. Once per episode."""

    def episode_damaged(self, episode: Episode) -> None:
        """Handle an episode whose file cannot be played."""

    def playback_failed(self, error: OdysseyError) -> None:
        """Handle the end of playback by an error."""
