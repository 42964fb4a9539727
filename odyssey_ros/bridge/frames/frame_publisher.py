"""Publishes a frame on the four image topics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from rclpy.duration import Duration
from rclpy.qos import QoSProfile
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from odyssey_ros.bridge.conversions import text_field
from odyssey_ros.bridge.frames.camera_calibration import camera_info
from odyssey_ros.bridge.frames.frame_conversion import FrameConverter, bytes_per_pixel, image_format
from odyssey_ros.bridge.frames.image_topic_publishers import create_publisher
from odyssey_ros.bridge.runtime.qos_overrides import OverrideError
from odyssey_ros.msg import FrameInfo

if TYPE_CHECKING:
    import av
    from rclpy.node import Node
    from rclpy.publisher import Publisher

    from odyssey_ros.bridge.frames.image_settings import ImageSettings

IMAGE_QOS = QoSProfile(depth=5)


class LabelledFrame(Protocol):
    """A decoded frame and its labels for FrameInfo; None is published as an empty string."""

    @property
    def frame(self) -> av.VideoFrame:
        """The image, of any pixel format."""

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


class PublishCost(NamedTuple):
    """CPU time for one frame in seconds, on the thread that published it."""

    convert_cpu_s: float
    publish_cpu_s: float


class FramePublisher:
    """The publishers of `~/image_raw`, `~/image_raw/compressed`, `~/camera_info` and `~/frame_info`.

    Create and destroy it on the executor's thread; call `publish` on one thread, which may be another one.

    Args:
        node: The node.
        settings: The settings of the messages; can be replaced at any time.
        name: The name of the image topic. The JPEG images and `camera_info` are beside it, also when it is
            remapped, as image_transport does; `frame_info` keeps the name that it has without remapping.
        qos: The quality of service of all four topics.

    Raises:
        OverrideError: The overrides of the quality of service are invalid.
    """

    def __init__(
        self,
        node: Node,
        settings: ImageSettings,
        name: str = "~/image_raw",
        qos: QoSProfile = IMAGE_QOS,
    ) -> None:
        self.settings = settings
        self._qos = qos
        self._node = node
        self._publishers: tuple[Publisher, ...] = ()
        base = name.rsplit("/", 1)[0]
        self._image = self._publisher(Image, name)
        resolved = node.resolve_topic_name(name)
        beside = resolved.rsplit("/", 1)[0]
        self._compressed = self._publisher(CompressedImage, f"{name}/compressed", f"{resolved}/compressed")
        self._camera_info = self._publisher(CameraInfo, f"{base}/camera_info", f"{beside}/camera_info")
        self._frame_info = self._publisher(FrameInfo, f"{base}/frame_info")
        self._converter = FrameConverter()
        # With `check_fields` the first assignment checks the pixels and keeps a reference, without a copy.
        self._message = Image(check_fields=True)

    @property
    def publishers(self) -> tuple[Publisher, ...]:
        """The publishers, in the order in which they publish a frame."""
        return self._publishers

    def watched(self) -> bool:
        """Return whether any of the topics has a subscriber. From any thread."""
        return any(publisher.get_subscription_count() > 0 for publisher in self.publishers)

    def publish(self, labelled: LabelledFrame, stamp_ns: int) -> PublishCost:
        """Publish a frame; pixels are converted only for topics with subscribers."""
        settings, frame = self.settings, labelled.frame
        header = Header(frame_id=settings.frame_id, stamp=Time(nanoseconds=stamp_ns).to_msg())
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
        info = camera_info(frame.width, frame.height, settings.calibration)
        info.header = header
        self._camera_info.publish(info)
        self._frame_info.publish(
            FrameInfo(
                header=header,
                stream_id=text_field(labelled.stream_id),
                frame_index=labelled.index,
                media_time=Duration(nanoseconds=labelled.media_time_ns).to_msg(),
                prompt=text_field(labelled.prompt),
            )
        )
        return PublishCost(converted - started, time.thread_time() - converted)

    def destroy(self) -> None:
        """Destroy the publishers; nothing may publish any more. On the executor's thread; idempotent."""
        for publisher in self.publishers:
            self._node.destroy_publisher(publisher)

    def _publisher(self, message_type: type, name: str, beside: str | None = None) -> Publisher:
        try:
            publisher = create_publisher(self._node, message_type, name, self._qos, beside)
        except OverrideError:
            self.destroy()
            raise
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
