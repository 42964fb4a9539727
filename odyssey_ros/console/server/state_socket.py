"""The socket over which a page gets the state of the graph: `/socket/state`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from aiohttp import WSCloseCode, web

from odyssey_ros.client.service_text import is_plain
from odyssey_ros.console.graph.graph_nodes import MAX_NAME
from odyssey_ros.console.server.console_context import context_of
from odyssey_ros.console.server.socket_messages import (
    MAX_MESSAGE_BYTES,
    SocketRefusedError,
    check_hello,
    receive_message,
)
from odyssey_ros.console.server.state_page import StatePage

if TYPE_CHECKING:
    from odyssey_ros.console.server.console_context import ConsoleContext

MAX_PAGES: Final = 32
HEARTBEAT_S: Final = 6.0
"""A page that has vanished is noticed within one and a half of it."""

_SOCKETS: Final = web.AppKey("state_sockets", set[web.WebSocketResponse])


def state_routes() -> list[web.RouteDef]:
    """Return the route of the socket."""
    return [web.get("/socket/state", _serve)]


def close_state_sockets(application: web.Application) -> None:
    """Let an application close the sockets when it stops."""
    application[_SOCKETS] = set()
    application.on_shutdown.append(_close_all)


async def _close_all(application: web.Application) -> None:
    closing = [
        socket.close(code=WSCloseCode.GOING_AWAY, message=b"the console has been stopped")
        for socket in application[_SOCKETS]
    ]
    await asyncio.gather(*closing, return_exceptions=True)


async def _serve(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=MAX_MESSAGE_BYTES, timeout=1.0)
    await socket.prepare(request)
    sockets = request.app[_SOCKETS]
    if len(sockets) >= MAX_PAGES:
        reason = f"{MAX_PAGES} pages are open, which is the limit: close one of them"
        await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=reason.encode())
        return socket
    sockets.add(socket)
    try:
        if await check_hello(request, socket):
            await _Connection(context_of(request), socket).run()
    except SocketRefusedError as refusal:
        await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=str(refusal).encode())
    finally:
        sockets.discard(socket)
    return socket


class _Connection:
    """A page whose hello was accepted."""

    def __init__(self, context: ConsoleContext, socket: web.WebSocketResponse) -> None:
        self._hub = context.hub
        self._feed = context.feed
        self._socket = socket
        self._page = StatePage()

    async def run(self) -> None:
        """Send the state until the page closes the socket.

        Raises:
            SocketRefusedError: The page sent something that it must not.
        """
        self._hub.add(self._page)
        self._feed.page_opened()
        sender = asyncio.ensure_future(self._send())
        try:
            while (message := await receive_message(self._socket)) is not None:
                self._handle(message)
        finally:
            sender.cancel()
            self._hub.remove(self._page)
            self._feed.unwatch(self._page.node)
            self._feed.page_closed()
            with contextlib.suppress(asyncio.CancelledError):
                await sender

    def _handle(self, message: dict[str, Any]) -> None:
        node = message.get("node")
        if message.get("type") != "watch" or not isinstance(node, str) or not _is_possible(node):
            raise SocketRefusedError("the message has an unknown type or an invalid field")
        if node != self._page.node:
            self._feed.watch(node)
            self._feed.unwatch(self._page.node)
            self._hub.watch(self._page, node)

    async def _send(self) -> None:
        with contextlib.suppress(ConnectionError):  # the page has gone, which ends run
            while True:
                for text in await self._page.take():
                    await self._socket.send_str(text)


def _is_possible(name: str) -> bool:
    """Return whether a text can be the name of a node; a lone surrogate, for example, cannot be sent."""
    return len(name) <= MAX_NAME and is_plain(name)
