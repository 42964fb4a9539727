"""The running web server of the console: listens, and applies the access rules to every connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from odyssey_ros.console.server.access import Access
from odyssey_ros.console.server.application import make_application
from odyssey_ros.console.server.protocol import ConsoleProtocol
from odyssey_ros.web.connections import Connections
from odyssey_ros.web.hosts import HostRule
from odyssey_ros.web.listening_sockets import listening_sockets

if TYPE_CHECKING:
    from odyssey_ros.console.server.console_context import ConsoleContext

SHUTDOWN_S: Final = 1.0
"""For open requests, at the end of the process."""

MAX_CONNECTIONS: Final = 128
"""Connections at once. A page has two sockets, and up to six connections for requests."""


class ConsoleServer:
    """The server. For the asyncio thread.

    Args:
        context: What the routes use.
    """

    def __init__(self, context: ConsoleContext) -> None:
        self._context = context
        self._connections = Connections(max_connections=MAX_CONNECTIONS)
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen; return the URL of the page.

        Raises:
            OSError: The address cannot be used.
        """
        parameters = self._context.parameters
        sockets = await asyncio.to_thread(listening_sockets, parameters.address, parameters.port)
        port = sockets[0].getsockname()[1]
        access = Access(HostRule(parameters.address, parameters.allowed_hosts), "http", port)
        application = make_application(self._context, access)
        application.middlewares.insert(0, self._connections.middleware())
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await runner.setup()
        self._runner, server = runner, runner.server
        if server is None:
            raise RuntimeError("the server has not been made")
        await self._connections.accept(server, lambda: ConsoleProtocol(server), sockets)
        host = parameters.address
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def stop(self) -> None:
        """Close all connections. Idempotent."""
        await self._connections.close()
        if self._runner is not None:
            await self._runner.cleanup()
