"""The sockets of pages, with a real client: the limit, and the reason of each close."""

from __future__ import annotations

import asyncio
import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

from odyssey_ros.console.server import page_sockets, picture_socket, socket_messages, state_socket
from odyssey_ros.console.server.access import ACCESS, Access, session_of
from odyssey_ros.console.server.page_sockets import FAILED, SESSION_ENDED, STOPPED, PageSockets, converse
from odyssey_ros.console.server.socket_messages import SocketRefusedError
from odyssey_ros.web.hosts import HostRule
from served_application import served
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

LIMIT = 2
MAX_REASON_BYTES = 123
"""RFC 6455, 5.5."""


class Served:
    """An application with sockets that repeat what a page sends, and the client of its pages."""

    def __init__(self) -> None:
        self.application = web.Application()
        self.application[ACCESS] = Access(HostRule("127.0.0.1"), "http", 0)
        self.application.router.add_get("/token", self._token)
        self.application.middlewares.append(self._hold)
        PageSockets(self._serve, limit=LIMIT, full="Full").add_to(self.application, "/socket")
        self.end_session: Callable[[], None] = lambda: None
        self.stack = contextlib.AsyncExitStack()
        self.running = 0
        self.url = ""
        self.outgoing: asyncio.Queue[str] = asyncio.Queue()

    async def open(self) -> ClientWebSocketResponse:
        """Open the socket of a page that has sent its token, and has been let in."""
        client = await self.stack.enter_async_context(ClientSession())
        socket = await self.stack.enter_async_context(client.ws_connect(f"{self.url}/socket"))
        async with client.get(f"{self.url}/token") as answer:
            await socket.send_json({"type": "hello", "token": await answer.text()})
        await socket.send_json({"say": "ready"})
        return socket

    async def open_ready(self) -> ClientWebSocketResponse:
        """Open a socket, and wait until it is served."""
        socket = await self.open()
        assert await socket.receive_str(timeout=60) == "ready"
        return socket

    async def _token(self, request: web.Request) -> web.Response:
        return web.Response(text=session_of(request).page_token)

    @web.middleware
    async def _hold(self, request: web.Request, handler: Any) -> web.StreamResponse:
        session = session_of(request)
        self.end_session = session.end
        with session.holding():
            result: web.StreamResponse = await handler(request)
        return result

    async def _serve(self, _: web.Request, socket: web.WebSocketResponse) -> None:
        self.running += 1
        try:
            await converse(socket, self._handle, self._send(socket))
        finally:
            self.running -= 1

    def _handle(self, message: dict[str, Any]) -> None:
        if "say" not in message:
            raise SocketRefusedError("Say something")
        self.outgoing.put_nowait(message["say"])

    async def _send(self, socket: web.WebSocketResponse) -> None:
        while (text := await self.outgoing.get()) != "end":
            await socket.send_str(text.removeprefix("!"))
            if text.startswith("!"):
                raise {"!lost": ConnectionResetError, "!bug": ZeroDivisionError}[text]


@pytest.fixture
async def pages() -> AsyncIterator[Served]:
    """The application, while it runs."""
    one = Served()
    async with served(one.application) as one.url, one.stack:
        yield one


async def end_of(socket: ClientWebSocketResponse) -> tuple[int, str]:
    """Wait for the close of a socket; return its code and its reason."""
    while (message := await socket.receive(timeout=60)).type is WSMsgType.TEXT:
        pass
    assert message.type is WSMsgType.CLOSE
    return int(message.data), str(message.extra)


async def test_limits_the_number_of_sockets(pages: Served) -> None:
    first, _ = await pages.open_ready(), await pages.open_ready()
    assert await end_of(await pages.open()) == (1013, "Full")
    await first.close()
    await eventually(lambda: pages.running == 1)
    await pages.open_ready()


async def test_names_the_reason_of_a_refusal(pages: Served) -> None:
    socket = await pages.open_ready()
    await socket.send_json({})
    assert await end_of(socket) == (1008, "Say something")
    socket = await pages.stack.enter_async_context(
        (await pages.stack.enter_async_context(ClientSession())).ws_connect(f"{pages.url}/socket")
    )
    await socket.send_json({"type": "hello", "token": "of the last console"})
    assert await end_of(socket) == (1008, "The page is out of date: load it again")
    assert pages.running == 0


async def test_names_the_end_of_the_session(pages: Served) -> None:
    socket = await pages.open_ready()
    pages.end_session()
    assert await end_of(socket) == (1008, SESSION_ENDED)
    assert pages.running == 0


async def test_names_the_end_of_the_console() -> None:
    pages = Served()
    async with pages.stack:
        async with served(pages.application) as pages.url:
            sockets = [await pages.open_ready(), await pages.open_ready()]
            ends = asyncio.gather(*(end_of(socket) for socket in sockets))
        assert await ends == [(1001, STOPPED)] * 2
        assert pages.running == 0


async def test_an_error_of_the_console_is_logged_and_named(
    pages: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the sender, too: a page that is sent nothing any more must not stay open."""
    socket = await pages.open_ready()
    await socket.send_json({"say": "!bug"})
    assert await end_of(socket) == (1011, FAILED)
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("text", ["!lost", "end"])
async def test_a_lost_connection_is_no_error(
    pages: Served, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    socket = await pages.open_ready()
    await socket.send_json({"say": text})
    code, reason = await end_of(socket)
    assert (code, reason) == (1000, "")
    assert "failed" not in caplog.text
    assert pages.running == 0


def test_reasons_fit_into_a_close() -> None:
    """All that are sent: a longer one would break the connection."""
    modules = (page_sockets, picture_socket, socket_messages, state_socket)
    sources = "".join(Path(str(module.__file__)).read_text() for module in modules)
    refusals = re.findall(r'SocketRefusedError\(\s*f?"([^"]*)"', sources)
    assert len(refusals) == sources.count("SocketRefusedError(") - sources.count("class SocketRefusedError(")
    for reason in (*refusals, STOPPED, SESSION_ENDED, FAILED, state_socket.FULL, picture_socket.FULL):
        assert len(reason.encode()) <= MAX_REASON_BYTES
        assert reason[0].isupper() or reason[0].isdigit()
