"""Files that are forwarded, with real servers on both sides: good, expired and hostile ones."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from hostile_service import HostileService, Request, response
from odyssey_ros.console.server import media_forwarding
from odyssey_ros.console.server.answers import errors_as_json
from odyssey_ros.console.server.media_forwarding import (
    MEDIA,
    add_media,
    forward,
    read_events_log,
)
from odyssey_ros.console.server.media_sources import MediaAddresses, MediaKey, MediaKind
from served_application import served
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator
    from pathlib import Path

SECRET = "verysecretsignature"
CONTENT = bytes(range(256)) * 4096  # 1 MiB
JPEG = b"\xff\xd8\xff\xe0picture"
KEY = MediaKey("recording", "/odyssey", "stream")


@dataclass
class Console:
    """A web application that forwards the files that a node names.

    Attributes:
        application: The application.
        url: Its address.
        addresses: What the node names, one after another; the last one again and again.
        loads: Number of times that the node was asked.
    """

    application: web.Application
    addresses: list[str]
    url: str = ""
    loads: int = 0

    async def load(self) -> MediaAddresses:
        address = self.addresses[min(self.loads, len(self.addresses) - 1)]
        self.loads += 1
        return MediaAddresses(address, address, address, address)

    async def get(self, kind: str = "video", method: str = "GET", **headers: str) -> tuple[Any, bytes]:
        """Return the answer and its whole body."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.url}/{kind}", headers=headers) as got,
        ):
            return got, await got.read()

    async def refused(self, kind: str = "video") -> tuple[int, str]:
        """Return the status and the message of an error."""
        got, body = await self.get(kind)
        assert SECRET.encode() not in body
        assert got.content_type == "application/json", body[:100]
        return got.status, str(json.loads(body)["message"])


@pytest.fixture
async def start_console() -> AsyncIterator[Callable[..., Any]]:
    """Starts consoles: `await start_console(addresses, private_origins)`."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(addresses: list[str], private_origins: Iterable[str] = ()) -> Console:
            application = web.Application(middlewares=[errors_as_json])
            add_media(application, list(private_origins))
            console = Console(application, addresses)

            async def serve(request: web.Request) -> web.StreamResponse:
                if request.match_info["kind"] == "events":
                    return web.Response(body=await read_events_log(request, KEY, console.load))
                return await forward(request, KEY, MediaKind(request.match_info["kind"]), console.load)

            application.router.add_get("/{kind}", serve)
            console.url = await stack.enter_async_context(served(application))
            return console

        yield start


@dataclass
class Storage:
    """A server of one file, whose addresses expire.

    Attributes:
        path: The file.
        valid: The signature that is valid.
        requests: Headers of the requests so far.
        url: An address of it, without the signature.
    """

    path: Path
    valid: str = "1"
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def address(self, signature: str) -> str:
        return f"{self.url}/file?signature={SECRET}{signature}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(dict(request.headers))
        if request.query.get("signature") != f"{SECRET}{self.valid}":
            return web.Response(status=403, text=f"expired: {request.url}")
        return web.FileResponse(
            self.path, headers={"X-Storage": "private", "Content-Type": "application/private"}
        )


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    """A server of a file of 1 MiB."""
    one = Storage(tmp_path / "video.mp4")
    one.path.write_bytes(CONTENT)
    application = web.Application()
    application.router.add_get("/file", one.serve)
    async with served(application) as one.url:
        yield one


@pytest.fixture
def hostile() -> Iterator[Callable[..., HostileService]]:
    """Starts servers that answer with raw bytes."""
    with contextlib.ExitStack() as stack:

        def start(answer: Callable[[Request], Iterable[bytes]]) -> HostileService:
            return stack.enter_context(HostileService(answer).running())

        yield start


@pytest.fixture(autouse=True)
def _no_secret_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.INFO)
    yield
    assert SECRET not in caplog.text


async def test_the_whole_file(start_console: Any, storage: Storage) -> None:
    """The type is fixed, and no header of the storage is passed on."""
    storage.path = storage.path.rename(storage.path.with_suffix(".bin"))
    console = await start_console([storage.address("1")], [storage.url])
    got, body = await console.get()
    assert (got.status, body) == (200, CONTENT)
    assert got.content_type == "video/mp4"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Accept-Ranges"] == "bytes"
    assert not {"X-Storage", "Etag", "Last-Modified", "Set-Cookie"} & set(got.headers)
    got, body = await console.get(method="HEAD")
    assert (got.status, got.content_length, body) == (200, len(CONTENT), b"")
    assert console.loads == 1


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-", 0, len(CONTENT) - 1),
        ("bytes=100-199", 100, 199),
        (f"bytes={len(CONTENT) - 3}-", len(CONTENT) - 3, len(CONTENT) - 1),
        (f"bytes={len(CONTENT) - 3}-{2 * len(CONTENT)}", len(CONTENT) - 3, len(CONTENT) - 1),
        ("bytes=-10", len(CONTENT) - 10, len(CONTENT) - 1),
    ],
)
async def test_ranges(start_console: Any, storage: Storage, wanted: str, first: int, last: int) -> None:
    """A browser that seeks gets the bytes that it asks for."""
    console = await start_console([storage.address("1")], [storage.url])
    got, body = await console.get(Range=wanted)
    assert got.status == 206
    assert got.headers["Content-Range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert body == CONTENT[first : last + 1]
    got, body = await console.get(method="HEAD", Range=wanted)
    assert (got.status, got.content_length, body) == (206, last + 1 - first, b"")


async def test_a_range_after_the_end(start_console: Any, storage: Storage) -> None:
    """The browser learns the size."""
    console = await start_console([storage.address("1")], [storage.url])
    got, body = await console.get(Range=f"bytes={len(CONTENT)}-")
    assert (got.status, body) == (416, b"")
    assert got.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


async def test_headers_of_the_browser_stay_here(start_console: Any, storage: Storage) -> None:
    """Nothing but the range reaches the storage."""
    console = await start_console([storage.address("1")], [storage.url])
    await console.get(Cookie="token=private", Referer="http://console/", Range="bytes=0-1,4-5")
    assert not {"Cookie", "Referer", "Range"} & set(storage.requests[0])


async def test_an_expired_address_is_renewed_once(start_console: Any, storage: Storage) -> None:
    """The node names a new one; if that is refused too, the operator is told."""
    console = await start_console([storage.address("old"), storage.address("1")], [storage.url])
    got, body = await console.get()
    assert (got.status, body, console.loads) == (200, CONTENT, 2)
    storage.valid = "another"
    status, message = await console.refused()
    assert (status, console.loads) == (404, 3)
    assert "refuses it with status 403" in message


async def test_small_files(start_console: Any, storage: Storage) -> None:
    """A thumbnail is a JPEG picture; the log is bytes."""
    console = await start_console([storage.address("1")], [storage.url])
    storage.path.write_bytes(JPEG)
    got, body = await console.get("thumbnail")
    assert (got.status, got.content_type, body) == (200, "image/jpeg", JPEG)
    got, body = await console.get("events")
    assert (got.status, body) == (200, JPEG)
    storage.path.write_bytes(b"<html><script>alert(1)</script>")
    assert (await console.refused("thumbnail"))[0] == 502


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{victim}/secret",
        "http://localhost:{victim}/secret",
        "http://[::1]:{victim}/secret",
        "http://[::ffff:127.0.0.1]:{victim}/secret",
        "https://127.0.0.1:{victim}/secret",
        "http://127.0.0.1.nip.io:{victim}/secret",
        "http://0.0.0.0:{victim}/secret",
        "http://2130706433:{victim}/secret",
        "http://listed@127.0.0.1:{victim}/secret",
        "http://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://[fe80::1]/",
        "https://[64:ff9b::7f00:1]/",
        "file:///etc/passwd",
        "ftp://127.0.0.1:{victim}/",
        "javascript:alert(1)",
        "//127.0.0.1:{victim}/",
        "http://127.0.0.1:{victim}\r\nHost: a/",
    ],
)
async def test_a_node_cannot_name_private_addresses(start_console: Any, hostile: Any, address: str) -> None:
    """Any node can answer with any address; nothing connects to those of this machine or its network."""
    victim = hostile(lambda _: [response(200, b"private")])
    listed = hostile(lambda _: [response(200, CONTENT)])
    named = address.replace("{victim}", victim.url.rpartition(":")[2]) + f"?{SECRET}"
    console = await start_console([named], [listed.url])
    for kind in ("video", "thumbnail", "events"):
        status, message = await console.refused(kind)
        assert status in {403, 502}, message
        assert "private" not in message or "private address" in message
    assert victim.requests == []


@pytest.mark.parametrize("target", ["{victim}/secret", "http://169.254.169.254/", "file:///etc/passwd"])
async def test_a_server_cannot_redirect_to_private_addresses(
    start_console: Any, hostile: Any, target: str
) -> None:
    """The rule holds for each redirect."""
    victim = hostile(lambda _: [response(200, b"private")])
    location = target.replace("{victim}", victim.url)
    server = hostile(lambda _: [response(302, b"", f"Location: {location}?{SECRET}")])
    console = await start_console([f"{server.url}/?{SECRET}"], [server.url])
    status, _ = await console.refused()
    assert status in {403, 502}
    assert victim.requests == []


async def test_redirects_between_listed_origins(start_console: Any, hostile: Any, storage: Storage) -> None:
    """A service on this machine can store its files at another one."""
    server = hostile(lambda _: [response(302, b"", f"Location: {storage.address('1')}")])
    console = await start_console([f"{server.url}/?{SECRET}"], [server.url, storage.url])
    assert (await console.get())[1] == CONTENT


@pytest.mark.parametrize(
    ("headers", "kind", "reason"),
    [
        ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n", "video", "a text instead"),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n", "video", "compressed"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999\r\n", "video", "longer than"),
        ("HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-4/5\r\n", "video", "another part"),
        ("HTTP/1.1 500 Oh\r\n", "video", "status 500"),
        (f"HTTP/1.1 302 Found\r\nLocation: /?{SECRET}\r\n", "video", "redirects more than"),
        ("no HTTP\r\n", "video", "cannot be fetched"),
        ("HTTP/1.1 200 OK\r\n", "thumbnail", "longer than"),
        ("HTTP/1.1 200 OK\r\n", "events", "longer than"),
    ],
)
async def test_wrong_answers(start_console: Any, hostile: Any, headers: str, kind: str, reason: str) -> None:
    """The operator is told in words; an endless body ends at its limit."""

    def answer(_: Request) -> Iterator[bytes]:
        yield f"{headers}X-Secret: {SECRET}\r\n\r\n".encode()
        for _ in range(0 if kind == "video" else 1000):
            yield bytes(1 << 16)

    server = hostile(answer)
    console = await start_console([f"{server.url}/?{SECRET}"], [server.url])
    status, message = await console.refused(kind)
    assert status == 502, message
    assert reason in message


async def test_a_body_that_is_too_short_breaks_the_connection(start_console: Any, hostile: Any) -> None:
    """The browser notices that bytes are missing, and asks for them again."""
    server = hostile(lambda _: [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", bytes(10)])
    console = await start_console([server.url], [server.url])
    with pytest.raises(aiohttp.ClientPayloadError):
        await console.get()


async def test_a_slow_video_ends_with_its_browser(start_console: Any, hostile: Any) -> None:
    """The connection to the server is closed as soon as the browser has gone."""
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()
    more = asyncio.Event()

    def answer(_: Request) -> Iterator[bytes]:
        try:
            yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + bytes(1000)
            asyncio.run_coroutine_threadsafe(more.wait(), loop).result()
            while True:
                yield bytes(1000)
        finally:
            loop.call_soon_threadsafe(closed.set)

    server = hostile(answer)
    console = await start_console([server.url], [server.url])
    media = console.application[MEDIA]
    async with aiohttp.ClientSession() as session:
        got = await session.get(f"{console.url}/video")
        assert await got.content.readexactly(1000) == bytes(1000)
        assert media.streams == 1
        got.close()
    await eventually(lambda: media.streams == 0)
    more.set()
    await eventually(closed.is_set, "an error of the server's connection")


async def test_a_browser_that_takes_nothing_stops_the_server(start_console: Any, hostile: Any) -> None:
    """Only the buffers of the connections are filled, although the server would send a gigabyte."""
    count = 1 << 14

    def answer(_: Request) -> Iterator[bytes]:
        yield f"HTTP/1.1 200 OK\r\nContent-Length: {count << 16}\r\n\r\n".encode()
        for _ in range(count):
            yield bytes(1 << 16)

    server = hostile(answer)
    console = await start_console([server.url], [server.url])
    async with aiohttp.ClientSession(read_bufsize=1 << 14) as session:
        got = await session.get(f"{console.url}/video")
        for _ in range(64):
            await got.content.readexactly(1 << 14)
        assert server.sent < 64 << 20
        got.close()


async def test_a_slow_thumbnail_ends_at_its_limit(
    start_console: Any, hostile: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte resets the time limit of a read, but not that of the whole."""
    monkeypatch.setattr(media_forwarding, "SMALL_FILE_S", 0.3)
    pause = threading.Event()

    def answer(_: Request) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while not pause.wait(0.05):
            yield b"x"

    server = hostile(answer)
    console = await start_console([server.url], [server.url])
    status, message = await console.refused("thumbnail")
    pause.set()
    assert status == 504, message


async def test_the_number_of_videos_is_bounded(
    start_console: Any, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A further one is refused in words."""
    monkeypatch.setattr(media_forwarding, "MAX_STREAMS", 0)
    console = await start_console([storage.address("1")], [storage.url])
    status, message = await console.refused()
    assert status == 429
    assert "close a page" in message
