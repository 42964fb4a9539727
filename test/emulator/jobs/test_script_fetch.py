"""Scripts are fetched over HTTP; errors leave out the URL, which may contain a secret."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from odyssey_ros.emulator.jobs import script_fetch
from odyssey_ros.emulator.jobs.script_fetch import ScriptFetchError, fetch_script
from odyssey_ros.emulator.jobs.scripts import parse_script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

START = {"timestamp_ms": 0, "start": {"prompt": "a forest"}}
SCRIPT = [START, {"timestamp_ms": 1000, "end": {}}]


@pytest.fixture
async def server() -> AsyncIterator[str]:
    """Base URL of a server with good and bad scripts."""
    stopped = asyncio.Event()

    async def script(_: web.Request) -> web.Response:
        return web.json_response(SCRIPT)

    async def text(_: web.Request) -> web.Response:
        return web.Response(text="{")

    async def deep(_: web.Request) -> web.Response:
        return web.Response(text="[" * 200_000)

    async def wrong(_: web.Request) -> web.Response:
        return web.json_response([START])

    async def slow(_: web.Request) -> web.Response:
        await stopped.wait()
        return web.Response()

    async def endless(incoming: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(incoming)
        for _ in range(60):
            await response.write(bytes(1024 * 1024))
        return response

    async def loop(incoming: web.Request) -> web.Response:
        raise web.HTTPFound(incoming.rel_url)

    async def moved(_: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/script")

    async def elsewhere(_: web.Request) -> web.Response:
        raise web.HTTPFound("file:///etc/passwd")

    async def bomb(_: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(bytes(10_000_000)), headers={"Content-Encoding": "gzip"})

    app = web.Application()
    for handler in (script, text, deep, wrong, slow, endless, loop, moved, elsewhere, bomb):
        app.router.add_get(f"/{handler.__name__}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    stopped.set()
    await runner.cleanup()


async def test_a_script_is_fetched_and_parsed(server: str) -> None:
    assert await fetch_script(f"{server}/script?signature=s", allow_private=True) == parse_script(SCRIPT)
    assert await fetch_script(f"{server}/moved", allow_private=True) == parse_script(SCRIPT)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("text", "it is not valid JSON"),
        ("deep", "it is not valid JSON"),
        ("wrong", "is not valid: script.0: the last entry must be an end"),
        ("endless", "it is too large"),
    ],
)
async def test_an_unusable_answer_is_an_error_with_its_reason(server: str, path: str, problem: str) -> None:
    with pytest.raises(ScriptFetchError) as error:
        await fetch_script(f"{server}/{path}?secret=s3", allow_private=True)
    assert problem in str(error.value)
    assert "s3" not in str(error.value)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing", "HTTP 404"),
        ("loop", "it is redirected too often"),
        ("elsewhere", "is not http or https"),
        ("bomb", "the answer is encoded"),
        ("slow", "it takes longer than 0.5 s"),
        ("http://127.0.0.1:9/x?secret=s3", "ClientConnectorError"),
        ("http://no-such-host.invalid/?secret=s3", "ClientConnectorDNSError"),
        ("http://", "is not http or https"),
        ("http://[oops/?secret=s3", "ValueError"),
    ],
)
async def test_the_network_s_failures_look_alike_and_are_logged(
    server: str, path: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = path if path.startswith("http") else f"{server}/{path}?secret=s3"
    with pytest.raises(ScriptFetchError) as error:
        await fetch_script(url, timeout=0.5 if path == "slow" else 60, allow_private=True)
    assert str(error.value) == (
        "The script could not be fetched from its script_url; the log of the emulator has the reason"
    )
    assert reason in caplog.text
    assert "s3" not in caplog.text


class Listener:
    """A service of this machine that counts the connections to it."""

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0

    async def accept(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        body = json.dumps(SCRIPT).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    service = Listener()
    server = await asyncio.start_server(service.accept, "127.0.0.1", 0)
    service.port = server.sockets[0].getsockname()[1]
    async with server:
        yield service


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0"],
)
async def test_a_port_scan_reaches_nothing_and_learns_nothing(listener: Listener, host: str) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # does not listen: a closed port
        texts = set()
        for port in (listener.port, reserved.getsockname()[1]):
            with pytest.raises(ScriptFetchError) as error:
                await fetch_script(f"http://{host}:{port}/")
            texts.add(str(error.value))
    assert len(texts) == 1
    assert listener.connections == 0
    if host not in {"127.1", "2130706433"}:  # newer versions of aiohttp refuse these by themselves
        assert "--allow-private-script-urls" in texts.pop()
    if host == "127.0.0.1":
        await fetch_script(f"http://{host}:{listener.port}/", allow_private=True)
        assert listener.connections == 1


async def test_a_redirect_to_this_machine_is_refused(
    listener: Listener, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A public server redirects to a service of this machine. Here, one loopback address is public."""
    asked: list[str] = []

    async def redirect(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = f"http://127.0.0.1:{listener.port}/".encode()
        asked.append("redirect")
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: " + target + b"\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    monkeypatch.setattr(script_fetch, "is_public", lambda address: address == "127.0.0.2")
    async with await asyncio.start_server(redirect, "127.0.0.2", 0) as public:
        with pytest.raises(ScriptFetchError, match="not public"):
            await fetch_script(f"http://127.0.0.2:{public.sockets[0].getsockname()[1]}/")
    assert (asked, listener.connections) == (["redirect"], 0)


async def test_a_name_is_resolved_once_and_its_address_is_checked(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second answer of a rebinding DNS server would be a private address."""
    answers = iter(["192.0.2.1", "127.0.0.1"])
    asked: list[str] = []

    async def resolve(host: str, port: int = 0, family: int = 0) -> list[dict[str, object]]:
        asked.append(host)
        address = next(answers)
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": 0,
            }
        ]

    monkeypatch.setattr(script_fetch.aiohttp.ThreadedResolver, "resolve", lambda _, *given: resolve(*given))
    monkeypatch.setattr(script_fetch, "is_public", lambda address: address == "192.0.2.1")
    with pytest.raises(ScriptFetchError, match="could not be fetched"):
        await fetch_script(f"http://rebinding.example:{listener.port}/", timeout=0.5)
    assert (asked, listener.connections) == (["rebinding.example"], 0)
    with pytest.raises(ScriptFetchError, match="not public"):
        await fetch_script(f"http://rebinding.example:{listener.port}/")
    assert listener.connections == 0
