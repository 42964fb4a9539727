"""The web application of the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from odyssey_ros.console.server.access import ACCESS, check_access, set_response_headers
from odyssey_ros.console.server.access_routes import access_routes
from odyssey_ros.console.server.answers import errors_as_json
from odyssey_ros.console.server.console_context import CONTEXT
from odyssey_ros.console.server.lifecycle_routes import lifecycle_routes
from odyssey_ros.console.server.media_forwarding import add_media
from odyssey_ros.console.server.page_files import page_routes
from odyssey_ros.console.server.picture_socket import add_picture_socket
from odyssey_ros.console.server.player_routes import player_routes
from odyssey_ros.console.server.recording_routes import recording_routes
from odyssey_ros.console.server.request_bodies import MAX_JSON_BYTES
from odyssey_ros.console.server.simulation_routes import add_simulations
from odyssey_ros.console.server.state_socket import add_state_socket
from odyssey_ros.console.server.stream_routes import add_streams

if TYPE_CHECKING:
    from odyssey_ros.console.server.access import Access
    from odyssey_ros.console.server.console_context import ConsoleContext


def make_application(context: ConsoleContext, access: Access) -> web.Application:
    """Return the application with all routes.

    Args:
        context: What the routes use.
        access: Who may use them.
    """
    application = web.Application(middlewares=[check_access, errors_as_json], client_max_size=MAX_JSON_BYTES)
    application.on_response_prepare.append(set_response_headers)
    application[CONTEXT] = context
    application[ACCESS] = access
    application.add_routes(access_routes())
    application.add_routes(page_routes())
    add_state_socket(application)
    add_picture_socket(application)
    add_streams(application, context)
    add_simulations(application, context)
    application.add_routes(lifecycle_routes())
    application.add_routes(player_routes())
    add_media(application, context.parameters.media_origins)
    application.add_routes(recording_routes())
    return application
