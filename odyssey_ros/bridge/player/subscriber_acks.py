"""Waits until every reliable subscriber has processed what was published.

An acknowledgement of the middleware means that a message is in the queue of a subscriber. A queue with a
depth of N drops the oldest message when its node is slow. The publisher is not notified of that, and it
cannot find out N. So when the middleware has acknowledged everything, each subscribing node is sent a trivial
request, to the parameter service that nodes have. The executor of the node finds the message before the
request, and an executor with one thread responds after the callback of the message has returned. A node
without parameter services (that of the ros2 command line, for example) counts as having processed what it
acknowledged. A node that runs a subscription on a thread of its own needs history KEEP_ALL to lose nothing.

The middleware drops a response when the service has not discovered the response reader of the client yet
(ros2/rmw_fastrtps #842). So a request without a response is repeated.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

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

SERVICE: Final = "get_parameter_types"
POLL_PERIOD_S: Final = 0.05
RETRY_PERIOD_S: Final = 1.0
# The middleware discovers a subscription, then its node, then the services of the node. Limits of this wait:
NO_SERVICE_TIMEOUT_S: Final = 2.0  # for a node that, according to the graph, has no parameter services
DISCOVERY_TIMEOUT_S: Final = 30.0  # for a node that has them, has no name yet, or is missing in the graph
_UNKNOWN_NAME: Final = "/_NODE_NAME_UNKNOWN_"


@dataclass(slots=True)
class _Subscriber:
    """A node that subscribes reliably."""

    client: Client
    found_s: float


@dataclass(slots=True)
class _Check:
    """One check that every subscriber has processed all messages: a request to each of them."""

    done: Future[None] = field(default_factory=Future)
    requested_s: dict[str, float] = field(default_factory=dict)
    responded: set[str] = field(default_factory=set)


class SubscriberAcks:
    """Waits for the reliable subscribers of a node's publishers.

    Create and destroy on the executor's thread; call `wait` on one other thread.

    Args:
        node: The node of the publishers; it sends the requests.
        frames: Publishers of which no message may be lost, and which publish one message at a time.
        others: Publishers with deep queues, whose subscribers are sent requests too.
    """

    def __init__(
        self, node: ManagedNode, frames: Sequence[Publisher], others: Sequence[Publisher] = ()
    ) -> None:
        self._node = node
        self._frames = frames
        self._publishers = (*frames, *others)
        self._group = ReentrantCallbackGroup()
        self._subscribers: dict[str, _Subscriber] = {}
        self._check: _Check | None = None
        self._complete_s = time.monotonic()  # when the graph contained all subscribers
        self._destroyed = False

    def wait(self, interrupted: Callable[[], bool]) -> bool:
        """Wait until all published messages have been processed.

        Returns:
            False when `interrupted` returned true before that; call again then.
        """
        for publisher in self._frames:
            while not publisher.wait_for_all_acked(Duration(seconds=POLL_PERIOD_S)):
                if interrupted():
                    return False
        if self._check is None:
            self._check = _Check()
        check = self._check
        while True:
            self._node.calls.post(lambda: self._poll(check))
            try:
                check.done.result(POLL_PERIOD_S)
            except FutureTimeoutError:
                if interrupted():
                    return False
            else:
                self._check = None
                return True

    def destroy(self) -> None:
        """Destroy the clients. On the executor's thread."""
        self._destroyed = True
        for subscriber in self._subscribers.values():
            self._node.destroy_client(subscriber.client)
        self._subscribers.clear()

    def _poll(self, check: _Check) -> None:
        """Send requests to the subscribers that have not responded. On the executor's thread."""
        if self._destroyed or check.done.done() or not self._update_subscribers():
            return
        now = time.monotonic()
        for name, subscriber in self._subscribers.items():
            if name in check.responded or now - check.requested_s.get(name, -math.inf) < RETRY_PERIOD_S:
                continue
            if subscriber.client.service_is_ready():
                check.requested_s[name] = now
                self._request(name, subscriber, check)
            else:
                has_services = self._has_parameter_services(name)
                timeout_s = DISCOVERY_TIMEOUT_S if has_services else NO_SERVICE_TIMEOUT_S
                if now - subscriber.found_s > timeout_s:
                    check.responded.add(name)
        self._finish(check)

    def _request(self, name: str, subscriber: _Subscriber, check: _Check) -> None:
        def responded(_: object) -> None:
            check.responded.add(name)
            self._finish(check)

        subscriber.client.call_async(GetParameterTypes.Request()).add_done_callback(responded)

    def _finish(self, check: _Check) -> None:
        """End the check if every subscriber has responded."""
        if check.responded.issuperset(self._subscribers) and not check.done.done():
            check.done.set_result(None)

    def _update_subscribers(self) -> bool:
        """Add new subscribers and remove those that have gone; return False while the graph is incomplete."""
        infos, incomplete = [], False
        for publisher in self._publishers:
            found = self._node.get_subscriptions_info_by_topic(publisher.topic_name)
            incomplete |= len(found) < publisher.get_subscription_count()
            infos += found
        now = time.monotonic()
        if not incomplete:
            self._complete_s = now
        elif now - self._complete_s < DISCOVERY_TIMEOUT_S:
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

    def _has_parameter_services(self, name: str) -> bool:
        """Return whether a node has parameter services according to the graph, or its name is unknown."""
        if name.endswith(_UNKNOWN_NAME):
            return True
        namespace, _, node = name.rpartition("/")
        try:
            services = self._node.get_service_names_and_types_by_node(node, namespace or "/")
        except NodeNameNonExistentError:
            return False
        return any(service == f"{name}/{SERVICE}" for service, _ in services)
