"""The thread that takes pictures from the graph.

Executors of rclpy build their wait set again for every message, and convert each message to an object. For
pictures this costs more than all the rest, so this thread waits on the middleware directly and takes
serialized messages. Its node is never added to an executor.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage

from odyssey_ros.bridge.frames.encoded_messages import COMPRESSED_VIDEO, MessageTypeError
from odyssey_ros.client.service_text import error_text
from odyssey_ros.console.graph.picture_messages import Codec, Picture, PictureError, read_picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.subscription import Subscription

DEPTH: Final = {Codec.H264: 60, Codec.JPEG: 2}
"""Depth of a subscription: no access unit may be lost, but only the newest JPEG matters."""

KEY_FRAME_SUBSCRIPTION_S: Final = 2.0
"""How long the second subscription exists that makes the node send a key frame."""

RETRY_S: Final = 1.0

_WAIT_NS: Final = 500_000_000


@dataclass(eq=False)
class PictureSubscription:
    """One subscription to a topic with pictures. The attributes are for the thread of the pictures.

    Attributes:
        topic: The absolute name of the topic.
        codec: What the topic carries.
        receive: Called on the thread of the pictures with the number and the content of each picture. Numbers
            rise over all topics.
        refused: Called on the thread of the pictures with the reason why a message was refused.
    """

    topic: str
    codec: Codec
    receive: Callable[[int, Picture], None]
    refused: Callable[[str], None] = lambda _: None
    subscription: Subscription | None = field(default=None, init=False)
    second: Subscription | None = field(default=None, init=False)
    second_until: float = field(default=0.0, init=False)


class PictureThread:
    """Subscribes to topics with pictures, on a thread of its own. The methods are for any other thread.

    The thread and its node exist from the first subscription on.

    Args:
        node: The node of the console, whose name and context are used.

    Attributes:
        codecs: The codecs that can be subscribed to: H.264 needs the package `foxglove_msgs`.
    """

    def __init__(self, node: Node) -> None:
        self._logger = node.get_logger()
        self._types: dict[Codec, Any] = {Codec.JPEG: CompressedImage}
        try:
            self._types[Codec.H264] = COMPRESSED_VIDEO.load()
        except MessageTypeError as error:
            self._logger.warning(f"Pictures are shown as JPEG, because H.264 cannot be read: {error}")
        self.codecs = frozenset(self._types)
        self._node = Node(
            f"{node.get_name()}_pictures",
            namespace=node.get_namespace(),
            context=node.context,
            use_global_arguments=False,
            start_parameter_services=False,
            enable_rosout=False,
        )
        self._guard = self._node.create_guard_condition(lambda: None)
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._active: list[PictureSubscription] = []
        self._numbers = itertools.count()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def subscribe(self, wanted: PictureSubscription) -> None:
        """Subscribe; a subscription is used once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="pictures", daemon=True)
            self._thread.start()
        self._post(lambda: self._create(wanted))

    def unsubscribe(self, wanted: PictureSubscription) -> None:
        """End a subscription."""
        self._post(lambda: self._destroy(wanted))

    def request_key_frame(self, wanted: PictureSubscription) -> None:
        """Ask the node for a key frame, without a gap for those who watch already.

        Nodes send a key frame for each new subscriber, so a second subscription is created for a moment. It
        is never read.
        """
        self._post(lambda: self._create_second(wanted))

    def stop(self, timeout_s: float) -> None:
        """End the thread, and destroy the node."""
        self._stopping.set()
        self._guard.trigger()
        if self._thread is not None:
            self._thread.join(timeout_s)
            if self._thread.is_alive():  # the middleware blocks: what the thread uses has to remain
                return
        self._node.destroy_node()

    def _post(self, call: Callable[[], None]) -> None:
        self._calls.put(call)
        self._guard.trigger()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._run_calls()
            try:
                self._wait()
            except Exception as error:  # noqa: BLE001 -- it would end the thread, and with it all pictures
                if not self._node.context.ok():
                    return
                text = error_text(str(error))
                self._logger.error(f"Cannot take pictures: {type(error).__name__}: {text}; trying again")
                self._stopping.wait(RETRY_S)

    def _wait(self) -> None:
        """Wait for the next pictures until a call is posted, with one wait set."""
        handles = {
            one.subscription.handle.pointer: one for one in self._active if one.subscription is not None
        }
        wait_set = rclpy_implementation.WaitSet(len(handles), 1, 0, 0, 0, 0, self._node.context.handle)
        while self._calls.empty() and not self._stopping.is_set():
            wait_set.clear_entities()
            wait_set.add_guard_condition(self._guard.handle)
            for one in handles.values():
                assert one.subscription is not None  # noqa: S101 -- selected above
                wait_set.add_subscription(one.subscription.handle)
            wait_set.wait(_WAIT_NS)
            if len(handles) == 1:
                for one in handles.values():
                    self._take(one)
            else:
                for pointer in wait_set.get_ready_entities("subscription"):
                    self._take(handles[pointer])
            self._end_second_subscriptions()

    def _take(self, one: PictureSubscription) -> None:
        assert one.subscription is not None  # noqa: S101 -- it is in the wait set
        handle, kind = one.subscription.handle, self._types[one.codec]
        for _ in range(DEPTH[one.codec]):
            taken = handle.take_message(kind, True)
            if taken is None:
                return
            try:
                picture = read_picture(one.codec, taken[0])
            except PictureError as error:
                one.refused(str(error))
            else:
                one.receive(next(self._numbers), picture)

    def _run_calls(self) -> None:
        while True:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                return
            try:
                call()
            except Exception as error:  # noqa: BLE001 -- it would end the thread, and with it all pictures
                text = error_text(str(error))
                self._logger.error(f"Cannot subscribe to pictures: {type(error).__name__}: {text}")

    def _create(self, one: PictureSubscription) -> None:
        one.subscription = self._subscription(one, DEPTH[one.codec])
        self._active.append(one)

    def _destroy(self, one: PictureSubscription) -> None:
        if one.subscription is None:
            return
        self._active.remove(one)
        self._node.destroy_subscription(one.subscription)
        one.subscription = None
        self._end_second(one)

    def _create_second(self, one: PictureSubscription) -> None:
        if one.subscription is None:
            return
        self._end_second(one)
        one.second = self._subscription(one, 1)
        one.second_until = time.monotonic() + KEY_FRAME_SUBSCRIPTION_S

    def _end_second_subscriptions(self) -> None:
        for one in self._active:
            if one.second is not None and time.monotonic() >= one.second_until:
                self._end_second(one)

    def _end_second(self, one: PictureSubscription) -> None:
        if one.second is not None:
            self._node.destroy_subscription(one.second)
            one.second = None

    def _subscription(self, one: PictureSubscription, depth: int) -> Subscription:
        return self._node.create_subscription(
            self._types[one.codec],
            one.topic,
            lambda _: None,
            QoSProfile(depth=depth, reliability=self._reliability(one.topic)),
            raw=True,
            event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
        )

    def _reliability(self, topic: str) -> ReliabilityPolicy:
        """Return what all publishers of a topic offer: a subscription that wants more gets nothing."""
        publishers = self._node.get_publishers_info_by_topic(topic)
        offered = {publisher.qos_profile.reliability for publisher in publishers}
        best_effort = ReliabilityPolicy.BEST_EFFORT
        return best_effort if best_effort in offered else ReliabilityPolicy.RELIABLE
