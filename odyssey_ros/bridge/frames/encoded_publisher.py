"""Publishes encoded pictures on the topics beside an image topic, as the service encoded them."""

from __future__ import annotations

import array
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.event_handler import UnsupportedEventTypeError
from rclpy.qos import QoSProfile, ReliabilityPolicy

from odyssey_ros.bridge.frames.encoded_messages import COMPRESSED_VIDEO, FFMPEG_PACKET, MessageTypeError
from odyssey_ros.bridge.frames.image_topic_publishers import create_publisher, topic_beside
from odyssey_ros.bridge.runtime.qos_overrides import OverrideError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.event_handler import QoSPublisherMatchedInfo
    from rclpy.node import Node
    from rclpy.publisher import Publisher
    from rclpy.timer import Timer
    from std_msgs.msg import Header

    from odyssey_ros.bridge.frames.encoded_messages import OptionalMessageType

# A lost message costs all pictures until the next key frame. So two seconds at 30 Hz are kept.
ENCODED_QOS: Final = QoSProfile(depth=60, reliability=ReliabilityPolicy.RELIABLE)
POLL_PERIOD_S: Final = 0.1  # with a middleware that has no event for new subscriptions
# A publisher knows a subscription before the subscription knows the publisher. A best-effort subscription
# misses what is published in between: the messages of up to 0.12 s with Fast DDS on one machine.
SETTLING_S: Final = 0.25
KEY_FRAME_FLAG: Final = 1  # AV_PKT_FLAG_KEY of libavcodec


class EncodedPicture(Protocol):
    """An encoded picture: an access unit of H.264 in Annex B, or a frame of VP8."""

    @property
    def codec(self) -> str:
        """`h264` or `vp8`."""

    @property
    def data(self) -> bytes:
        """The encoded picture; a key frame of H.264 begins with SPS and PPS."""

    @property
    def is_key_frame(self) -> bool:
        """Whether a decoder can begin with this picture."""

    @property
    def width(self) -> int | None:
        """Width in pixels, if known."""

    @property
    def height(self) -> int | None:
        """Height in pixels, if known."""

    @property
    def number(self) -> int:
        """Strictly rising number, which becomes the `pts` of an FFMPEGPacket."""


class EncodedPublisher:
    """The publishers of `~/image_raw/ffmpeg` and `~/image_raw/foxglove`.

    A topic whose message package is not installed is not offered; the log says which package brings it.

    After a time without subscribers, what a topic publishes begins with a key frame. A new best-effort
    subscription may miss messages for `settling_s`. So only key frames are published in this time, and all
    pictures from the first key frame after it. With reliable subscriptions there is no such time.

    Create and destroy it on the executor's thread; call `publish` on one thread, which may be another one.

    Args:
        node: The node.
        name: The name of the image topic. The topics are beside it, also when it is remapped.
        qos: The quality of service of both topics, which parameters can override.
        on_subscribed: Called on the executor's thread when a topic has new subscriptions, and again after
            `settling_s` if they may miss messages: a key frame is needed then.
        settling_s: Time in seconds for which a new best-effort subscription may miss messages.

    Raises:
        OverrideError: The overrides of the quality of service are invalid.
    """

    def __init__(
        self,
        node: Node,
        name: str = "~/image_raw",
        qos: QoSProfile = ENCODED_QOS,
        on_subscribed: Callable[[], None] = lambda: None,
        *,
        settling_s: float = SETTLING_S,
    ) -> None:
        self._node = node
        self._on_subscribed = on_subscribed
        self._settling_s = settling_s
        self._topics: list[_EncodedTopic] = []
        self._refusals: set[str] = set()
        kinds = (_FfmpegTopic, _FoxgloveTopic)
        missing = [reason for kind in kinds if (reason := self._offer(kind, name, qos))]
        if missing:
            node.get_logger().info(
                f"Topics not offered, their message package is missing: {', '.join(missing)}"
            )

    @property
    def publishers(self) -> tuple[Publisher, ...]:
        """The publishers of the topics that are offered."""
        return tuple(topic.publisher for topic in self._topics)

    def watched(self) -> bool:
        """Return whether any of the topics has a subscriber. From any thread."""
        watched = [topic.watched() for topic in self._topics]  # each notes that nobody watches
        return any(watched)

    def publish(self, picture: EncodedPicture, header: Header, *, not_for_foxglove: str = "") -> bool:
        """Publish a picture on the topics that have subscribers, and have begun with a key frame.

        Args:
            picture: The picture.
            header: The header of all topics of the frame.
            not_for_foxglove: The reason why a CompressedVideo cannot carry this picture, for example because
                pictures are not in the order of presentation. Each reason is logged once.

        Returns:
            Whether it was published.
        """
        data: array.array[int] | None = None
        for topic in self._topics:
            refusal = topic.refusal(picture, not_for_foxglove)
            if refusal:
                if refusal not in self._refusals and topic.watched():
                    self._refusals.add(refusal)
                    self._node.get_logger().warning(f"Nothing is published on {topic.name}: {refusal}")
            elif topic.due(picture):
                if data is None:
                    data = array.array("B", picture.data)
                topic.publish(picture, header, data)
        return data is not None

    def destroy(self) -> None:
        """Destroy the publishers; nothing may publish any more. On the executor's thread; idempotent."""
        for topic in self._topics:
            topic.destroy()

    def _offer(self, kind: type[_EncodedTopic], name: str, qos: QoSProfile) -> str:
        """Create a topic, or return its name with the reason why it cannot be created."""
        try:
            self._topics.append(kind(self._node, name, qos, self._on_subscribed, self._settling_s))
        except MessageTypeError as error:
            return f"{kind.resolved(self._node, name)} ({error})"
        except OverrideError:
            self.destroy()
            raise
        return ""


class _EncodedTopic:
    """One topic, its subscribers, and the message that is reused for every picture; publishing copies it."""

    message_type: OptionalMessageType
    suffix: str

    def __init__(
        self, node: Node, name: str, qos: QoSProfile, on_subscribed: Callable[[], None], settling_s: float
    ) -> None:
        message_type = self.message_type.load()
        # With `check_fields`, the message keeps a reference to the array of the data; without it, a copy.
        self._message = message_type(check_fields=True)
        self._node = node
        self._on_subscribed = on_subscribed
        self._settling_s = settling_s
        self._lock = threading.Lock()
        self._settled_at: float | None = None  # on the monotonic clock; None without subscriptions
        self._begun = False  # a key frame was published since then
        self._destroyed = False
        self._count = 0  # of subscriptions, at the last poll
        self._timers: list[Timer] = []
        arguments = (node, message_type, f"{name}/{self.suffix}", qos, self.beside(node, name))
        try:
            self.publisher = create_publisher(*arguments, self._matched)
        except UnsupportedEventTypeError:
            self.publisher = create_publisher(*arguments)
            self._create_timer(POLL_PERIOD_S, self._poll)
        self._settled = self._create_timer(settling_s, self._have_settled)
        self._settled.cancel()

    @classmethod
    def beside(cls, node: Node, name: str) -> str:
        """Return the name of the topic beside the resolved image topic."""
        return f"{node.resolve_topic_name(name)}/{cls.suffix}"

    @classmethod
    def resolved(cls, node: Node, name: str) -> str:
        """Return the resolved name of the topic, also when it is not offered."""
        topic = topic_beside(node, f"{name}/{cls.suffix}", cls.beside(node, name))
        return str(node.resolve_topic_name(topic))

    @property
    def name(self) -> str:
        """The resolved name of the topic."""
        return str(self.publisher.topic_name)

    def refusal(self, picture: EncodedPicture, not_for_foxglove: str) -> str:
        """Return why the topic cannot carry a picture; empty if it can."""
        return ""

    def publish(self, picture: EncodedPicture, header: Header, data: array.array[int]) -> None:
        """Publish a picture."""
        raise NotImplementedError

    def watched(self) -> bool:
        """Return whether the topic has a subscriber. From any thread."""
        with self._lock:
            return self._subscriptions() > 0

    def due(self, picture: EncodedPicture) -> bool:
        """Return whether a picture is to be published, and note that the topic has begun."""
        with self._lock:
            if self._subscriptions() == 0:
                return False
            assert self._settled_at is not None  # noqa: S101 -- there are subscriptions
            self._begun = self._begun or (picture.is_key_frame and time.monotonic() >= self._settled_at)
            return self._begun or picture.is_key_frame

    def destroy(self) -> None:
        """Destroy the publisher."""
        with self._lock:
            self._destroyed = True
        for timer in self._timers:
            self._node.destroy_timer(timer)
        self._node.destroy_publisher(self.publisher)

    def _subscriptions(self) -> int:
        """Return the number of subscriptions; without any, the topic has not begun. With the lock."""
        count = 0 if self._destroyed else self.publisher.get_subscription_count()
        if count == 0:
            self._settled_at, self._begun = None, False
        elif self._settled_at is None:
            self._settled_at = time.monotonic() + (self._settling_s if self._may_miss_messages(count) else 0)
        return count

    def _may_miss_messages(self, count: int) -> bool:
        """Return whether one of so many subscriptions gets nothing again that it has missed."""
        found = self._node.get_subscriptions_info_by_topic(self.name)
        ends = [self.publisher.qos_profile, *(info.qos_profile for info in found)]
        return len(found) < count or any(end.reliability != ReliabilityPolicy.RELIABLE for end in ends)

    def _matched(self, event: QoSPublisherMatchedInfo) -> None:
        with self._lock:
            self._subscriptions()  # the last subscriber may have gone while no picture came
        if event.total_count_change > 0:
            self._subscribed()

    def _poll(self) -> None:
        with self._lock:
            before, self._count = self._count, self._subscriptions()
            risen = self._count > before
        if risen:
            self._subscribed()

    def _subscribed(self) -> None:
        if self._destroyed:  # the executor had the event before
            return
        with self._lock:
            count = self._subscriptions()
            settles = count > 0 and self._may_miss_messages(count)
            if count > 0 and not self._begun:
                # A call on another thread may have seen the subscription before the graph knew its quality.
                self._settled_at = time.monotonic() + (self._settling_s if settles else 0)
        if settles:
            self._settled.reset()
        self._on_subscribed()

    def _have_settled(self) -> None:
        self._settled.cancel()
        self._on_subscribed()

    def _create_timer(self, period_s: float, callback: Callable[[], None]) -> Timer:
        timer = self._node.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._timers.append(timer)
        return timer


class _FfmpegTopic(_EncodedTopic):
    """The topic that the plugin `ffmpeg` of image_transport subscribes to."""

    message_type = FFMPEG_PACKET
    suffix = "ffmpeg"

    def publish(self, picture: EncodedPicture, header: Header, data: array.array[int]) -> None:
        message = self._message
        message.header = header
        message.width, message.height = picture.width or 0, picture.height or 0
        # The codec, libav's pixel format of the encoder, that of cv_bridge and that of the ROS image.
        message.encoding = f"{picture.codec};yuv420p;rgb8;rgb8"
        message.pts = picture.number
        message.flags = KEY_FRAME_FLAG if picture.is_key_frame else 0
        message.data = data
        self.publisher.publish(message)


class _FoxgloveTopic(_EncodedTopic):
    """The topic of foxglove_compressed_video_transport, Foxglove and our datasets; H.264 only."""

    message_type = COMPRESSED_VIDEO
    suffix = "foxglove"

    def refusal(self, picture: EncodedPicture, not_for_foxglove: str) -> str:
        if picture.codec != "h264":
            return f"{COMPRESSED_VIDEO.package}/{COMPRESSED_VIDEO.name} has no format for {picture.codec}"
        return not_for_foxglove

    def publish(self, picture: EncodedPicture, header: Header, data: array.array[int]) -> None:
        message: Any = self._message
        message.timestamp, message.frame_id = header.stamp, header.frame_id
        message.format = picture.codec
        message.data = data
        self.publisher.publish(message)
