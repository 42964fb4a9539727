"""Clients for the asyncio thread, once what they call has been discovered."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph.executor_results import on_executor
from odyssey_ros.console.graph.kept_clients import IDLE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Hashable

    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls
    from odyssey_ros.console.graph.kept_clients import KeptClients

READY_TIMEOUT_S: Final = 5.0
"""For the discovery of a service or an action that the graph already lists."""

_READY_POLL_S: Final = 0.05

K = TypeVar("K", bound="Hashable")
C = TypeVar("C")


class ReadyClients(Generic[K, C]):
    """Lends clients, and has those destroyed that nobody uses. For the asyncio thread.

    Args:
        executor: Runs calls on the thread that spins the node.
        clients: The clients.
        is_ready: Returns whether the server of a client has been discovered; on the executor's thread.
    """

    def __init__(
        self, executor: ExecutorCalls, clients: KeptClients[K, C], is_ready: Callable[[C], bool]
    ) -> None:
        self._executor = executor
        self._clients = clients
        self._is_ready = is_ready

    @asynccontextmanager
    async def use(self, key: K, what: str) -> AsyncIterator[C]:
        """Use a client whose server has been discovered.

        Args:
            key: The key of the client.
            what: What it calls, for an error: `service /odyssey/interact`.

        Raises:
            OdysseyError: `UNREACHABLE`: the server is not there.
        """
        loop = asyncio.get_running_loop()
        try:
            client = await on_executor(self._executor, lambda: self._clients.acquire(key))
            deadline = loop.time() + READY_TIMEOUT_S
            while not await on_executor(self._executor, lambda: self._is_ready(client)):
                if loop.time() > deadline:
                    raise OdysseyError(f"The {what} is not there", code=ErrorCode.UNREACHABLE)
                await asyncio.sleep(_READY_POLL_S)
            yield client
        finally:
            # Posted calls run in their order: also after a cancellation, the client is acquired first.
            self._executor.post(lambda: self._clients.release(key))
            loop.call_later(IDLE_S + 1.0, self._executor.post, self._clients.destroy_idle)
