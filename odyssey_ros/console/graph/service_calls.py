"""Calls of services of other nodes from the asyncio thread."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.client.service_text import clean_text
from odyssey_ros.console.graph.executor_results import on_executor, pass_on
from odyssey_ros.console.graph.kept_clients import KeptClients
from odyssey_ros.console.graph.ready_clients import ReadyClients
from odyssey_ros.console.graph.service_servers import Servers

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.client import Client
    from rclpy.node import Node

    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls

CALL_TIMEOUT_S: Final = 125.0
"""The bridge answers every call within 120 s."""

LEFT_POLL_S: Final = 1.0
"""How often a pending call looks whether its server is still there."""

LEFT_LOOKS: Final = 2
"""A server has left once it was missing this many times: its last response may still be on the way."""


class ServiceCalls:
    """Calls services. The methods are for the asyncio thread.

    Args:
        node: The node of the console.
        executor: Runs calls on the thread that spins the node.
    """

    def __init__(self, node: Node, executor: ExecutorCalls) -> None:
        self._node = node
        self._executor = executor
        clients: KeptClients[tuple[type, str], Client] = KeptClients(
            lambda key: node.create_client(*key), node.destroy_client
        )
        self._clients = ReadyClients(executor, clients, lambda client: client.service_is_ready())

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
        async with self._clients.use((kind, name), f"service {name}") as client:
            response = await self._response(client, request, name, timeout_s)
        if hasattr(response, "error_code") and not response.success:
            raise refusal(response.error_code, response.message)
        return response

    async def on_executor(self, call: Callable[[], Any]) -> Any:
        """Run a function on the executor's thread; return its result, or raise its error."""
        return await on_executor(self._executor, call)

    async def _response(self, client: Client, request: Any, name: str, timeout_s: float) -> Any:
        loop = asyncio.get_running_loop()
        call = _PendingCall(self._node, client, request)
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

    def __init__(self, node: Node, client: Client, request: Any) -> None:
        self.result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._node = node
        self._client = client
        self._request = request
        self._pending: Any = None

    def send(self) -> Servers:
        """Send the request; return the servers that can receive it. On the executor's thread."""
        servers = Servers(self._node, self._client)
        self._pending = self._client.call_async(self._request)
        pass_on(self._pending, self.result)
        return servers

    def drop(self) -> None:
        """Ignore a response that comes from now on. On the executor's thread."""
        if self._pending is not None:
            self._client.remove_pending_request(self._pending)


def refusal(error_code: str, message: str) -> OdysseyError:
    """Return the error of a response whose `success` is false."""
    code = ErrorCode.__members__.get(error_code, ErrorCode.ODYSSEY_ERROR)
    return OdysseyError(clean_text(message) or clean_text(error_code), code=code)
