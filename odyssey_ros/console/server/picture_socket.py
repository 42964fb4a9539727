"""The socket over which a page gets the live picture: `/socket/pictures`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

from aiohttp import WSCloseCode, web

from odyssey_ros.console.graph.picture_messages import Codec
from odyssey_ros.console.server.console_context import context_of
from odyssey_ros.console.server.picture_watch import PictureWatch
from odyssey_ros.console.server.socket_messages import (
    MAX_MESSAGE_BYTES,
    SocketRefusedError,
    check_hello,
    receive_message,
)

if TYPE_CHECKING:
    from collections.abc import Set

logger = logging.getLogger(__name__)

MAX_VIEWERS: Final = 32
MAX_NAME: Final = 512
HEARTBEAT_S: Final = 6.0

_CODECS: Final = {"h264": Codec.H264, "jpeg": Codec.JPEG}
_SOCKETS: Final = web.AppKey("picture_sockets", set[web.WebSocketResponse])


def picture_routes() -> list[web.RouteDef]:
    """Return the route of the socket."""
    return [web.get("/socket/pictures", _serve)]


def close_picture_sockets(application: web.Application) -> None:
    """Let an application close the sockets when it stops."""
    application[_SOCKETS] = set()
    application.on_shutdown.append(_close_all)


async def _close_all(application: web.Application) -> None:
    closing = [socket.close(code=WSCloseCode.GOING_AWAY) for socket in application[_SOCKETS]]
    await asyncio.gather(*closing, return_exceptions=True)


async def _serve(request: web.Request) -> web.WebSocketResponse:
    # Pictures are compressed already.
    socket = web.WebSocketResponse(
        heartbeat=HEARTBEAT_S, max_msg_size=MAX_MESSAGE_BYTES, compress=False, timeout=1.0
    )
    await socket.prepare(request)
    sockets = request.app[_SOCKETS]
    if len(sockets) >= MAX_VIEWERS:
        reason = f"{MAX_VIEWERS} pages show pictures, which is the limit: close one of them"
        await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=reason.encode())
        return socket
    sockets.add(socket)
    try:
        if await check_hello(request, socket):
            await _run(request, socket)
    except SocketRefusedError as refusal:
        await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=str(refusal).encode())
    finally:
        sockets.discard(socket)
    return socket


async def _run(request: web.Request, socket: web.WebSocketResponse) -> None:
    watch = PictureWatch(context_of(request))
    sender = asyncio.ensure_future(_send(watch, socket))
    checker = asyncio.ensure_future(watch.check_repeatedly())
    try:
        while (message := await receive_message(socket)) is not None:
            _handle(watch, message)
    finally:
        watch.close()
        sender.cancel()
        checker.cancel()
        for outcome in await asyncio.gather(sender, checker, return_exceptions=True):
            if isinstance(outcome, Exception):
                logger.error("A page got no pictures any more; please report it", exc_info=outcome)


async def _send(watch: PictureWatch, socket: web.WebSocketResponse) -> None:
    with contextlib.suppress(ConnectionError):  # the page has gone, which ends _run
        while True:
            for message in await watch.take():
                if isinstance(message, str):
                    await socket.send_str(message)
                else:
                    await socket.send_bytes(message)


def _handle(watch: PictureWatch, message: dict[str, Any]) -> None:
    kind = message.get("type")
    if kind == "drawn":
        number = message.get("sequence")
        if isinstance(number, bool) or not isinstance(number, int):
            raise SocketRefusedError("sequence has to be a whole number")
        watch.acknowledge(number)
    elif kind == "watch":
        node = message.get("node")
        if not isinstance(node, str) or len(node) > MAX_NAME:
            raise SocketRefusedError("node has to be the name of a node")
        watch.watch(node, _codecs(message.get("codecs")))
    elif kind == "clock":
        sent = message.get("sent")
        if isinstance(sent, bool) or not isinstance(sent, (int, float)):
            raise SocketRefusedError("sent has to be a number")
        watch.tell_time(sent)
    else:
        raise SocketRefusedError("the message has an unknown type")


def _codecs(value: object) -> Set[Codec]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise SocketRefusedError("codecs has to be a list of names")
    return frozenset(_CODECS[one] for one in value if one in _CODECS)
