"""What pages send over their sockets: the token of the page first, then JSON objects."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from aiohttp import WSMsgType

from odyssey_ros.console.graph.graph_nodes import is_sendable_name
from odyssey_ros.console.server.access import session_of

if TYPE_CHECKING:
    from aiohttp import web

MAX_MESSAGE_BYTES: Final = 4096

HELLO_TIMEOUT_S: Final = 5.0


class SocketRefusedError(Exception):
    """The page sent something that it must not.

    The text becomes the reason of the close: words for the person at the page, of at most 123 bytes.
    """


async def check_hello(request: web.Request, socket: web.WebSocketResponse) -> bool:
    """Wait for the token of the page; return False if the page has closed the socket instead.

    Raises:
        SocketRefusedError: The page sent something else, or nothing in time.
    """
    try:
        message = await receive_message(socket, HELLO_TIMEOUT_S)
    except asyncio.TimeoutError:
        raise SocketRefusedError(f"The page did not send its token within {HELLO_TIMEOUT_S:g} s") from None
    if message is None:
        return False
    if message.get("type") != "hello" or not session_of(request).is_page_token(message.get("token")):
        raise SocketRefusedError("The page is out of date: load it again")
    return True


async def receive_message(
    socket: web.WebSocketResponse, timeout_s: float | None = None
) -> dict[str, Any] | None:
    """Return the next message; None when the socket has been closed.

    Raises:
        SocketRefusedError: The message is not a JSON object.
    """
    message = await socket.receive(timeout=timeout_s)
    if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
        return None
    try:
        value = json.loads(message.data) if message.type is WSMsgType.TEXT else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise SocketRefusedError("The message is not a JSON object")
    return value


def node_name(message: dict[str, Any]) -> str:
    """Return the field `node` of a message, which may be empty.

    Raises:
        SocketRefusedError: It cannot be the name of a node.
    """
    node = message.get("node")
    if not isinstance(node, str) or not is_sendable_name(node):
        raise SocketRefusedError("The field node has to be the name of a node")
    return node
