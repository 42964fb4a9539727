"""Runs calls from other threads on the executor's thread, in the order in which they were posted."""

from __future__ import annotations

import contextlib
import queue
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, TypeVar

from rclpy.exceptions import InvalidHandle
from rclpy.task import Future

from odyssey_ros.client.service_text import error_text

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable

    from rclpy.node import Node

T = TypeVar("T")


class ExecutorCalls:
    """Runs callables of any thread on the thread that spins the node.

    A guard condition wakes the executor, so that no timer polls and no thread waits. It belongs to the node's
    default callback group: even in a multi-threaded executor, calls run one after the other, and never at the
    same time as a timer, a transition or a message callback of this group. A call that raises is logged; the
    next ones run.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._guard = node.create_guard_condition(self._run)

    def post(self, call: Callable[[], None]) -> None:
        """Run `call` on the executor's thread as soon as it is free. From any thread."""
        self._calls.put(call)
        with contextlib.suppress(InvalidHandle):  # the node has been destroyed
            self._guard.trigger()

    def awaitable(self, result: concurrent.futures.Future[T]) -> Future:
        """Return an rclpy future, for rclpy coroutines, with the result of a future of another thread.

        The rclpy future is completed on the executor's thread, which wakes the executor. A future that is
        completed on another thread does not always wake it.
        """
        future = Future(executor=self._node.executor)

        def complete() -> None:
            if result.cancelled():
                # Awaiting a cancelled rclpy future returns None instead of raising an error.
                future.set_exception(CancelledError())
            elif (error := result.exception()) is not None:
                future.set_exception(error)
            else:
                future.set_result(result.result())

        result.add_done_callback(lambda _: self.post(complete))
        return future

    def destroy(self) -> None:
        """Drop calls that have not run; later posts do nothing. On the executor's thread."""
        self._node.destroy_guard_condition(self._guard)

    def _run(self) -> None:
        while True:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                return
            try:
                call()
            except Exception as error:  # noqa: BLE001 -- it would end the executor, and with it the process
                self._node.get_logger().error(
                    f"A posted call failed: {type(error).__name__}: {error_text(str(error))}"
                )
