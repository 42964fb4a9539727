"""From a decoded frame to messages: stamped, converted on a worker thread, published, counted."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rclpy.duration import Duration
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from odyssey_ros.bridge.camera_calibration import camera_info
from odyssey_ros.bridge.frame_conversion import FrameConverter, bytes_per_pixel, image_format
from odyssey_ros.msg import FrameInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    import av
    from rclpy.node import Node
    from rclpy.publisher import Publisher

    from odyssey_ros.bridge.camera_calibration import Calibration
    from odyssey_ros.client import DecodedFrame

IMAGE_QOS = QoSProfile(depth=5)


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """What shapes the messages; replaced as a whole when a parameter changes."""

    frame_id: str
    encoding: str
    jpeg_quality: int
    calibration: Calibration | None


@dataclass(slots=True)
class FrameCounters:
    """Where frames went since the node was configured. Written by one thread each, read by any."""

    received: int = 0
    unwatched: int = 0  # nobody subscribed, or the node was not active
    published: int = 0
    dropped: int = 0  # replaced by a newer one before the worker was free
    failed: int = 0  # could not be converted or published
    width: int = 0  # of the last frame received
    height: int = 0
    convert_cpu_s: float = 0.0
    publish_cpu_s: float = 0.0


class ImageTopics:
    """The picture topics of a node: ``~/image_raw``, its JPEG, ``~/camera_info`` and ``~/frame_info``.

    ``offer`` is for the asyncio thread and returns at once; only the newest frame waits for the worker.
    Create and destroy on the executor's thread.
    """

    def __init__(
        self,
        node: Node,
        settings: ImageSettings,
        report_failure: Callable[[str], None],
        name: str = "~/image_raw",
    ) -> None:
        self.counters = FrameCounters()
        self.settings = settings
        self._node = node
        self._report_failure = report_failure
        self._active = False
        base = name.rsplit("/", 1)[0]
        self._image = self._publisher(Image, name)
        self._compressed = self._publisher(CompressedImage, f"{name}/compressed")
        self._camera_info = self._publisher(CameraInfo, f"{base}/camera_info")
        self._frame_info = self._publisher(FrameInfo, f"{base}/frame_info")
        self._converter = FrameConverter()
        # Fields are checked once, at the first assignment, so that the pixels are kept by reference, not
        # copied.
        self._message = Image(check_fields=True)
        self._waiting: tuple[DecodedFrame, int] | None = None
        self._changed = threading.Condition()
        self._busy = False
        self._closed = False
        self._worker = threading.Thread(target=self._work, name="odyssey_images", daemon=True)
        self._worker.start()

    def activate(self) -> None:
        """Publish what is offered from now on."""
        self._active = True

    def deactivate(self) -> None:
        """Publish nothing more; returns when the worker has no frame in hand."""
        with self._changed:
            self._active = False
            self._waiting = None
            while self._busy:
                self._changed.wait()

    def offer(self, decoded: DecodedFrame, stamp_ns: int) -> None:
        """Take a frame. It is converted only when somebody subscribes, and only while it is the newest."""
        counters = self.counters
        counters.received += 1
        counters.width, counters.height = decoded.frame.width, decoded.frame.height
        if not self._active or not self._watched():
            counters.unwatched += 1
            return
        with self._changed:
            if self._waiting is not None:
                counters.dropped += 1
            self._waiting = (decoded, stamp_ns)
            self._changed.notify()

    def destroy(self, timeout: float = 2.0) -> None:
        """End the worker, then the publishers. On the executor's thread; idempotent."""
        with self._changed:
            self._closed = True
            self._waiting = None
            self._changed.notify()
        self._worker.join(timeout)
        for publisher in (self._image, self._compressed, self._camera_info, self._frame_info):
            self._node.destroy_publisher(publisher)

    def _publisher(self, message_type: type, name: str) -> Publisher:
        return self._node.create_publisher(
            message_type, name, IMAGE_QOS, qos_overriding_options=QoSOverridingOptions.with_default_policies()
        )

    def _watched(self) -> bool:
        return any(
            publisher.get_subscription_count() > 0
            for publisher in (self._image, self._compressed, self._camera_info, self._frame_info)
        )

    def _work(self) -> None:
        while True:
            with self._changed:
                while self._waiting is None and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                assert self._waiting is not None  # noqa: S101 -- the loop above says so
                decoded, stamp_ns = self._waiting
                self._waiting = None
                self._busy = True
            try:
                self._publish(decoded, stamp_ns)
                self.counters.published += 1
            except Exception as error:  # noqa: BLE001 -- the thread has to outlive any frame; the owner reports it
                if not self._node.context.ok():
                    return
                self.counters.failed += 1
                self._report_failure(f"{type(error).__name__}: {error}")
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()

    def _publish(self, decoded: DecodedFrame, stamp_ns: int) -> None:
        settings, frame = self.settings, decoded.frame
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
                stream_id=decoded.stream_id or "",
                frame_index=decoded.index,
                media_time=Duration(nanoseconds=decoded.media_time_ns).to_msg(),
                prompt=decoded.prompt or "",
            )
        )
        self.counters.convert_cpu_s += converted - started
        self.counters.publish_cpu_s += time.thread_time() - converted

    def _image_message(self, frame: av.VideoFrame, encoding: str) -> Image:
        """Fill the one message that this object keeps: publishing copies it, so it is free again then."""
        pixels = self._converter.pixels(frame, encoding)
        message = self._message
        if message.data is not pixels:
            message.data = pixels
        message.height, message.width = frame.height, frame.width
        message.encoding, message.step = encoding, frame.width * bytes_per_pixel(encoding)
        return message
