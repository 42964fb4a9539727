"""Calls of services of other nodes from the asyncio thread."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.client.service_text import clean_text
from odyssey_ros.console.graph.service_clients import IDLE_S, Servers, ServiceClients

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from rclpy.client import Client
    from rclpy.node import Node

    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls

CALL_TIMEOUT_S: Final = 125.0
"""The bridge answers every call within 120 s."""

READY_TIMEOUT_S: Final = 5.0
"""For the discovery of a service that the graph already lists."""

LEFT_POLL_S: Final = 1.0
"""How often a pending call looks whether its server is still there."""

LEFT_LOOKS: Final = 2
"""A server has left once it was missing this many times: its last response may still be on the way."""

_READY_POLL_S: Final = 0.05


class ServiceCalls:
    """Calls services. The methods are for the asyncio thread.

    Args:
        node: The node of the console.
        executor: Runs calls on the thread that spins the node.
    """

    def __init__(self, node: Node, executor: ExecutorCalls) -> None:
        self._node = node
        self._executor = executor
        self._clients = ServiceClients(node)

    async def call(self, kind: Any, name: str, request: Any, *, timeout_s: float = CALL_TIMEOUT_S) -> Any:
        """Call a service; return its response.

        A call that is cancelled leaves nothing behind; the service may handle the request all the same.

        Args:
            kind: The class of the service, such as `odyssey_ros.srv.Interact`.
            name: The absolute name of the service.
            request: The request.
            timeout_s: Time limit for the response.

        Raises:
            OdysseyError: `UNREACHABLE`: the service is not there, or its node ended during the call;
                `TIMEOUT`: it did not respond in time. Or the response has `success` false: with its code and
                its message.
        """
        async with self._client(kind, name) as client:
            response = await self._response(client, request, name, timeout_s)
        if hasattr(response, "error_code") and not response.success:
            raise refusal(response.error_code, response.message)
        return response

    async def on_executor(self, call: Callable[[], Any]) -> Any:
        """Run a function on the executor's thread; return its result, or raise its error."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Any] = loop.create_future()

        def run() -> None:
            try:
                value = call()
            except Exception as error:  # noqa: BLE001 -- passed on to the caller
                _complete(loop, result, error=error)
            else:
                _complete(loop, result, value=value)

        self._executor.post(run)
        return await result

    @asynccontextmanager
    async def _client(self, kind: Any, name: str) -> AsyncIterator[Client]:
        """Use a client whose service has been discovered."""
        loop = asyncio.get_running_loop()
        try:
            client = await self.on_executor(lambda: self._clients.acquire(kind, name))
            deadline = loop.time() + READY_TIMEOUT_S
            while not await self.on_executor(client.service_is_ready):
                if loop.time() > deadline:
                    raise OdysseyError(f"The service {name} is not there", code=ErrorCode.UNREACHABLE)
                await asyncio.sleep(_READY_POLL_S)
            yield client
        finally:
            self._executor.post(lambda: self._clients.release(kind, name))
            loop.call_later(IDLE_S + 1.0, self._executor.post, self._clients.destroy_idle)

    async def _response(self, client: Client, request: Any, name: str, timeout_s: float) -> Any:
        loop = asyncio.get_running_loop()
        call = _PendingCall(self._node, client, request, loop)
        try:
            servers = await self.on_executor(call.send)
            deadline = loop.time() + timeout_s
            missing = 0
            while loop.time() < deadline:
                await asyncio.wait({call.result}, timeout=min(LEFT_POLL_S, deadline - loop.time()))
                if call.result.done():
                    return call.result.result()
                missing = 0 if await self.on_executor(servers.remain) else missing + 1
                if missing >= LEFT_LOOKS:
                    raise OdysseyError(
                        f"The node of the service {name} ended before it responded: the request may not have "
                        "taken effect",
                        code=ErrorCode.UNREACHABLE,
                    )
            raise OdysseyError(
                f"The service {name} did not respond within {timeout_s:g} s", code=ErrorCode.TIMEOUT
            )
        finally:
            self._executor.post(call.drop)


class _PendingCall:
    """A request, from its sending to its response.

    Attributes:
        result: The response; for the asyncio thread.
    """

    def __init__(self, node: Node, client: Client, request: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.result: asyncio.Future[Any] = loop.create_future()
        self._node = node
        self._client = client
        self._request = request
        self._loop = loop
        self._pending: Any = None

    def send(self) -> Servers:
        """Send the request; return the servers that can receive it. On the executor's thread."""
        servers = Servers(self._node, self._client)
        self._pending = self._client.call_async(self._request)
        self._pending.add_done_callback(self._responded)
        return servers

    def drop(self) -> None:
        """Ignore a response that comes from now on. On the executor's thread."""
        if self._pending is not None:
            self._client.remove_pending_request(self._pending)

    def _responded(self, pending: Any) -> None:
        error = pending.exception()
        if error is not None:
            _complete(self._loop, self.result, error=error)
        else:
            _complete(self._loop, self.result, value=pending.result())


def refusal(error_code: str, message: str) -> OdysseyError:
    """Return the error of a response whose `success` is false."""
    code = ErrorCode.__members__.get(error_code, ErrorCode.ODYSSEY_ERROR)
    return OdysseyError(clean_text(message) or clean_text(error_code), code=code)


def _complete(
    loop: asyncio.AbstractEventLoop,
    result: asyncio.Future[Any],
    *,
    value: Any = None,
    error: Exception | None = None,
) -> None:
    """Complete a future of the asyncio thread from another thread, unless nobody waits for it any more."""

    def complete() -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(value)

    loop.call_soon_threadsafe(complete)
