"""Functions and futures of the executor's thread whose results the asyncio thread waits for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from odyssey_ros.client.tasks import call_on_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.task import Future

    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls

T = TypeVar("T")


async def on_executor(executor: ExecutorCalls, call: Callable[[], T]) -> T:
    """Run a function on the executor's thread; return its result, or raise its error.

    The function runs even if the caller is cancelled meanwhile. For the asyncio thread.
    """
    result: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def run() -> None:
        try:
            value = call()
        except Exception as error:  # noqa: BLE001 -- passed on to the caller
            _complete(result, None, error)
        else:
            _complete(result, value, None)

    executor.post(run)
    return await result


def pass_on(
    pending: Future, result: asyncio.Future[Any], value_of: Callable[[Any], Any] = lambda value: value
) -> None:
    """Complete a future of the asyncio thread when one of rclpy completes. On the executor's thread.

    Args:
        pending: The future of rclpy. If it is cancelled, the other one does not change.
        result: The future of the asyncio thread.
        value_of: Returns the value for the result.
    """

    def completed(_: Any) -> None:
        if pending.cancelled():
            return
        error = pending.exception()
        _complete(result, None if error is not None else value_of(pending.result()), error)

    pending.add_done_callback(completed)


def _complete(result: asyncio.Future[Any], value: Any, error: Exception | None) -> None:
    """Complete a future of the asyncio thread from another thread, unless nobody waits for it any more."""

    def complete() -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(value)

    call_on_loop(result.get_loop(), complete)
