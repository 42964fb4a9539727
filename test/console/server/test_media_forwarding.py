"""Files that are forwarded, with real servers on both sides; test_forwarded_answers.py has hostile ones."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from forwarding_console import SECRET
from hostile_service import Request, response
from odyssey_ros.console.server import media_forwarding
from odyssey_ros.console.server.media_forwarding import MEDIA
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forwarding_console import FileStorage

CONTENT = bytes(range(256)) * 4096  # 1 MiB
JPEG = b"\xff\xd8\xff\xe0picture"


async def test_the_whole_file(start_console: Any, storage: FileStorage) -> None:
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
async def test_ranges(start_console: Any, storage: FileStorage, wanted: str, first: int, last: int) -> None:
    """A browser that seeks gets the bytes that it asks for."""
    console = await start_console([storage.address("1")], [storage.url])
    got, body = await console.get(Range=wanted)
    assert got.status == 206
    assert got.headers["Content-Range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert body == CONTENT[first : last + 1]
    got, body = await console.get(method="HEAD", Range=wanted)
    assert (got.status, got.content_length, body) == (206, last + 1 - first, b"")


async def test_a_range_after_the_end(start_console: Any, storage: FileStorage) -> None:
    """The browser learns the size."""
    console = await start_console([storage.address("1")], [storage.url])
    got, body = await console.get(Range=f"bytes={len(CONTENT)}-")
    assert (got.status, body) == (416, b"")
    assert got.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


async def test_headers_of_the_browser_stay_here(start_console: Any, storage: FileStorage) -> None:
    """Nothing but the range reaches the storage."""
    console = await start_console([storage.address("1")], [storage.url])
    await console.get(Cookie="token=private", Referer="http://console/", Range="bytes=0-1,4-5")
    assert not {"Cookie", "Referer", "Range"} & set(storage.requests[0])


async def test_an_expired_address_is_renewed_once(start_console: Any, storage: FileStorage) -> None:
    """The node names a new one; if that is refused too, the operator is told."""
    console = await start_console([storage.address("old"), storage.address("1")], [storage.url])
    got, body = await console.get()
    assert (got.status, body, console.loads) == (200, CONTENT, 2)
    storage.valid = "another"
    status, message = await console.refused()
    assert (status, console.loads) == (404, 3)
    assert "refuses it with status 403" in message


async def test_small_files(start_console: Any, storage: FileStorage) -> None:
    """A thumbnail is a JPEG picture; the log is bytes."""
    console = await start_console([storage.address("1")], [storage.url])
    storage.path.write_bytes(JPEG)
    got, body = await console.get("thumbnail")
    assert (got.status, got.content_type, body) == (200, "image/jpeg", JPEG)
    got, body = await console.get("events")
    assert (got.status, body) == (200, JPEG)
    storage.path.write_bytes(b"<html><script>alert(1)</script>")
    assert (await console.refused("thumbnail"))[0] == 502


async def test_redirects_to_listed_origins(start_console: Any, hostile: Any, storage: FileStorage) -> None:
    """A service on this machine can store its files at another one."""
    server = hostile(lambda _: [response(302, b"", f"Location: {storage.address('1')}")])
    console = await start_console([f"{server.url}/?{SECRET}"], [server.url, storage.url])
    assert (await console.get())[1] == CONTENT


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
    start_console: Any, storage: FileStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A further one is refused in words."""
    monkeypatch.setattr(media_forwarding, "MAX_STREAMS", 0)
    console = await start_console([storage.address("1")], [storage.url])
    status, message = await console.refused()
    assert status == 429
    assert "close a page" in message
