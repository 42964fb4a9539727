"""One frame as messages: converted, stamped and published on the four picture topics."""

from __future__ import annotations

import copy
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
from odyssey_ros.bridge.runtime.qos_overrides import OVERRIDE_ERRORS, OverrideError, overridable
from odyssey_ros.msg import FrameInfo

if TYPE_CHECKING:
    import av
    from rclpy.node import Node
    from rclpy.publisher import Publisher

    from odyssey_ros.bridge.frames.image_settings import ImageSettings

IMAGE_QOS = QoSProfile(depth=5)


class LabelledFrame(Protocol):
    """A decoded frame and what FrameInfo says of it; None is published as an empty string."""

    @property
    def frame(self) -> av.VideoFrame:
        """The picture, of any pixel format."""

    @property
    def index(self) -> int:
        """Count of the stream's frames before this one."""

    @property
    def media_time_ns(self) -> int:
        """Presentation time since the stream's first frame."""

    @property
    def stream_id(self) -> str | None:
        """The stream it belongs to."""

    @property
    def prompt(self) -> str | None:
        """The prompt in force."""


class PublishCost(NamedTuple):
    """CPU time that a frame took, on the thread that published it."""

    convert_cpu_s: float
    publish_cpu_s: float


class FramePublisher:
    """The publishers of ``~/image_raw``, its JPEG, ``~/camera_info`` and ``~/frame_info``.

    Create and destroy on the executor's thread; ``publish`` is for one thread, which may be another.

    Raises:
        OverrideError: The parameters ask for a quality of service that there is not.
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
        self._compressed = self._publisher(CompressedImage, f"{name}/compressed")
        self._camera_info = self._publisher(CameraInfo, f"{base}/camera_info")
        self._frame_info = self._publisher(FrameInfo, f"{base}/frame_info")
        self._converter = FrameConverter()
        # Fields are checked once, at the first assignment, so that the pixels are kept by reference, not
        # copied.
        self._message = Image(check_fields=True)

    @property
    def publishers(self) -> tuple[Publisher, ...]:
        """The publishers, in the order in which they publish a frame."""
        return self._publishers

    def watched(self) -> bool:
        """Tell whether anybody subscribes. From any thread."""
        return any(publisher.get_subscription_count() > 0 for publisher in self.publishers)

    def publish(self, labelled: LabelledFrame, stamp_ns: int) -> PublishCost:
        """Publish a frame; pixels are converted only for topics that somebody subscribes to."""
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
        """Destroy the publishers, once nothing publishes any more. On the executor's thread; idempotent."""
        for publisher in self.publishers:
            self._node.destroy_publisher(publisher)

    def _publisher(self, message_type: type, name: str) -> Publisher:
        # A profile of its own: rclpy writes a topic's overrides into the one that it is given.
        profile = copy.copy(self._qos)
        try:
            publisher = self._node.create_publisher(
                message_type, name, profile, qos_overriding_options=overridable()
            )
        except OVERRIDE_ERRORS as error:
            self.destroy()
            raise OverrideError(f"{self._node.resolve_topic_name(name)}: {error}") from None
        self._publishers = (*self._publishers, publisher)
        return publisher

    def _image_message(self, frame: av.VideoFrame, encoding: str) -> Image:
        """Fill the one message that this object keeps: publishing copies it, so it is free again then."""
        pixels = self._converter.pixels(frame, encoding)
        message = self._message
        if message.data is not pixels:
            message.data = pixels
        message.height, message.width = frame.height, frame.width
        message.encoding, message.step = encoding, frame.width * bytes_per_pixel(encoding)
        return message
