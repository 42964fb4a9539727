"""Publishes the frames of a live stream from two worker threads, and counts all frames."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from odyssey_ros.bridge.frames.frame_counters import FrameCounters
from odyssey_ros.bridge.frames.frame_publisher import FramePublisher
from odyssey_ros.bridge.frames.publishing_thread import PublishingThread

if TYPE_CHECKING:
    from collections.abc import Callable

    import av
    from rclpy.node import Node
    from std_msgs.msg import Header

    from odyssey_ros.bridge.frames.frame_headers import StampedFrame
    from odyssey_ros.bridge.frames.image_settings import ImageSettings
    from odyssey_ros.client import EncodedFrame

MAX_WAITING_UNITS: Final = 60
"""How many access units may wait for the worker: two seconds at 30 Hz."""


class _Unit(NamedTuple):
    """An access unit that waits.

    Attributes:
        frame: The access unit.
        stamped: Its labels and its header.
        header: Its header.
        encoded: Whether its encoded form is published, and not only its camera info and labels.
        follows_gap: Whether access units before it were not published.
    """

    frame: EncodedFrame
    stamped: StampedFrame
    header: Header
    encoded: bool
    follows_gap: bool


class _Picture(NamedTuple):
    """A decoded picture that waits; `infos` tells whether its camera info and labels are published, too."""

    frame: av.VideoFrame
    stamped: StampedFrame
    header: Header
    infos: bool


class ImageTopics:
    """The image topics of a node: `~/image_raw` and the topics beside it, see `FramePublisher`.

    An access unit is published at once on the encoded topics, with its camera info and its labels. Its
    picture follows when it is decoded; only the newest picture waits. The two have a worker thread each, so
    that an access unit does not wait for the conversion of a picture.

    `offer_unit`, `offer_picture` and the properties about subscribers are for the asyncio thread and do not
    block. All other methods are for the executor's thread.

    Args:
        node: The node.
        settings: The settings of the messages.
        report_failure: Called on a worker thread with the reason why a frame could not be published.
        key_frame_needed: Called on any thread when the encoded topics need a key frame: for a new
            subscription, and when access units were dropped.
        picture_subscribed: Called on the executor's thread when `image_raw` or its JPEG topic has gained or
            lost a subscription.
        name: The name of the image topic.
    """

    def __init__(
        self,
        node: Node,
        settings: ImageSettings,
        report_failure: Callable[[str], None],
        *,
        key_frame_needed: Callable[[], None] = lambda: None,
        picture_subscribed: Callable[[], None] | None = None,
        name: str = "~/image_raw",
    ) -> None:
        self.counters = FrameCounters()
        self._publisher = FramePublisher(
            node,
            settings,
            name,
            on_encoded_subscribed=key_frame_needed,
            on_picture_subscribed=picture_subscribed,
        )
        self._node = node
        self._report_failure = report_failure
        self._key_frame_needed = key_frame_needed
        self._open = threading.Lock()  # frames still arrive while the publishers are being destroyed
        self._active = False
        self._closed = False
        self._gap = False
        self._awaiting_key_frame = False  # for the worker of access units
        self._units = PublishingThread("odyssey_units", self._publish_unit, self._unit_failed)
        self._pictures = PublishingThread("odyssey_images", self._publish_picture, self._picture_failed)

    @property
    def settings(self) -> ImageSettings:
        """The settings of the messages; set them when a parameter has changed."""
        return self._publisher.settings

    @settings.setter
    def settings(self, settings: ImageSettings) -> None:
        self._publisher.settings = settings

    @property
    def wants_pictures(self) -> bool:
        """Whether the node is active and a topic with decoded pictures has a subscriber."""
        with self._open:
            return self._active and self._publisher.pictures_watched()

    @property
    def wants_units(self) -> bool:
        """Whether the node is active and an encoded topic has a subscriber."""
        with self._open:
            return self._active and self._publisher.encoded_watched()

    def activate(self) -> None:
        """Start publishing; the encoded topics begin with the next key frame."""
        with self._open:
            self._gap = True
            self._active = not self._closed

    def deactivate(self) -> None:
        """Stop publishing; return when the workers are idle."""
        with self._open:
            self._active = False
            self.counters.unit_unwatched += sum(unit.encoded for unit in self._units.clear())
            self.counters.unwatched += len(self._pictures.clear())
        self._units.wait_until_idle()
        self._pictures.wait_until_idle()

    def offer_unit(self, frame: EncodedFrame, stamped: StampedFrame) -> None:
        """Queue an access unit, its camera info and its labels, as far as they have subscribers."""
        counters, publisher = self.counters, self._publisher
        counters.last_arrival_ns = frame.arrival_ns
        if frame.width is not None and frame.height is not None:
            counters.width, counters.height = frame.width, frame.height
        with self._open:
            encoded = self._active and publisher.encoded_watched()
            if not encoded:
                counters.unit_unwatched += 1
                if not (self._active and publisher.infos_watched()):
                    return
            if len(self._units) >= MAX_WAITING_UNITS:
                self._drop_units()
            stamped.infos_queued = True
            header = stamped.header = publisher.header(stamped.stamp_ns)
            self._units.put(_Unit(frame, stamped, header, encoded, encoded and self._gap))
            if encoded:
                self._gap = False

    def offer_picture(self, frame: av.VideoFrame, stamped: StampedFrame) -> None:
        """Queue a decoded picture in place of an older one, if it has subscribers."""
        counters, publisher = self.counters, self._publisher
        counters.decoded += 1
        counters.width, counters.height = frame.width, frame.height
        with self._open:
            if not self._active or not (
                publisher.pictures_watched() or (not stamped.infos_queued and publisher.infos_watched())
            ):
                counters.unwatched += 1
                return
            header = stamped.header or publisher.header(stamped.stamp_ns)
            picture = _Picture(frame, stamped, header, not stamped.infos_queued)
            counters.dropped += len(self._pictures.replace(picture))

    def destroy(self, timeout: float = 2.0) -> None:
        """End the workers, then destroy the publishers. On the executor's thread; idempotent.

        Args:
            timeout: How long to wait for each worker, in seconds.
        """
        with self._open:
            self._active, self._closed = False, True
        self._units.end(timeout)
        self._pictures.end(timeout)
        self._publisher.destroy()

    def _drop_units(self) -> None:
        """Discard the access units that wait: the worker is too slow."""
        dropped = self._units.clear()
        for unit in dropped:
            unit.stamped.infos_queued = False
        encoded = sum(unit.encoded for unit in dropped)
        self.counters.unit_dropped += encoded
        if encoded:
            self._gap = True
            self._key_frame_needed()

    # -- on the workers ----------------------------------------------------------------------------

    def _publish_unit(self, unit: _Unit) -> None:
        started = time.thread_time()
        published = unit.encoded and self._publish_encoded(unit)
        frame, counters = unit.frame, self.counters
        self._publisher.publish_infos(unit.stamped.labels, frame.width, frame.height, unit.header)
        counters.pass_cpu_s += time.thread_time() - started
        if published:
            counters.passed_through += 1
        elif unit.encoded:
            counters.held += 1

    def _publish_encoded(self, unit: _Unit) -> bool:
        """Publish the encoded form of an access unit, unless it needs a key frame before it."""
        if unit.frame.is_key_frame:
            self._awaiting_key_frame = False
        elif unit.follows_gap:
            self._awaiting_key_frame = True
        return not self._awaiting_key_frame and self._publisher.publish_encoded(unit.frame, unit.header)

    def _publish_picture(self, picture: _Picture) -> None:
        frame, counters = picture.frame, self.counters
        cost = self._publisher.publish_picture(frame, picture.header)
        if picture.infos:
            self._publisher.publish_infos(picture.stamped.labels, frame.width, frame.height, picture.header)
        counters.published += 1
        counters.convert_cpu_s += cost.convert_cpu_s
        counters.publish_cpu_s += cost.publish_cpu_s

    def _unit_failed(self, unit: _Unit, error: Exception) -> None:
        """Report an access unit that could not be published; those after it cannot be decoded."""
        if unit.encoded:
            self.counters.unit_failed += 1
            self._awaiting_key_frame = True
            self._key_frame_needed()
        self._failed(error)

    def _picture_failed(self, _picture: _Picture, error: Exception) -> None:
        self.counters.failed += 1
        self._failed(error)

    def _failed(self, error: Exception) -> None:
        if self._node.context.ok():
            self._report_failure(f"{type(error).__name__}: {error}")
