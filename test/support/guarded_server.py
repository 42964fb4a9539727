"""A server with the access rules of the console and few routes, and raw requests to it."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from odyssey_ros.console.server.access import ACCESS, Access, check_access, session_of, set_response_headers
from odyssey_ros.console.server.access_routes import access_routes
from odyssey_ros.console.server.answers import errors_as_json
from odyssey_ros.console.server.disconnects import is_connected
from odyssey_ros.console.server.protocol import ConsoleProtocol
from odyssey_ros.web.connections import Connections
from odyssey_ros.web.hosts import HostRule
from odyssey_ros.web.listening_sockets import listening_sockets
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = "0123456789abcdef-token"


@dataclass
class GuardedServer:
    """A running server.

    Attributes:
        port: Its port.
        access: Who may use it.
        reached: What has reached a handler: the method and the path.
        sockets: Open WebSockets.
    """

    port: int
    access: Access
    reached: list[str]
    sockets: set[web.WebSocketResponse]

    @property
    def origin(self) -> str:
        """The origin of its page."""
        return f"http://127.0.0.1:{self.port}"

    async def send(self, head: str, *headers: str, body: bytes = b"") -> tuple[int, dict[str, str], str]:
        """Send a request as it is; return the status, the headers and the body of the answer.

        Args:
            head: The method and the path, such as `GET /`.
            *headers: Header lines. `Host` is added without one.
            body: The body, whose length is sent if it is not empty.
        """
        lines = [f"{head} HTTP/1.1", *headers]
        if not any(line.lower().startswith("host") for line in headers):
            lines.append(f"Host: 127.0.0.1:{self.port}")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return await self.send_bytes("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)

    async def send_bytes(self, content: bytes) -> tuple[int, dict[str, str], str]:
        """Send bytes; return the status, the headers and the body of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            with contextlib.suppress(ConnectionError):  # the server may answer before it has read everything
                writer.write(content)
                await writer.drain()
            answer = b""
            with contextlib.suppress(ConnectionError):
                while part := await reader.read(65536):
                    answer += part
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        top, _, text = answer.partition(b"\r\n\r\n")
        first, *lines = top.decode().split("\r\n")
        return (
            int(first.split()[1]),
            {k.lower(): v for k, v in (one.split(": ", 1) for one in lines)},
            text.decode(),
        )


@asynccontextmanager
async def guarded_server(token: str = "", **limits: float) -> AsyncIterator[GuardedServer]:
    """Run a server with `GET` and `POST /api/thing`, `/`, `/fails`, and the socket `/socket/echo`.

    `/late` answers when the client has closed the connection.

    Args:
        token: The token to log in with.
        **limits: Limits of `Connections`.
    """
    sockets = listening_sockets("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    access = Access(HostRule("127.0.0.1", ("robot.example",)), "http", port, token)
    running = GuardedServer(port, access, [], set())

    async def reach(request: web.Request) -> web.StreamResponse:
        running.reached.append(f"{request.method} {request.path}")
        return web.Response(text="reached")

    async def fail(_: web.Request) -> web.StreamResponse:
        raise ValueError("a secret of the handler")

    async def answer_late(request: web.Request) -> web.StreamResponse:
        await eventually(lambda: not is_connected(request))
        running.reached.append("late")
        response = web.StreamResponse()
        await response.prepare(request)
        return response

    async def echo(request: web.Request) -> web.StreamResponse:
        running.reached.append("socket")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        running.sockets.add(socket)
        try:
            async for message in socket:
                accepted = session_of(request).is_page_token(str(message.data))
                await socket.send_str("accepted" if accepted else "refused")
        finally:
            running.sockets.discard(socket)
        return socket

    connections = Connections(**limits)  # type: ignore[arg-type]
    app = web.Application(middlewares=[connections.middleware(), check_access, errors_as_json])
    app.on_response_prepare.append(set_response_headers)
    app[ACCESS] = access
    app.add_routes(access_routes())
    app.add_routes(
        [
            web.get("/", reach),
            web.get("/api/thing", reach),
            web.post("/api/thing", reach),
            web.get("/fails", fail),
            web.get("/late", answer_late),
            web.get("/socket/echo", echo),
        ]
    )
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    server = runner.server
    assert server is not None
    await connections.accept(server, lambda: ConsoleProtocol(server), sockets)
    try:
        yield running
    finally:
        await connections.close()
        await runner.cleanup()
