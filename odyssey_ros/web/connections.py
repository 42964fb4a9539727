"""The connections of a web server: bounds their number, and the time until a connection sends a request."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from aiohttp import web

from odyssey_ros.web.listening_sockets import listening_sockets

if TYPE_CHECKING:
    import socket
    import ssl
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
        self._starting: set[asyncio.BaseProtocol] = set()
        self._opened: dict[web.RequestHandler, float] = {}
        self._served: set[web.RequestHandler] = set()
        self._listeners: list[asyncio.Server] = []
        self._port: int | None = None
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """TCP port on which the service listens.

        Raises:
            RuntimeError: the service does not listen.
        """
        if self._port is None:
            raise RuntimeError("the service does not listen")
        return self._port

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
        await self.accept(server, server, await asyncio.to_thread(listening_sockets, host, port))

    async def accept(
        self,
        server: web.Server,
        make_handler: Callable[[], web.RequestHandler],
        sockets: list[socket.socket],
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Accept the connections of sockets that listen.

        Args:
            server: knows the open connections.
            make_handler: makes the protocol of each connection, for this server.
            sockets: sockets that listen, all on one port.
            tls: the certificate; None for connections without encryption.
        """
        loop = asyncio.get_running_loop()
        handshake_seconds = self._request_seconds if tls is not None else None

        def make_protocol() -> asyncio.Protocol:
            if len(self._starting.union(server.connections)) >= self._max_connections:
                return _Refusal()
            handler = make_handler()
            # The server knows a connection from the next iteration of the loop on, or from the end of the
            # handshake.
            self._starting.add(handler)
            loop.call_later(handshake_seconds or 0, self._starting.discard, handler)
            return handler

        for one in sockets:
            listener = await loop.create_server(
                make_protocol, sock=one, ssl=tls, ssl_handshake_timeout=handshake_seconds
            )
            self._listeners.append(listener)
        self._port = sockets[0].getsockname()[1]
        self._sweeper = asyncio.create_task(self._sweep(server), name="connections")

    async def close(self) -> None:
        """Stop listening; open connections stay open."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        self._port = None
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
            self._sweeper = None

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
