"""A node of its own context that observes a graph; it spins on a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from spinning import SpinningThread
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class Observer:
    """Subscribes, publishes and calls services. Use as a context manager.

    Args:
        domain: The ROS domain.

    Attributes:
        node: The node. Callbacks run on the thread that spins.
    """

    def __init__(self, domain: int) -> None:
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = Node("observer", context=self._context)
        self._clients: dict[str, Any] = {}
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._spinning = SpinningThread(self._executor)

    def __enter__(self) -> Observer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spinning.end()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def run(self, function: Callable[[], Any]) -> Any:
        """Run a function on the thread that spins, and return its result.

        What the executor may be waiting for can only be destroyed there.
        """
        task = self._executor.create_task(function)
        wait_until(task.done, "a task of the observer")
        return task.result()

    def call(self, kind: type, name: str, **fields: Any) -> Any:
        """Call a service and return its response."""
        if name not in self._clients:
            self._clients[name] = self.node.create_client(kind, name)
        client = self._clients[name]
        assert client.wait_for_service(timeout_sec=80), f"there is no service {name}"
        future = client.call_async(kind.Request(**fields))
        wait_until(future.done, f"an answer of {name}")
        return future.result()
