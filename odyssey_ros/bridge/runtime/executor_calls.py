"""Calls from other threads that run on the executor's thread, in the order they were made."""

from __future__ import annotations

import queue
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, TypeVar

from rclpy.task import Future

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable

    from rclpy.node import Node

T = TypeVar("T")


class ExecutorCalls:
    """Lets any thread run a callable on the thread that spins the node.

    A guard condition wakes the executor, so neither a timer polls nor a thread waits. It is of the node's
    default callback group: in an executor of several threads, too, calls run one after the other, and never
    beside a timer, a transition or a message.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._guard = node.create_guard_condition(self._run)

    def post(self, call: Callable[[], None]) -> None:
        """Run ``call`` soon on the executor's thread. From any thread."""
        self._calls.put(call)
        self._guard.trigger()

    def awaitable(self, result: concurrent.futures.Future[T]) -> Future:
        """Make what an rclpy coroutine can await, of what happens on another thread.

        The rclpy future completes on the executor's thread, which wakes the executor; one that is completed
        elsewhere does not always.
        """
        future = Future(executor=self._node.executor)

        def complete() -> None:
            if result.cancelled():
                # An rclpy future that is cancelled gives None to who awaits it.
                future.set_exception(CancelledError())
            elif (error := result.exception()) is not None:
                future.set_exception(error)
            else:
                future.set_result(result.result())

        result.add_done_callback(lambda _: self.post(complete))
        return future

    def destroy(self) -> None:
        """Drop what has not run; later posts do nothing. On the executor's thread."""
        self._node.destroy_guard_condition(self._guard)

    def _run(self) -> None:
        while True:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                return
            call()
