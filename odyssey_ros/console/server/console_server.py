"""The running web server of the console: listens, and applies the access rules to every connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web

from odyssey_ros.client.json_object import MalformedError
from odyssey_ros.console.server.access import Access
from odyssey_ros.console.server.application import make_application
from odyssey_ros.console.server.page_address import page_url
from odyssey_ros.console.server.protocol import ConsoleProtocol
from odyssey_ros.console.server.serve_errors import CannotServeError, listen_error
from odyssey_ros.console.server.server_secrets import read_server_secrets
from odyssey_ros.web.connections import Connections
from odyssey_ros.web.hosts import HostRule, is_loopback
from odyssey_ros.web.listening_sockets import listening_sockets

if TYPE_CHECKING:
    import socket

    from odyssey_ros.console.console_parameters import ConsoleParameters
    from odyssey_ros.console.server.console_context import ConsoleContext

SHUTDOWN_S: Final = 1.0
"""For open requests, at the end of the process."""

MAX_CONNECTIONS: Final = 128
"""Connections at once. A page has two sockets, and up to six connections for requests."""

WHO_CAN: Final = (
    "The console can be reached from other machines: whoever has the token can see the video, prompt, submit "
    "jobs, spend the hours of the account, and change the lifecycle of the nodes"
)
NOT_ENCRYPTED: Final = (
    "The console is served over http: others on the network can read the token and everything else; set "
    "certificate_file to serve https"
)


@dataclass(frozen=True, slots=True)
class Served:
    """What is served.

    Attributes:
        url: The URL of the page.
        warnings: What the operator has to know about it.
    """

    url: str
    warnings: tuple[str, ...] = ()


class ConsoleServer:
    """The server. For the asyncio thread.

    Args:
        context: What the routes use.
    """

    def __init__(self, context: ConsoleContext) -> None:
        self._context = context
        self._connections = Connections(max_connections=MAX_CONNECTIONS)
        self._runner: web.AppRunner | None = None

    async def start(self) -> Served:
        """Listen.

        Raises:
            CannotServeError: The address, the token, the certificate or an origin cannot be used.
        """
        parameters = self._context.parameters
        secrets = await asyncio.to_thread(read_server_secrets, parameters)
        sockets = await asyncio.to_thread(_listen, parameters)
        port = sockets[0].getsockname()[1]
        scheme = "http" if secrets.tls is None else "https"
        hosts = HostRule(parameters.address, parameters.allowed_hosts)
        try:
            application = make_application(self._context, Access(hosts, scheme, port, secrets.token))
        except MalformedError as error:
            raise CannotServeError(f"media_origins: {error}") from error
        application.middlewares.insert(0, self._connections.middleware())
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await runner.setup()
        self._runner, server = runner, runner.server
        if server is None:
            raise RuntimeError("the server has not been made")
        await self._connections.accept(server, lambda: ConsoleProtocol(server), sockets, tls=secrets.tls)
        exposed = not is_loopback(parameters.address)
        return Served(
            page_url(scheme, parameters.address, port),
            (WHO_CAN,) * exposed + (NOT_ENCRYPTED,) * (exposed and secrets.tls is None),
        )

    async def stop(self) -> None:
        """Close all connections. Idempotent."""
        await self._connections.close()
        if self._runner is not None:
            await self._runner.cleanup()


def _listen(parameters: ConsoleParameters) -> list[socket.socket]:
    """Return sockets that listen at the address of the parameters. Blocks while a name is resolved.

    Raises:
        CannotServeError: The address cannot be used.
    """
    address, port = parameters.address, parameters.port
    try:
        sockets = listening_sockets(address, port)
    except (OSError, UnicodeError) as error:
        raise listen_error(error, address, port) from error
    foreign = [one.getsockname()[0] for one in sockets if not is_loopback(one.getsockname()[0])]
    if is_loopback(address) and foreign:
        for one in sockets:
            one.close()
        raise CannotServeError(f"{address} is {foreign[0]} on this machine: set address to 127.0.0.1")
    return sockets
