"""The web application of the console, and the server that runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from odyssey_ros.console.server.answers import errors_as_json
from odyssey_ros.console.server.console_context import CONTEXT
from odyssey_ros.console.server.media_forwarding import add_media
from odyssey_ros.console.server.page_files import page_routes
from odyssey_ros.console.server.page_token import PAGE_TOKEN, PageToken, session_routes
from odyssey_ros.console.server.recording_routes import recording_routes
from odyssey_ros.console.server.request_bodies import MAX_JSON_BYTES
from odyssey_ros.console.server.simulation_routes import simulation_routes
from odyssey_ros.console.server.state_socket import close_state_sockets, state_routes
from odyssey_ros.console.server.stream_routes import stream_routes

if TYPE_CHECKING:
    from odyssey_ros.console.server.console_context import ConsoleContext

SHUTDOWN_S: Final = 1.0
"""For open requests, at the end of the process."""


def make_application(context: ConsoleContext) -> web.Application:
    """Return the application with all routes."""
    application = web.Application(middlewares=[errors_as_json], client_max_size=MAX_JSON_BYTES)
    application[CONTEXT] = context
    application[PAGE_TOKEN] = PageToken()
    application.add_routes(page_routes())
    application.add_routes(session_routes())
    application.add_routes(state_routes())
    application.add_routes(stream_routes(context))
    application.add_routes(simulation_routes(context))
    close_state_sockets(application)
    add_media(application, context.parameters.media_origins)
    application.add_routes(recording_routes())
    return application


class ConsoleServer:
    """The running server. For the asyncio thread.

    Args:
        context: What the routes use.
    """

    def __init__(self, context: ConsoleContext) -> None:
        self._parameters = context.parameters
        self._runner = web.AppRunner(make_application(context), access_log=None, shutdown_timeout=SHUTDOWN_S)

    async def start(self) -> str:
        """Listen; return the URL of the page.

        Raises:
            OSError: The address cannot be used.
        """
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._parameters.address, self._parameters.port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{port}"

    async def stop(self) -> None:
        """Close all connections. Idempotent."""
        await self._runner.cleanup()
