"""The listening socket: bounds the number of connections, and the time until a connection sends a request."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Connections"]

logger = logging.getLogger(__name__)

MAX_CONNECTIONS: Final = 256
"""Most TCP connections at once; further connections are closed at once."""

REQUEST_SECONDS: Final = 15.0
"""Time from the opening of a connection in which the headers of its first request must arrive."""


class Connections:
    """Accepts the connections of an HTTP application. Belongs to one event loop.

    Args:
        max_connections: most connections at once.
        request_seconds: time from the opening of a connection in which the headers of its first request must
            arrive; a connection without a request is closed after this time and at most a quarter more.
    """

    def __init__(
        self, *, max_connections: int = MAX_CONNECTIONS, request_seconds: float = REQUEST_SECONDS
    ) -> None:
        self._max_connections = max_connections
        self._request_seconds = request_seconds
        self._starting = 0
        self._opened: dict[web.RequestHandler, float] = {}
        self._served: set[web.RequestHandler] = set()
        self._listener: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """TCP port on which the service listens.

        Raises:
            RuntimeError: the service does not listen.
        """
        if self._listener is None:
            raise RuntimeError("the service does not listen")
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    def middleware(self) -> Callable[..., Awaitable[web.StreamResponse]]:
        """Return the outermost middleware of the application, which notes that a request has arrived."""

        @web.middleware
        async def note_request(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            self._served.add(request.protocol)
            return await handler(request)

        return note_request

    async def listen(self, server: web.Server, host: str, port: int) -> None:
        """Bind an address and accept connections.

        Args:
            server: makes the protocol of each connection.
            host: address or name; `::` binds all IPv6 and IPv4 addresses where the system can.
            port: TCP port; 0 selects a free one.

        Raises:
            OSError: the address cannot be bound.
        """
        loop = asyncio.get_running_loop()

        def make_protocol() -> asyncio.Protocol:
            if len(server.connections) + self._starting >= self._max_connections:
                return _Refusal()
            # The server counts a connection from the next iteration of the loop on.
            self._starting += 1
            loop.call_soon(self._started)
            return server()

        if host == "::" and socket.has_dualstack_ipv6():
            # asyncio restricts its own IPv6 sockets to IPv6.
            both = socket.create_server((host, port), family=socket.AF_INET6, dualstack_ipv6=True)
            self._listener = await loop.create_server(make_protocol, sock=both)
        else:
            self._listener = await loop.create_server(make_protocol, host, port)
        self._sweeper = asyncio.create_task(self._sweep(server), name="odyssey-connections")

    async def close(self) -> None:
        """Stop listening; open connections stay open."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
            self._sweeper = None

    def _started(self) -> None:
        self._starting -= 1

    async def _sweep(self, server: web.Server) -> None:
        """Close the connections that have sent no request in time."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._request_seconds / 8)
            now, current = loop.time(), set(server.connections)
            self._served &= current
            self._opened = {one: self._opened.get(one, now) for one in current - self._served}
            for one, opened in self._opened.items():
                if now - opened >= self._request_seconds:
                    logger.info("A connection without a request is closed")
                    one.force_close()


class _Refusal(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        logger.warning("There are too many connections; a further one is closed")
        if isinstance(transport, asyncio.Transport):
            transport.abort()
