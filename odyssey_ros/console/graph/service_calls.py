"""Calls of services of other nodes from the asyncio thread."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.client import ErrorCode, OdysseyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.client import Client
    from rclpy.node import Node

    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls

CALL_TIMEOUT_S: Final = 125.0
"""The bridge answers every call within 120 s."""

READY_TIMEOUT_S: Final = 5.0
"""For the discovery of a service that the graph already lists."""

_READY_POLL_S: Final = 0.05


class ServiceCalls:
    """Calls services. The methods are for the asyncio thread.

    A client is created for the first call of a service, and kept.

    Args:
        node: The node of the console.
        executor: Runs calls on the thread that spins the node.
    """

    def __init__(self, node: Node, executor: ExecutorCalls) -> None:
        self._node = node
        self._executor = executor
        self._clients: dict[tuple[type, str], Client] = {}

    async def call(self, kind: Any, name: str, request: Any, *, timeout_s: float = CALL_TIMEOUT_S) -> Any:
        """Call a service; return its response.

        Args:
            kind: The class of the service, such as `odyssey_ros.srv.Interact`.
            name: The absolute name of the service.
            request: The request.
            timeout_s: Time limit for the response.

        Raises:
            OdysseyError: `UNREACHABLE`: the service is not there; `TIMEOUT`: it did not respond in time. Or
                the response has `success` false: with its code and its message.
        """
        client = await self._ready_client(kind, name)
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

    async def _ready_client(self, kind: Any, name: str) -> Client:
        client = self._clients.get((kind, name))
        if client is None:
            client = await self.on_executor(lambda: self._node.create_client(kind, name))
            self._clients[kind, name] = client
        deadline = asyncio.get_running_loop().time() + READY_TIMEOUT_S
        while not await self.on_executor(client.service_is_ready):
            if asyncio.get_running_loop().time() > deadline:
                raise OdysseyError(f"The service {name} is not there", code=ErrorCode.UNREACHABLE)
            await asyncio.sleep(_READY_POLL_S)
        return client

    async def _response(self, client: Client, request: Any, name: str, timeout_s: float) -> Any:
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Any] = loop.create_future()
        pending = await self.on_executor(lambda: client.call_async(request))

        def done(future: Any) -> None:
            error = future.exception()
            if error is not None:
                _complete(loop, result, error=error)
            else:
                _complete(loop, result, value=future.result())

        self._executor.post(lambda: pending.add_done_callback(done))
        try:
            return await asyncio.wait_for(result, timeout_s)
        except asyncio.TimeoutError:
            raise OdysseyError(
                f"The service {name} did not respond within {timeout_s:g} s", code=ErrorCode.TIMEOUT
            ) from None
        finally:
            self._executor.post(lambda: client.remove_pending_request(pending))


def refusal(error_code: str, message: str) -> OdysseyError:
    """Return the error of a response whose `success` is false."""
    code = ErrorCode.__members__.get(error_code, ErrorCode.ODYSSEY_ERROR)
    return OdysseyError(message or error_code, code=code)


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
