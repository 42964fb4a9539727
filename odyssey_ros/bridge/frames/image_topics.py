"""Publishes the newest frame from a worker thread, and counts all frames."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odyssey_ros.bridge.frames.frame_publisher import FramePublisher

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.node import Node

    from odyssey_ros.bridge.frames.image_settings import ImageSettings
    from odyssey_ros.client import DecodedFrame


@dataclass(slots=True)
class FrameCounters:
    """Frame counters since the node was configured. Each is written by one thread and read by any."""

    received: int = 0
    unwatched: int = 0  # the topics had no subscriber, or the node was not active
    published: int = 0
    dropped: int = 0  # replaced by a newer frame before the worker was free
    failed: int = 0  # could not be converted or published
    width: int = 0  # of the last frame received
    height: int = 0
    last_arrival_ns: int = 0  # of the last frame received, on the monotonic clock
    convert_cpu_s: float = 0.0
    publish_cpu_s: float = 0.0


class ImageTopics:
    """The image topics of a node: `~/image_raw`, its JPEG, `~/camera_info` and `~/frame_info`.

    `offer` is for the asyncio thread and does not block; only the newest frame waits for the worker. Create
    and destroy it on the executor's thread.

    Args:
        node: The node.
        settings: The settings of the messages.
        report_failure: Called on the worker thread with the reason why a frame could not be published.
        name: The name of the image topic.
    """

    def __init__(
        self,
        node: Node,
        settings: ImageSettings,
        report_failure: Callable[[str], None],
        name: str = "~/image_raw",
    ) -> None:
        self.counters = FrameCounters()
        self._publisher = FramePublisher(node, settings, name)
        self._node = node
        self._report_failure = report_failure
        self._active = False
        self._waiting: tuple[DecodedFrame, int] | None = None
        self._changed = threading.Condition()
        self._busy = False
        self._closed = False
        self._worker = threading.Thread(target=self._work, name="odyssey_images", daemon=True)
        self._worker.start()

    @property
    def settings(self) -> ImageSettings:
        """The settings of the messages; set them when a parameter has changed."""
        return self._publisher.settings

    @settings.setter
    def settings(self, settings: ImageSettings) -> None:
        self._publisher.settings = settings

    def activate(self) -> None:
        """Start publishing."""
        self._active = True

    def deactivate(self) -> None:
        """Stop publishing; return when the worker is idle."""
        with self._changed:
            self._active = False
            self._waiting = None
            while self._busy:
                self._changed.wait()

    def offer(self, decoded: DecodedFrame, stamp_ns: int) -> None:
        """Queue a frame for the worker, in place of an older one, if the topics have subscribers."""
        counters = self.counters
        counters.received += 1
        counters.last_arrival_ns = decoded.arrival_ns
        counters.width, counters.height = decoded.frame.width, decoded.frame.height
        with self._changed:  # frames still arrive while the publishers are being destroyed
            if self._closed or not self._active or not self._publisher.watched():
                counters.unwatched += 1
                return
            if self._waiting is not None:
                counters.dropped += 1
            self._waiting = (decoded, stamp_ns)
            self._changed.notify()

    def destroy(self, timeout: float = 2.0) -> None:
        """End the worker, then destroy the publishers. On the executor's thread; idempotent."""
        with self._changed:
            self._closed = True
            self._waiting = None
            self._changed.notify()
        self._worker.join(timeout)
        self._publisher.destroy()

    def _work(self) -> None:
        while True:
            with self._changed:
                while self._waiting is None and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                assert self._waiting is not None  # noqa: S101 -- guaranteed by the loop above
                decoded, stamp_ns = self._waiting
                self._waiting = None
                self._busy = True
            try:
                cost = self._publisher.publish(decoded, stamp_ns)
                self.counters.published += 1
                self.counters.convert_cpu_s += cost.convert_cpu_s
                self.counters.publish_cpu_s += cost.publish_cpu_s
            except Exception as error:  # noqa: BLE001 -- the thread must survive any frame; the owner logs the failure
                if not self._node.context.ok():
                    return
                self.counters.failed += 1
                self._report_failure(f"{type(error).__name__}: {error}")
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
