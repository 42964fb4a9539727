"""What pages send over their sockets."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from odyssey_ros.console.graph.graph_nodes import MAX_NAME
from odyssey_ros.console.server import socket_messages
from odyssey_ros.console.server.access import ACCESS, Access, session_of
from odyssey_ros.console.server.socket_messages import (
    SocketRefusedError,
    check_hello,
    node_name,
    receive_message,
)
from odyssey_ros.web.hosts import HostRule


@pytest.fixture
async def talk():
    """Return a function that sends messages over a new socket, and returns what the server made of them."""
    outcomes: asyncio.Queue[object] = asyncio.Queue()
    tokens = []

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        tokens.append(session_of(request).page_token)
        await socket.prepare(request)
        try:
            accepted = await check_hello(request, socket)
            await outcomes.put(await receive_message(socket) if accepted else "closed")
        except SocketRefusedError as refusal:
            await outcomes.put(str(refusal))
        return socket

    application = web.Application()
    application[ACCESS] = Access(HostRule("127.0.0.1"), "http", 0)
    application.router.add_get("/", serve)
    async with TestServer(application) as server, ClientSession() as client:

        async def send(*messages: object, close: bool = False) -> object:
            async with client.ws_connect(server.make_url("/")) as socket:
                for message in messages:
                    hello = {"type": "hello", "token": tokens[-1]}
                    text = hello if message == "hello" else message
                    await (socket.send_bytes(text) if isinstance(text, bytes) else socket.send_json(text))
                if close:
                    await socket.close()
                return await outcomes.get()

        yield send


async def test_a_message_follows_the_token(talk):
    assert await talk("hello", {"type": "watch"}) == {"type": "watch"}


async def test_a_socket_that_is_closed_first_was_not_accepted(talk):
    assert await talk(close=True) == "closed"


async def test_a_closed_socket_has_no_message(talk):
    assert await talk("hello", close=True) is None


@pytest.mark.parametrize("hello", [{}, {"type": "hello"}, {"type": "hello", "token": 1}, {"token": "x"}])
async def test_other_tokens_are_refused(talk, hello):
    assert "out of date" in str(await talk(hello))


@pytest.mark.parametrize("message", [[], 1, None, b"{}"])
async def test_other_messages_are_refused(talk, message):
    assert await talk(message) == "The message is not a JSON object"
    assert await talk("hello", message) == "The message is not a JSON object"


async def test_a_silent_page_is_refused(talk, monkeypatch):
    monkeypatch.setattr(socket_messages, "HELLO_TIMEOUT_S", 0.05)
    assert "did not send its token within 0.05 s" in str(await talk())


def test_a_node_can_be_named_that_could_be_sent():
    for name in ("/later", "not a name: \u00e4", "", "x" * MAX_NAME):
        assert node_name({"node": name}) == name


@pytest.mark.parametrize(
    "message", [{}, {"node": 3}, {"node": ["/a"]}, {"node": "x" * (MAX_NAME + 1)}, {"node": "/lone\ud800"}]
)
def test_other_names_are_refused(message):
    with pytest.raises(SocketRefusedError, match="has to be the name of a node"):
        node_name(message)
