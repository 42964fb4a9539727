"""The socket over which a page gets the live picture: `/socket/pictures`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.console.graph.picture_messages import Codec
from odyssey_ros.console.server.console_context import context_of
from odyssey_ros.console.server.page_sockets import PageSockets, converse
from odyssey_ros.console.server.picture_watch import PictureWatch
from odyssey_ros.console.server.socket_messages import SocketRefusedError, node_name

if TYPE_CHECKING:
    from collections.abc import Set

    from aiohttp import web

MAX_VIEWERS: Final = 32
FULL: Final = f"{MAX_VIEWERS} pages show pictures, which is the limit: close one of them"

_CODECS: Final = {"h264": Codec.H264, "jpeg": Codec.JPEG}


def add_picture_socket(application: web.Application) -> None:
    """Add the socket to an application."""
    # Pictures are compressed already.
    sockets = PageSockets(_serve, limit=MAX_VIEWERS, full=FULL, compress=False)
    sockets.add_to(application, "/socket/pictures")


async def _serve(request: web.Request, socket: web.WebSocketResponse) -> None:
    watch = PictureWatch(context_of(request))
    try:
        await converse(socket, partial(_handle, watch), _send(watch, socket), watch.check_repeatedly())
    finally:
        watch.close()


async def _send(watch: PictureWatch, socket: web.WebSocketResponse) -> None:
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
            raise SocketRefusedError("The field sequence has to be a whole number")
        watch.acknowledge(number)
    elif kind == "watch":
        watch.watch(node_name(message), _codecs(message.get("codecs")))
    elif kind == "clock":
        sent = message.get("sent")
        if isinstance(sent, bool) or not isinstance(sent, (int, float)):
            raise SocketRefusedError("The field sent has to be a number")
        watch.tell_time(sent)
    else:
        raise SocketRefusedError("The message has an unknown type")


def _codecs(value: object) -> Set[Codec]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise SocketRefusedError("The field codecs has to be a list of names")
    return frozenset(_CODECS[one] for one in value if one in _CODECS)
