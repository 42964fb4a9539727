"""The topics of the player: what the live bridge publishes for a stream, the state of playing, and /clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.time import Time
from rosgraph_msgs.msg import Clock

from odyssey_ros.bridge.conversions import text_field
from odyssey_ros.bridge.frames.frame_publisher import IMAGE_QOS, FramePublisher
from odyssey_ros.bridge.frames.stamping import ArrivalStamps
from odyssey_ros.bridge.player.subscriber_acks import SubscriberAcks
from odyssey_ros.msg import PlaybackStatus, StreamEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rclpy.publisher import Publisher

    from odyssey_ros.bridge.frames.image_settings import ImageSettings
    from odyssey_ros.bridge.player.playback_state import PlaybackState, PlayedEvent, PlayedFrame
    from odyssey_ros.bridge.runtime.managed_node import ManagedNode
    from odyssey_ros.dataset.episodes import Episode

STATUS_QOS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# For waiting until each frame is taken. Fast DDS asks for an acknowledgement at once when the publisher's
# history is full, else every three seconds.
LOSSLESS_QOS = QoSProfile(depth=1)
EVENTS_QOS = QoSProfile(depth=100)
CLOCK_QOS = QoSProfile(depth=10)
NAMES = ("image_raw", "image_raw/compressed", "camera_info", "frame_info", "events", "playback")


class PlayerObserver(Protocol):
    """Who is told what is no topic's matter. All calls come on the playback's thread."""

    def episode_damaged(self, episode: Episode) -> None:
        """A file cannot be played."""

    def gave_up(self, code: str, message: str) -> None:
        """Playing has ended for good."""

    def state_changed(self, state: PlaybackState) -> None:
        """Playing stands elsewhere than before."""


def status_message(state: PlaybackState, stamp_ns: int) -> PlaybackStatus:
    """Return a state as a message."""
    return PlaybackStatus(
        stamp=Time(nanoseconds=stamp_ns).to_msg(),
        state=getattr(PlaybackStatus, state.phase.name),
        state_text=state.phase.name.lower().replace("_", " "),
        message=text_field(state.message),
        error_code=text_field(state.error_code),
        episode=state.episode,
        episodes=state.episodes,
        rounds=state.rounds,
        episodes_begun=state.begun,
        episodes_complete=state.complete,
        episodes_failed=state.failed,
        whole=state.whole,
        stream_id=text_field(state.stream_id),
        script_index=state.script_index,
        frame_index=state.frame_index,
        frame_count=state.frame_count,
        position=Duration(nanoseconds=state.position_ns).to_msg(),
        duration=Duration(nanoseconds=state.duration_ns).to_msg(),
        rate=state.rate,
    )


class PlayerTopics:
    """Publishes what is played: the output of a `Playback`.

    ``header.stamp`` is when the frame is due, in the clock that its subscribers live by. That is the node's
    clock, or the one published here: it begins with the node's time, runs in media time, stands while nothing
    is played, and never goes back. In both, stamps rise from frame to frame.

    Create and destroy on the executor's thread.
    """

    def __init__(
        self,
        node: ManagedNode,
        settings: ImageSettings,
        status: Publisher,
        observer: PlayerObserver,
        *,
        wait_for: Sequence[str],
        lossless: bool,
        publish_clock: bool,
        steady_ns: Callable[[], int],
    ) -> None:
        self.frames = FramePublisher(node, settings, qos=LOSSLESS_QOS if lossless else IMAGE_QOS)
        self._node = node
        self._status = status
        self._observer = observer
        self._steady_ns = steady_ns
        self._events = node.create_publisher(StreamEvent, "~/events", EVENTS_QOS)
        self._clock = node.create_publisher(Clock, "/clock", CLOCK_QOS) if publish_clock else None
        publishers = (*self.frames.publishers, self._events, status)
        self._taken = SubscriberAcks(node, self.frames.publishers, (self._events, status))
        by_name = dict(zip(NAMES, publishers, strict=True))
        self._waited_for = [by_name[name] for name in wait_for]
        self._stamps = ArrivalStamps()
        self._origin_ns = node.get_clock().now().nanoseconds
        self._time_ns = self._origin_ns  # the last that was published

    def destroy(self) -> None:
        """Destroy the publishers, once playing has ended."""
        self._taken.destroy()
        self.frames.destroy()
        for publisher in (self._events, self._clock):
            if publisher is not None:
                self._node.destroy_publisher(publisher)

    def awaited(self, rate: float) -> bool:
        """Tell whether each topic that is waited for has a subscriber."""
        if not self._waited_for:
            return rate > 0 or self.frames.watched()
        return all(publisher.get_subscription_count() > 0 for publisher in self._waited_for)

    def stamp(self, due_ns: int, playback_ns: int) -> int:
        """Return the stamp of a frame; with a clock, publish that it is this time."""
        if self._clock is None:
            now_ns = self._now_ns()
            return self._stamps.stamp(now_ns - (self._steady_ns() - due_ns), playback_ns)
        self._time_ns = max(self._time_ns, self._origin_ns + playback_ns)
        self._publish_time()
        return self._time_ns

    def show_frame(self, frame: PlayedFrame, stamp_ns: int) -> None:
        """Publish a frame."""
        self.frames.publish(frame, stamp_ns)

    def tell_event(self, kind: PlayedEvent, stream_id: str, prompt: str, stamp_ns: int) -> None:
        """Publish an event."""
        message = StreamEvent(type=getattr(StreamEvent, kind.name), stream_id=stream_id, prompt=prompt)
        message.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
        message.header.frame_id = self.frames.settings.frame_id
        self._events.publish(message)

    def tell_state(self, state: PlaybackState) -> None:
        """Publish the state, and log what an operator wants to read."""
        self._status.publish(status_message(state, self._now_ns() if self._clock is None else self._time_ns))
        self._observer.state_changed(state)

    def tell_time(self, playback_ns: int | None) -> None:
        """Publish the clock, if there is one."""
        if playback_ns is not None:
            self._time_ns = max(self._time_ns, self._origin_ns + playback_ns)
        self._publish_time()

    def wait_until_taken(self, interrupted: Callable[[], bool]) -> bool:
        """Wait for every reliable subscriber; False when interrupted."""
        return self._taken.wait(interrupted)

    def episode_damaged(self, episode: Episode) -> None:
        """Pass it on."""
        self._observer.episode_damaged(episode)

    def gave_up(self, code: str, message: str) -> None:
        """Pass it on."""
        self._observer.gave_up(code, message)

    def _now_ns(self) -> int:
        now_ns: int = self._node.get_clock().now().nanoseconds
        return now_ns

    def _publish_time(self) -> None:
        if self._clock is not None:
            self._clock.publish(Clock(clock=Time(nanoseconds=self._time_ns).to_msg()))
