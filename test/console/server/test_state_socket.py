"""The state socket of a real console: who is let in, and what it takes."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from odyssey_ros.console.server.socket_messages import MAX_MESSAGE_BYTES
from odyssey_ros.console.server.state_socket import MAX_PAGES
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from console_graph import ConsoleProcess

HELLO = object()


@pytest.fixture(scope="module")
def console(lone_console: ConsoleProcess) -> ConsoleProcess:
    """A console without nodes."""
    return lone_console


@pytest.fixture
def token(console: ConsoleProcess) -> str:
    """The token of the page."""
    return str(httpx.get(f"{console.url}/api/session").json()["page_token"])


@pytest.fixture
def open_socket(console: ConsoleProcess) -> Iterator[Callable[[], ClientConnection]]:
    """Opens sockets, which close at the end of the test."""
    with ExitStack() as stack:
        address = f"{console.url.replace('http', 'ws', 1)}/socket/state"
        yield lambda: stack.enter_context(connect(address, origin=console.url))


def end_of(socket: ClientConnection) -> tuple[int, str]:
    """Read until the server closes the socket; return its code and its reason."""

    def read() -> None:
        while True:
            socket.recv(timeout=60)

    with pytest.raises(ConnectionClosed) as closed:
        read()
    received = closed.value.rcvd
    assert received is not None
    return received.code, received.reason


def hello(token: str) -> str:
    """Return the first message of a page."""
    return json.dumps({"type": "hello", "token": token})


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (json.dumps({"type": "hello", "token": "x" * 43}), "load it again"),
        (json.dumps({"type": "hello", "token": None}), "load it again"),
        (json.dumps({"type": "watch", "node": "/odyssey"}), "load it again"),
        ("[" * 3000, "not a JSON object"),
        ("7", "not a JSON object"),
        (b"{}", "not a JSON object"),
    ],
)
def test_refuses_who_does_not_know_the_token(
    open_socket: Callable[[], ClientConnection], first: Any, reason: str
) -> None:
    """With the reason."""
    socket = open_socket()
    socket.send(first)
    code, text = end_of(socket)
    assert code == 1008
    assert reason in text


def test_refuses_who_says_nothing(open_socket: Callable[[], ClientConnection]) -> None:
    """After a few seconds."""
    code, reason = end_of(open_socket())
    assert (code, reason) == (1008, "The page did not send its token within 5 s")


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ({"type": "delete", "node": "/odyssey"}, 1008, "unknown type"),
        ({"type": "watch"}, 1008, "the name of a node"),
        ({"type": "watch", "node": ["/odyssey"]}, 1008, "the name of a node"),
        ({"type": "watch", "node": "/" + "x" * 600}, 1008, "the name of a node"),
        ({"type": "watch", "node": "/lone\ud800"}, 1008, "the name of a node"),
        ({"type": "watch", "node": "/" + "x" * MAX_MESSAGE_BYTES}, 1009, ""),
    ],
)
def test_refuses_messages_that_are_not_of_the_page(
    open_socket: Callable[[], ClientConnection], token: str, message: Any, code: int, reason: str
) -> None:
    """Unknown or too long ones end the socket, with the reason."""
    socket = open_socket()
    socket.send(hello(token))
    socket.send(json.dumps(message))
    closed, text = end_of(socket)
    assert closed == code
    assert reason in text


def test_sends_the_state_of_nodes_that_do_not_exist(
    open_socket: Callable[[], ClientConnection], token: str
) -> None:
    """A page may wait for any node, whatever its name."""
    socket = open_socket()
    socket.send(hello(token))
    for name in ("/later", "not a name: \u00e4", ""):
        socket.send(json.dumps({"type": "watch", "node": name}))
    socket.send(json.dumps({"type": "watch", "node": "/end"}))
    received: list[dict[str, Any]] = []
    wait_until(
        lambda: received.append(json.loads(socket.recv(timeout=60))) or received[-1].get("node") == "/end"
    )
    assert received[-1] == {"type": "events", "node": "/end", "replace": True, "events": []}


def test_limits_the_number_of_pages(open_socket: Callable[[], ClientConnection], token: str) -> None:
    """A page that closes makes room for another one."""
    sockets = [open_socket() for _ in range(MAX_PAGES)]
    for socket in sockets:
        socket.send(hello(token))
        socket.recv(timeout=60)  # the list of the nodes
    assert end_of(open_socket()) == (
        1013,
        f"{MAX_PAGES} pages are open, which is the limit: close one of them",
    )
    sockets[0].close()

    def is_let_in() -> bool:
        another = open_socket()
        another.send(hello(token))
        try:
            return "nodes" in json.loads(another.recv(timeout=60))
        except ConnectionClosed:
            return False

    wait_until(is_let_in)
