"""The sockets of pages: lets in a limited number of pages, and tells each page why its socket is closed."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from aiohttp import WSCloseCode, web

from odyssey_ros.client.tasks import end_tasks
from odyssey_ros.console.server.socket_messages import (
    MAX_MESSAGE_BYTES,
    SocketRefusedError,
    check_hello,
    receive_message,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    Serve = Callable[[web.Request, web.WebSocketResponse], Awaitable[None]]

logger = logging.getLogger(__name__)

HEARTBEAT_S: Final = 6.0
"""A page that has vanished is noticed within one and a half of it."""

CLOSE_TIMEOUT_S: Final = 1.0
"""For the answer of a page to the close of its socket."""

STOPPED: Final = "The console was stopped"
SESSION_ENDED: Final = "The session has ended: log in again"
FAILED: Final = "The console could not go on; its log has the reason"


class PageSockets:
    """The open sockets of one route. For the asyncio thread.

    The close of a socket has a reason for the person at the page, with the code 1013 at the limit, 1008 for
    what the page must not do and at the end of its session, 1001 at the end of the console, and 1011 for an
    error of the console.

    Args:
        serve: Serves a page that has sent its token, until the page closes the socket. It may raise
            `SocketRefusedError`.
        limit: Number of sockets at once.
        full: The reason for a page above the limit.
        compress: Whether messages are compressed.
    """

    def __init__(self, serve: Serve, *, limit: int, full: str, compress: bool = True) -> None:
        self._serve = serve
        self._limit = limit
        self._full = full
        self._compress = compress
        self._open: set[web.WebSocketResponse] = set()

    def add_to(self, application: web.Application, path: str) -> None:
        """Add the route to an application, which closes the sockets when it stops."""
        application.router.add_get(path, self._handle)
        application.on_shutdown.append(self._close_all)

    async def _handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S,
            max_msg_size=MAX_MESSAGE_BYTES,
            compress=self._compress,
            timeout=CLOSE_TIMEOUT_S,
        )
        await socket.prepare(request)
        if len(self._open) >= self._limit:
            await _close(socket, WSCloseCode.TRY_AGAIN_LATER, self._full)
            return socket
        self._open.add(socket)
        try:
            if await check_hello(request, socket):
                await self._serve(request, socket)
        except SocketRefusedError as refusal:
            await _close(socket, WSCloseCode.POLICY_VIOLATION, str(refusal))
        except asyncio.CancelledError:  # by the end of the session
            await _close(socket, WSCloseCode.POLICY_VIOLATION, SESSION_ENDED)
            raise
        except Exception:
            logger.exception("The socket %s of a page failed; please report it", request.path)
            await _close(socket, WSCloseCode.INTERNAL_ERROR, FAILED)
        finally:
            self._open.discard(socket)
        return socket

    async def _close_all(self, _: web.Application) -> None:
        closing = [_close(socket, WSCloseCode.GOING_AWAY, STOPPED) for socket in self._open]
        await asyncio.gather(*closing, return_exceptions=True)


async def converse(
    socket: web.WebSocketResponse,
    handle: Callable[[dict[str, Any]], None],
    *others: Coroutine[Any, Any, None],
) -> None:
    """Handle the messages of a page until it closes the socket, or one of the other coroutines ends.

    Args:
        socket: The socket.
        handle: Takes each message. It may raise `SocketRefusedError`.
        others: What runs meanwhile, such as the sender. A lost connection ends it.

    Raises:
        SocketRefusedError: The page sent something that it must not.
    """
    receiver = _receive(socket, handle)
    tasks = [asyncio.ensure_future(one) for one in (receiver, *others)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end_tasks(tasks)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        # A connection is lost when the page has gone.
        if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError):
            raise outcome


async def _receive(socket: web.WebSocketResponse, handle: Callable[[dict[str, Any]], None]) -> None:
    while (message := await receive_message(socket)) is not None:
        handle(message)


async def _close(socket: web.WebSocketResponse, code: WSCloseCode, reason: str) -> None:
    await socket.close(code=code, message=reason.encode())
