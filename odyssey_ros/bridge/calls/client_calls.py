"""Calls of the client from coroutines of the executor's thread."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from odyssey_ros.bridge.runtime.asyncio_thread import AsyncioThread
    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls

T = TypeVar("T")

CALL_TIMEOUT_S: Final = 120.0
"""The client bounds each step of a call. This bounds the whole call, including the time in a queue."""


class ClientCalls:
    """Runs coroutines on the asyncio thread, for coroutines of the executor's thread to await.

    Args:
        thread: The asyncio thread.
        executor: Resumes the coroutines of the executor's thread.
        timeout_s: Bound of each call, in seconds.
    """

    def __init__(
        self, thread: AsyncioThread, executor: ExecutorCalls, *, timeout_s: float = CALL_TIMEOUT_S
    ) -> None:
        self._thread = thread
        self._executor = executor
        self._timeout_s = timeout_s

    async def result(self, call: Coroutine[Any, Any, T]) -> T:
        """Return the result of a call that runs on the asyncio thread.

        Raises:
            OdysseyError: The error of the call.
            asyncio.TimeoutError: The call exceeded the bound.
        """

        async def bounded() -> T:
            return await asyncio.wait_for(call, self._timeout_s)

        result: T = await self._executor.awaitable(self._thread.submit(bounded()))
        return result
