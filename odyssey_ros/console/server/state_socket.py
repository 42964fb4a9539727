"""The socket over which a page gets the state of the graph: `/socket/state`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.console.server.console_context import context_of
from odyssey_ros.console.server.page_sockets import PageSockets, converse
from odyssey_ros.console.server.socket_messages import SocketRefusedError, node_name
from odyssey_ros.console.server.state_page import StatePage

if TYPE_CHECKING:
    from aiohttp import web

    from odyssey_ros.console.server.console_context import ConsoleContext

MAX_PAGES: Final = 32
FULL: Final = f"{MAX_PAGES} pages are open, which is the limit: close one of them"


def add_state_socket(application: web.Application) -> None:
    """Add the socket to an application."""
    PageSockets(_serve, limit=MAX_PAGES, full=FULL).add_to(application, "/socket/state")


async def _serve(request: web.Request, socket: web.WebSocketResponse) -> None:
    await _Connection(context_of(request), socket).run()


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
        try:
            await converse(self._socket, self._handle, self._send())
        finally:
            self._hub.remove(self._page)
            self._feed.unwatch(self._page.node)
            self._feed.page_closed()

    def _handle(self, message: dict[str, Any]) -> None:
        if message.get("type") != "watch":
            raise SocketRefusedError("The message has an unknown type")
        node = node_name(message)
        if node != self._page.node:
            self._feed.watch(node)
            self._feed.unwatch(self._page.node)
            self._hub.watch(self._page, node)

    async def _send(self) -> None:
        while True:
            for text in await self._page.take():
                await self._socket.send_str(text)
