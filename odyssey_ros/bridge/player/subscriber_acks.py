"""Tells when every reliable subscriber has taken what was published.

What the middleware acknowledges is that a message waits in a subscriber's queue. A queue that keeps the last
N drops the oldest when its node is slow, and no publisher hears of it: not even N is known to others. So when
all is acknowledged, each subscribing node is asked something trivial, through the parameter service that
nodes have. Its executor finds the message before the question, and an executor with one thread answers when
the message's callback has returned. Nodes without parameter services (the ros2 command line's, for one) count
as having taken what they acknowledged; who runs a subscription apart from the rest of its node, in a thread
of its own, keeps all (history KEEP_ALL) to lose nothing.

The middleware drops an answer when the node that was asked has not found our end for answers yet
(ros2/rmw_fastrtps #842). So who does not answer is asked again.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rcl_interfaces.srv import GetParameterTypes
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.duration import Duration
from rclpy.node import NodeNameNonExistentError
from rclpy.qos import ReliabilityPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rclpy.client import Client
    from rclpy.publisher import Publisher

    from odyssey_ros.bridge.runtime.managed_node import ManagedNode

SERVICE = "get_parameter_types"
LOOK_S = 0.05
# The middleware finds a subscription, then its node, then the node's services. How long that is waited for:
UNANNOUNCED_S = 2.0  # for services of a node that has none, as far as the graph shows
ANNOUNCED_S = 30.0  # for those that the graph shows, and for who has no name yet, or is not shown at all
NAMELESS = "/_NODE_NAME_UNKNOWN_"
ASK_AGAIN_S = 1.0


@dataclass(slots=True)
class _Subscriber:
    """A node that subscribes reliably."""

    client: Client
    seen_s: float


@dataclass(slots=True)
class _Round:
    """One time of asking everybody."""

    done: Future[None] = field(default_factory=Future)
    asked_s: dict[str, float] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)


class SubscriberAcks:
    """Watches the subscribers of some publishers.

    Args:
        node: Asks.
        frames: Publish what must not be lost, one message at a time.
        others: Publish what has deep queues: their subscribers are asked as well.

    Create and destroy on the executor's thread; ``wait`` is for one other thread.
    """

    def __init__(
        self, node: ManagedNode, frames: Sequence[Publisher], others: Sequence[Publisher] = ()
    ) -> None:
        self._node = node
        self._frames = frames
        self._publishers = (*frames, *others)
        self._group = ReentrantCallbackGroup()
        self._subscribers: dict[str, _Subscriber] = {}
        self._round: _Round | None = None
        self._complete_s = time.monotonic()  # when the graph showed all subscribers
        self._destroyed = False

    def wait(self, interrupted: Callable[[], bool]) -> bool:
        """Wait until all that was published has been taken; call again after an interruption.

        Returns:
            False when ``interrupted`` got true before.
        """
        for publisher in self._frames:
            while not publisher.wait_for_all_acked(Duration(seconds=LOOK_S)):
                if interrupted():
                    return False
        if self._round is None:
            self._round = _Round()
        asking = self._round
        while True:
            self._node.calls.post(lambda: self._look(asking))
            try:
                asking.done.result(LOOK_S)
            except FutureTimeoutError:
                if interrupted():
                    return False
            else:
                self._round = None
                return True

    def destroy(self) -> None:
        """Forget the subscribers. On the executor's thread."""
        self._destroyed = True
        for subscriber in self._subscribers.values():
            self._node.destroy_client(subscriber.client)
        self._subscribers.clear()

    def _look(self, asking: _Round) -> None:
        """Ask who has not answered; done when nobody owes an answer. On the executor's thread."""
        if self._destroyed or asking.done.done() or not self._meet_subscribers():
            return
        now = time.monotonic()
        for name, subscriber in self._subscribers.items():
            if name in asking.answered or now - asking.asked_s.get(name, -math.inf) < ASK_AGAIN_S:
                continue
            if subscriber.client.service_is_ready():
                asking.asked_s[name] = now
                self._ask(name, subscriber, asking)
            elif now - subscriber.seen_s > (ANNOUNCED_S if self._announces(name) else UNANNOUNCED_S):
                asking.answered.add(name)
        self._conclude(asking)

    def _ask(self, name: str, subscriber: _Subscriber, asking: _Round) -> None:
        def answered(_: object) -> None:
            asking.answered.add(name)
            self._conclude(asking)

        subscriber.client.call_async(GetParameterTypes.Request()).add_done_callback(answered)

    def _conclude(self, asking: _Round) -> None:
        if asking.answered.issuperset(self._subscribers) and not asking.done.done():
            asking.done.set_result(None)

    def _meet_subscribers(self) -> bool:
        """Find new subscribers, and forget those that are gone; False while the graph lacks some of them."""
        infos, lacking = [], False
        for publisher in self._publishers:
            found = self._node.get_subscriptions_info_by_topic(publisher.topic_name)
            lacking |= len(found) < publisher.get_subscription_count()
            infos += found
        now = time.monotonic()
        if not lacking:
            self._complete_s = now
        elif now - self._complete_s < ANNOUNCED_S:
            return False
        names = {
            f"{info.node_namespace.rstrip('/')}/{info.node_name}"
            for info in infos
            if info.qos_profile.reliability == ReliabilityPolicy.RELIABLE
        }
        for name in names - self._subscribers.keys():
            client = self._node.create_client(
                GetParameterTypes, f"{name}/{SERVICE}", callback_group=self._group
            )
            self._subscribers[name] = _Subscriber(client, now)
        for name in self._subscribers.keys() - names:
            self._node.destroy_client(self._subscribers.pop(name).client)
        return True

    def _announces(self, name: str) -> bool:
        """Whether a node has parameter services, as far as the graph shows, or may have them."""
        if name.endswith(NAMELESS):
            return True
        namespace, _, node = name.rpartition("/")
        try:
            services = self._node.get_service_names_and_types_by_node(node, namespace or "/")
        except NodeNameNonExistentError:
            return False
        return any(service == f"{name}/{SERVICE}" for service, _ in services)
