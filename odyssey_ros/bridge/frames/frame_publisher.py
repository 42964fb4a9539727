"""Publishes a frame: its picture, its encoded form, and its camera info and labels."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from rclpy.duration import Duration
from rclpy.event_handler import UnsupportedEventTypeError
from rclpy.qos import QoSProfile
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from odyssey_ros.bridge.conversions import text_field
from odyssey_ros.bridge.frames.camera_calibration import camera_info
from odyssey_ros.bridge.frames.encoded_publisher import ENCODED_QOS, EncodedPublisher
from odyssey_ros.bridge.frames.frame_conversion import FrameConverter, bytes_per_pixel, image_format
from odyssey_ros.bridge.frames.image_topic_publishers import create_publisher
from odyssey_ros.bridge.runtime.qos_overrides import OverrideError
from odyssey_ros.msg import FrameInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    import av
    from rclpy.node import Node
    from rclpy.publisher import Publisher

    from odyssey_ros.bridge.frames.encoded_publisher import EncodedPicture
    from odyssey_ros.bridge.frames.image_settings import ImageSettings

IMAGE_QOS: Final = QoSProfile(depth=5)


class FrameLabels(Protocol):
    """The labels of a frame for FrameInfo; None is published as an empty string."""

    @property
    def index(self) -> int:
        """The number of frames of the stream before this one."""

    @property
    def media_time_ns(self) -> int:
        """Presentation time since the first frame of the stream, in ns."""

    @property
    def stream_id(self) -> str | None:
        """The stream that the frame belongs to."""

    @property
    def prompt(self) -> str | None:
        """The prompt in force."""


class LabelledFrame(FrameLabels, Protocol):
    """A decoded frame and its labels."""

    @property
    def frame(self) -> av.VideoFrame:
        """The image, of any pixel format."""


class PublishCost(NamedTuple):
    """CPU time for one frame in seconds, on the thread that published it."""

    convert_cpu_s: float
    publish_cpu_s: float


class FramePublisher:
    """The publishers of `~/image_raw` and of the topics beside it.

    These are its JPEG images and its encoded forms, `~/camera_info` and `~/frame_info`. Create and destroy it
    on the executor's thread. Call `publish_picture` on one thread at a time, and `publish_encoded` too; both
    may run at the same time. The other methods are for any thread.

    Args:
        node: The node.
        settings: The settings of the messages; can be replaced at any time.
        name: The name of the image topic. The other image topics and `camera_info` are beside it, also when
            it is remapped, as image_transport does; `frame_info` keeps the name that it has without
            remapping.
        qos: The quality of service of `image_raw` and its JPEG images.
        encoded_qos: The quality of service of the encoded topics, and of `camera_info` and `frame_info`: who
            records encoded video needs the labels of each message.
        on_encoded_subscribed: Called on the executor's thread when new subscriptions of an encoded topic need
            a key frame.
        on_picture_subscribed: Called on the executor's thread when the number of subscriptions of
            `image_raw` or its JPEG images has changed, if the middleware has an event for that.

    Raises:
        OverrideError: The overrides of the quality of service are invalid.
    """

    def __init__(
        self,
        node: Node,
        settings: ImageSettings,
        name: str = "~/image_raw",
        qos: QoSProfile = IMAGE_QOS,
        *,
        encoded_qos: QoSProfile = ENCODED_QOS,
        on_encoded_subscribed: Callable[[], None] = lambda: None,
        on_picture_subscribed: Callable[[], None] | None = None,
    ) -> None:
        self.settings = settings
        self._node = node
        self._publishers: tuple[Publisher, ...] = ()
        base = name.rsplit("/", 1)[0]
        resolved = node.resolve_topic_name(name)
        beside = resolved.rsplit("/", 1)[0]
        try:
            self._image = self._publisher(Image, name, qos, matched=on_picture_subscribed)
            self._compressed = self._publisher(
                CompressedImage, f"{name}/compressed", qos, f"{resolved}/compressed", on_picture_subscribed
            )
            self._camera_info = self._publisher(
                CameraInfo, f"{base}/camera_info", encoded_qos, f"{beside}/camera_info"
            )
            self._frame_info = self._publisher(FrameInfo, f"{base}/frame_info", encoded_qos)
            self._encoded = EncodedPublisher(node, name, encoded_qos, on_encoded_subscribed)
        except OverrideError:
            self._destroy_publishers()
            raise
        self._converter = FrameConverter()
        # With `check_fields` the first assignment checks the pixels and keeps a reference, without a copy.
        self._message = Image(check_fields=True)

    @property
    def standard_publishers(self) -> tuple[Publisher, ...]:
        """The publishers that always exist: image, JPEG, camera info and labels."""
        return self._publishers

    @property
    def publishers(self) -> tuple[Publisher, ...]:
        """The publishers: image, JPEG, camera info, labels, and the encoded topics that are offered."""
        return (*self._publishers, *self._encoded.publishers)

    def pictures_watched(self) -> bool:
        """Return whether a topic for which frames are decoded has a subscriber."""
        return self._image.get_subscription_count() > 0 or self._compressed.get_subscription_count() > 0

    def infos_watched(self) -> bool:
        """Return whether `camera_info` or `frame_info` has a subscriber."""
        return self._camera_info.get_subscription_count() > 0 or self._frame_info.get_subscription_count() > 0

    def encoded_watched(self) -> bool:
        """Return whether an encoded topic has a subscriber."""
        return self._encoded.watched()

    def watched(self) -> bool:
        """Return whether any of the topics has a subscriber."""
        return self.pictures_watched() or self.infos_watched() or self.encoded_watched()

    def header(self, stamp_ns: int) -> Header:
        """Return the header of a frame, which all its messages have."""
        return Header(frame_id=self.settings.frame_id, stamp=Time(nanoseconds=stamp_ns).to_msg())

    def publish(self, labelled: LabelledFrame, stamp_ns: int) -> PublishCost:
        """Publish a decoded frame on all topics but the encoded ones."""
        header = self.header(stamp_ns)
        cost = self.publish_picture(labelled.frame, header)
        self.publish_infos(labelled, labelled.frame.width, labelled.frame.height, header)
        return cost

    def publish_picture(self, frame: av.VideoFrame, header: Header) -> PublishCost:
        """Publish the pixels of a frame; they are converted only for topics with subscribers."""
        settings = self.settings
        started = time.thread_time()
        image = jpeg = None
        if self._image.get_subscription_count() > 0:
            image = self._image_message(frame, settings.encoding)
            image.header = header
        if self._compressed.get_subscription_count() > 0:
            jpeg = CompressedImage(header=header, format=image_format(settings.encoding))
            jpeg.data = self._converter.jpeg(frame, settings.encoding, settings.jpeg_quality)
        converted = time.thread_time()
        if image is not None:
            self._image.publish(image)
        if jpeg is not None:
            self._compressed.publish(jpeg)
        return PublishCost(converted - started, time.thread_time() - converted)

    def publish_encoded(self, picture: EncodedPicture, header: Header, *, not_for_foxglove: str = "") -> bool:
        """Publish an encoded frame; return whether a topic has carried it. See `EncodedPublisher.publish`."""
        return self._encoded.publish(picture, header, not_for_foxglove=not_for_foxglove)

    def publish_infos(
        self, labels: FrameLabels, width: int | None, height: int | None, header: Header
    ) -> None:
        """Publish the camera info and the labels of a frame if they have subscribers. Call it once a frame.

        Args:
            labels: The labels.
            width: The width of the frame in pixels; None publishes no camera info.
            height: The height of the frame in pixels; None publishes no camera info.
            header: The header.
        """
        if width is not None and height is not None and self._camera_info.get_subscription_count() > 0:
            info = camera_info(width, height, self.settings.calibration)
            info.header = header
            self._camera_info.publish(info)
        if self._frame_info.get_subscription_count() > 0:
            self._frame_info.publish(
                FrameInfo(
                    header=header,
                    stream_id=text_field(labels.stream_id),
                    frame_index=labels.index,
                    media_time=Duration(nanoseconds=labels.media_time_ns).to_msg(),
                    prompt=text_field(labels.prompt),
                )
            )

    def destroy(self) -> None:
        """Destroy the publishers; nothing may publish any more. On the executor's thread; idempotent."""
        self._encoded.destroy()
        self._destroy_publishers()

    def _destroy_publishers(self) -> None:
        for publisher in self._publishers:
            self._node.destroy_publisher(publisher)

    def _publisher(
        self,
        message_type: type,
        name: str,
        qos: QoSProfile,
        beside: str | None = None,
        matched: Callable[[], None] | None = None,
    ) -> Publisher:
        arguments = (self._node, message_type, name, qos, beside)
        try:
            publisher = create_publisher(*arguments, None if matched is None else lambda _event: matched())
        except UnsupportedEventTypeError:
            publisher = create_publisher(*arguments)
        self._publishers = (*self._publishers, publisher)
        return publisher

    def _image_message(self, frame: av.VideoFrame, encoding: str) -> Image:
        """Fill and return the message that is reused for every frame; publishing copies it."""
        pixels = self._converter.pixels(frame, encoding)
        message = self._message
        if message.data is not pixels:
            message.data = pixels
        message.height, message.width = frame.height, frame.width
        message.encoding, message.step = encoding, frame.width * bytes_per_pixel(encoding)
        return message
