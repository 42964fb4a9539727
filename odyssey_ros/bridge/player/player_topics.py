"""The topics of the player: those of the live bridge, `~/playback`, `~/timeline`, and `/clock`."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rclpy.duration import Duration
from rclpy.qos import QoSProfile
from rclpy.time import Time
from rosgraph_msgs.msg import Clock

from odyssey_ros.bridge.conversions import text_field
from odyssey_ros.bridge.frames.encoded_messages import COMPRESSED_VIDEO, FFMPEG_PACKET
from odyssey_ros.bridge.frames.encoded_publisher import ENCODED_QOS
from odyssey_ros.bridge.frames.frame_publisher import IMAGE_QOS, FramePublisher
from odyssey_ros.bridge.frames.node_time import node_time_ns
from odyssey_ros.bridge.frames.stamping import ArrivalStamps
from odyssey_ros.bridge.player.frame_demand import FrameDemand
from odyssey_ros.bridge.player.join_count import JoinCount
from odyssey_ros.bridge.player.subscriber_acks import SubscriberAcks
from odyssey_ros.msg import StreamEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rclpy.publisher import Publisher

    from odyssey_ros.bridge.frames.image_settings import ImageSettings
    from odyssey_ros.bridge.player.episode_timeline import EpisodeTimeline
    from odyssey_ros.bridge.player.latched_topics import LatchedTopics
    from odyssey_ros.bridge.player.playback_state import PlaybackState, PlayedEvent, PlayedFrame
    from odyssey_ros.bridge.runtime.managed_node import ManagedNode
    from odyssey_ros.dataset.videos.video import EncodedPicture

# For rate 0. Fast DDS requests an acknowledgement at once when the history of the publisher is full, else
# every three seconds.
LOSSLESS_QOS: Final = QoSProfile(depth=1)
EVENTS_QOS: Final = QoSProfile(depth=100)
CLOCK_QOS: Final = QoSProfile(depth=10)
TOPIC_NAMES: Final = (
    "image_raw",
    "image_raw/compressed",
    "camera_info",
    "frame_info",
    "events",
    "playback",
    "timeline",
    "image_raw/ffmpeg",
    "image_raw/foxglove",
)
OPTIONAL_TOPICS: Final = {"image_raw/ffmpeg": FFMPEG_PACKET, "image_raw/foxglove": COMPRESSED_VIDEO}


def _optional_topic(message_name: str) -> str:
    return next(topic for topic, kind in OPTIONAL_TOPICS.items() if kind.name == message_name)


@dataclass(frozen=True, slots=True)
class _NumberedPacket:
    """A packet with its number among those of all episodes and rounds."""

    packet: EncodedPicture
    number: int

    @property
    def codec(self) -> str:
        return self.packet.codec

    @property
    def data(self) -> bytes:
        return self.packet.data

    @property
    def is_key_frame(self) -> bool:
        return self.packet.is_key_frame

    @property
    def width(self) -> int:
        return self.packet.width

    @property
    def height(self) -> int:
        return self.packet.height


class PlayerTopics:
    """Publishes the output of a `Playback`.

    `header.stamp` is the time at which the frame is due, in the clock of the subscribers. That is the clock
    of the node, or the one published here, which starts with the time of the node, runs in media time, stands
    still while nothing is played, and never goes back. Stamps rise from frame to frame in both.

    Create and destroy on the executor's thread; call the other methods on the playback thread, but `demand`
    on any.

    Args:
        node: The node of the topics.
        settings: Settings of the image topics; `frames.settings` changes them.
        latched: The topics `~/playback` and `~/timeline`, which exist before and after this object.
        wait_for: Names in `TOPIC_NAMES` of the topics that need a subscriber before playback starts.
        lossless: Whether the rate is 0: publish for `wait_for_acks`.
        publish_clock: Whether to publish `/clock`.
        steady_ns: The steady clock, in nanoseconds.

    Raises:
        OverrideError: The parameters contain an invalid override of a quality of service.
    """

    def __init__(
        self,
        node: ManagedNode,
        settings: ImageSettings,
        latched: LatchedTopics,
        *,
        wait_for: Sequence[str],
        lossless: bool,
        publish_clock: bool,
        steady_ns: Callable[[], int],
    ) -> None:
        self._joins = JoinCount()
        self.frames = FramePublisher(
            node,
            settings,
            qos=LOSSLESS_QOS if lossless else IMAGE_QOS,
            encoded_qos=LOSSLESS_QOS if lossless else ENCODED_QOS,
            on_encoded_subscribed=self._joins.subscriber_joined,
        )
        self._encoded = self.frames.publishers[len(self.frames.standard_publishers) :]
        self._packets = 0  # the packets published so far
        self._lock = threading.Lock()
        self._destroyed = False
        self._node = node
        self._latched = latched
        self._steady_ns = steady_ns
        self._events = node.create_publisher(StreamEvent, "~/events", EVENTS_QOS)
        self._clock = node.create_publisher(Clock, "/clock", CLOCK_QOS) if publish_clock else None
        states = (self._events, latched.status, latched.timeline)
        standard: tuple[Publisher, ...] = (*self.frames.standard_publishers, *states)
        self._acks = SubscriberAcks(node, self.frames.publishers, states)
        by_name = dict(zip(TOPIC_NAMES, standard, strict=False))
        for publisher in self._encoded:
            message_class: Any = publisher.msg_type
            by_name[_optional_topic(message_class.__name__)] = publisher
        self._required = [by_name[name] for name in wait_for]
        self._stamps = ArrivalStamps()
        self._origin_ns = node_time_ns(node)
        self._time_ns = self._origin_ns  # the last published time

    def destroy(self) -> None:
        """Destroy the publishers, after the end of playback."""
        with self._lock:
            self._destroyed = True
        self._acks.destroy()
        self.frames.destroy()
        for publisher in (self._events, self._clock):
            if publisher is not None:
                self._node.destroy_publisher(publisher)

    def has_subscribers(self, rate: float) -> bool:
        """Return whether each required topic has a subscriber.

        Without required topics, any image topic has to have one at rate 0.
        """
        if not self._required:
            return rate > 0 or self.frames.watched()
        return all(publisher.get_subscription_count() > 0 for publisher in self._required)

    def demand(self) -> FrameDemand:
        """Return what the subscribers need of frames at the moment. From any thread."""
        with self._lock:
            if self._destroyed:
                return FrameDemand(pictures=False)
            present = sum(publisher.get_subscription_count() for publisher in self._encoded)
            return FrameDemand(self.frames.pictures_watched(), present > 0, self._joins.update(present))

    def stamp(self, due_ns: int, playback_ns: int) -> int:
        """Return the stamp of a frame, and publish it as the time on `/clock` if there is a clock.

        Args:
            due_ns: Steady time at which the frame is due, ns.
            playback_ns: Playback time of the frame, ns.
        """
        if self._clock is None:
            stamp_ns = node_time_ns(self._node, self._steady_ns() - due_ns)
            return self._stamps.stamp(stamp_ns, playback_ns)
        self._time_ns = max(self._time_ns, self._origin_ns + playback_ns)
        self._publish_time()
        return self._time_ns

    def publish_frame(self, frame: PlayedFrame, stamp_ns: int) -> None:
        """Publish a frame on the image topics."""
        header = self.frames.header(stamp_ns)
        if frame.packet is not None:
            self._packets += 1
            self.frames.publish_encoded(_NumberedPacket(frame.packet, self._packets), header)
        if frame.picture is not None:
            self.frames.publish_picture(frame.picture, header)
        self.frames.publish_infos(frame, frame.width, frame.height, header)

    def publish_event(self, kind: PlayedEvent, stream_id: str, prompt: str, stamp_ns: int) -> None:
        """Publish a stream event."""
        message = StreamEvent(
            type=getattr(StreamEvent, kind.name), stream_id=text_field(stream_id), prompt=text_field(prompt)
        )
        message.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
        message.header.frame_id = self.frames.settings.frame_id
        self._events.publish(message)

    def publish_state(self, state: PlaybackState) -> None:
        """Publish the state of playback."""
        self._latched.publish_state(state, self._now_ns())

    def publish_timeline(self, timeline: EpisodeTimeline) -> None:
        """Publish the time line of the open episode."""
        self._latched.publish_timeline(timeline, self._now_ns())

    def publish_clock(self, playback_ns: int | None) -> None:
        """Publish a playback time on `/clock`, or the last time again for None."""
        if playback_ns is not None:
            self._time_ns = max(self._time_ns, self._origin_ns + playback_ns)
        self._publish_time()

    def wait_for_acks(self, interrupted: Callable[[], bool]) -> bool:
        """Wait until every reliable subscriber has processed all messages; return False when interrupted."""
        return self._acks.wait(interrupted)

    def wait_for_delivery(self, timeout_s: float) -> None:
        """Wait until the queues of all reliable subscribers have received everything, up to a limit in s.

        On the executor's thread.
        """
        end_ns = self._steady_ns() + int(timeout_s * 1e9)
        for publisher in (*self.frames.publishers, self._events, self._latched.status):
            publisher.wait_for_all_acked(Duration(nanoseconds=max(0, end_ns - self._steady_ns())))

    def _now_ns(self) -> int:
        """Return the time of the clock of the frames, in nanoseconds."""
        return node_time_ns(self._node) if self._clock is None else self._time_ns

    def _publish_time(self) -> None:
        if self._clock is not None:
            self._clock.publish(Clock(clock=Time(nanoseconds=self._time_ns).to_msg()))
