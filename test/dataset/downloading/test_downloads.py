"""Downloads from a real server on loopback that fails in the ways of real servers."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import hashlib
import itertools
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest
from aiohttp import web

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.downloading.disk_space import DiskSpace
from odyssey_ros.dataset.downloading.download_pace import LowestRate
from odyssey_ros.dataset.downloading.downloads import Downloader, download_client, opened
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.retry_policy import RetryPolicy
from waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = bytes(range(256)) * 12_000
SECRET = "signature=verysecret"


class FileServer:
    """Serves `CONTENT`. Each request gets the next of `answers`, then the correct response."""

    def __init__(self) -> None:
        self.answers: list[Callable[[web.Request], Awaitable[web.StreamResponse]]] = []
        self.ranges: list[str | None] = []
        self.reported: list[str] = []
        self.renewed = 0
        self.url = ""
        self.etag = '"v1"'
        self.content = CONTENT
        self.headers: dict[str, str] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.ranges.append(request.headers.get("Range"))
        if self.answers:
            return await self.answers.pop(0)(request)
        return await self.well(request)

    async def well(self, request: web.Request) -> web.StreamResponse:
        headers = {"ETag": self.etag, **self.headers}
        wanted = request.headers.get("Range")
        if wanted is None or request.headers.get("If-Range") != self.etag:
            return web.Response(body=self.content, headers=headers)
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        size = len(self.content)
        if start >= size:
            return web.Response(status=416)
        headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        return web.Response(status=206, body=self.content[start:], headers=headers)

    async def cut(self, request: web.Request) -> web.StreamResponse:
        """Send a third of the file, then break the connection."""
        size = len(self.content)
        start = int(request.headers.get("Range", "bytes=0-")[6:-1])
        headers = {"ETag": self.etag, "Content-Length": str(size - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        response = web.StreamResponse(status=206 if start else 200, headers=headers)
        await response.prepare(request)
        await response.write(self.content[start : start + size // 3])
        await asyncio.sleep(0.05)  # the client reads what was sent; the server cannot observe that
        if request.transport is not None:
            request.transport.abort()
        return response

    def status(self, status: int) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, text="<Error>AccessDenied</Error>")

        return answer

    async def renew(self) -> str:
        self.renewed += 1
        return self.url


@pytest.fixture
async def server() -> AsyncIterator[FileServer]:
    file_server = FileServer()
    app = web.Application()
    app.router.add_get("/video.mp4", file_server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    file_server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/video.mp4?{SECRET}"
    yield file_server
    await runner.cleanup()


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def _at_once(seconds: float) -> None:
    await asyncio.sleep(0)


RETRY_POLICY = RetryPolicy(retries=2, sleep=_at_once)


async def test_a_file_is_closed_when_its_opener_is_cancelled(tmp_path: Path) -> None:
    opening, released, files = threading.Event(), threading.Event(), []

    def open_slowly() -> BinaryIO:
        opening.set()
        released.wait(60)
        files.append((tmp_path / "file").open("wb"))
        return files[0]

    async def use() -> None:
        async with opened(open_slowly):
            raise AssertionError

    using = asyncio.create_task(use())
    await asyncio.to_thread(opening.wait, 60)
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    released.set()
    await eventually(lambda: files and files[0].closed, "a closed file")


async def test_the_error_of_opening_is_raised(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        async with opened((tmp_path / "nowhere" / "file").open):
            raise AssertionError


@pytest.fixture
async def fetch(server: FileServer, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[object]]]:
    async with download_client() as client:

        async def run(**options: Any) -> object:
            retry_policy = replace(RETRY_POLICY, on_retry=server.reported.append)
            downloader = Downloader(client, retry_policy, **options)
            return await downloader.fetch(server.url, server.renew, tmp_path / "video.mp4")

        yield run


Fetch = Callable[..., Awaitable[object]]


def _assert_whole(tmp_path: Path, content: bytes = CONTENT) -> None:
    assert (tmp_path / "video.mp4").read_bytes() == content
    assert _names(tmp_path) == ["video.mp4"]


async def test_a_file_its_size_and_its_digest(server: FileServer, tmp_path: Path) -> None:
    reported: list[tuple[int, int | None]] = []
    async with download_client() as client:
        downloader = Downloader(client, RETRY_POLICY)
        for _ in range(2):
            fetched = await downloader.fetch(
                server.url, server.renew, tmp_path / "video.mp4", on_bytes=lambda *args: reported.append(args)
            )
            assert fetched.size == len(CONTENT)
            assert fetched.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert len(server.ranges) == 1
    assert reported[-1] == (len(CONTENT), len(CONTENT))
    _assert_whole(tmp_path)


async def test_a_download_continues_after_a_broken_connection(
    server: FileServer, fetch: Fetch, tmp_path: Path
) -> None:
    server.answers = [server.cut, server.cut]
    await fetch()
    _assert_whole(tmp_path)
    starts = [int(wanted[6:-1]) if wanted else 0 for wanted in server.ranges]
    assert starts[0] == 0
    # Only the bytes in flight are lost when the connection breaks.
    assert all(later - sooner > len(CONTENT) // 3 - 200_000 for sooner, later in itertools.pairwise(starts))


async def test_a_download_continues_after_a_killed_process(
    server: FileServer, fetch: Fetch, tmp_path: Path
) -> None:
    (tmp_path / "video.mp4.partial").write_bytes(CONTENT[:1000])
    (tmp_path / "video.mp4.etag").write_text(server.etag)
    await fetch()
    _assert_whole(tmp_path)
    assert server.ranges == ["bytes=1000-"]


@pytest.mark.parametrize("etag", ["", 'W/"v1"', '"v0"'])
async def test_a_download_restarts_when_the_file_may_have_changed(
    etag: str, server: FileServer, fetch: Fetch, tmp_path: Path
) -> None:
    (tmp_path / "video.mp4.partial").write_bytes(b"x" * 1000)
    if etag.startswith('"'):
        (tmp_path / "video.mp4.etag").write_text(etag)
    else:
        server.etag = etag or server.etag
    await fetch()
    _assert_whole(tmp_path)


async def test_a_partial_file_that_is_longer_than_the_server_s(
    server: FileServer, fetch: Fetch, tmp_path: Path
) -> None:
    (tmp_path / "video.mp4.partial").write_bytes(CONTENT + b"more")
    (tmp_path / "video.mp4.etag").write_text(server.etag)
    await fetch()
    _assert_whole(tmp_path)


async def test_a_range_that_was_not_requested(server: FileServer, fetch: Fetch, tmp_path: Path) -> None:
    async def other_range(request: web.Request) -> web.StreamResponse:
        return web.Response(
            status=206, body=b"x", headers={"Content-Range": "bytes 5-5/6", "ETag": server.etag}
        )

    (tmp_path / "video.mp4.partial").write_bytes(CONTENT[:1000])
    (tmp_path / "video.mp4.etag").write_text(server.etag)
    server.answers = [other_range]
    await fetch()
    _assert_whole(tmp_path)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_an_expired_url_is_renewed(
    status: int, server: FileServer, fetch: Fetch, tmp_path: Path
) -> None:
    server.answers = [server.cut, server.status(status)]
    await fetch()
    assert server.renewed == 1
    _assert_whole(tmp_path)


@pytest.mark.parametrize(
    ("status", "tries", "text"),
    [
        (403, 3, "the URL has expired or is refused (status 403)"),
        (503, 3, "the server responded with status 503"),
        (400, 1, "the server responded with status 400"),
    ],
)
async def test_retries_of_a_download_are_bounded(
    status: int, tries: int, text: str, server: FileServer, fetch: Fetch
) -> None:
    server.answers = [server.status(status)] * 9
    with pytest.raises(EpisodeError) as caught:
        await fetch()
    assert caught.value.code is ErrorCode.DOWNLOAD_FAILED
    assert caught.value.message == text
    assert len(server.ranges) == tries
    assert len(server.reported) == tries - 1
    assert all(line.startswith(f"video.mp4: {text}; trying again in ") for line in server.reported)


def _digests(content: bytes) -> list[dict[str, str]]:
    sha256 = base64.b64encode(hashlib.sha256(content).digest()).decode()
    md5 = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    return [
        {"x-amz-checksum-sha256": sha256},
        {"Repr-Digest": f"sha-512=:AAAA:, sha-256=:{sha256}:"},
        {"Content-MD5": md5},
    ]


@pytest.mark.parametrize("way", range(3))
async def test_a_correct_checksum(way: int, server: FileServer, fetch: Fetch, tmp_path: Path) -> None:
    server.headers = _digests(CONTENT)[way]
    await fetch()
    _assert_whole(tmp_path)


@pytest.mark.parametrize("way", range(3))
async def test_a_wrong_checksum(way: int, server: FileServer, fetch: Fetch, tmp_path: Path) -> None:
    server.headers = _digests(b"other")[way]
    with pytest.raises(EpisodeError) as caught:
        await fetch()
    assert caught.value.code is ErrorCode.WRONG_CHECKSUM
    assert len(server.ranges) == 3
    assert _names(tmp_path) == []


async def test_malformed_checksums_are_ignored(server: FileServer, fetch: Fetch, tmp_path: Path) -> None:
    server.headers = {"x-amz-checksum-sha256": "composite-3", "Content-MD5": "", "Repr-Digest": "sha-256=x"}
    await fetch()
    _assert_whole(tmp_path)


async def test_a_file_that_is_too_large(server: FileServer, fetch: Fetch, tmp_path: Path) -> None:
    async def unannounced(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(CONTENT)
        return response

    for answers in ([], [unannounced]):
        server.answers = answers
        with pytest.raises(EpisodeError) as caught:
            await fetch(max_bytes=1_000_000)
        assert caught.value.code is ErrorCode.WRONG_SIZE
        assert not (tmp_path / "video.mp4").exists()


async def test_errors_of_an_unreachable_server_contain_no_secret(
    fetch: Fetch, server: FileServer, tmp_path: Path
) -> None:
    for url in ("http://127.0.0.1:9/video.mp4?" + SECRET, "http://[/?" + SECRET, "nonsense?" + SECRET):
        server.url = url
        with pytest.raises(EpisodeError) as caught:
            await fetch()
        assert caught.value.code is ErrorCode.DOWNLOAD_FAILED
        assert "secret" not in repr(caught.value)
    assert server.reported
    assert "secret" not in " ".join(server.reported)


async def test_a_missing_folder(server: FileServer, tmp_path: Path) -> None:
    async with download_client() as client:
        with pytest.raises(EpisodeError) as caught:
            await Downloader(client, RETRY_POLICY).fetch(
                server.url, server.renew, tmp_path / "no" / "video.mp4"
            )
    assert caught.value.code is ErrorCode.DISK_FAILED


def _part(server: FileServer, **headers: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Continue the file, but with other headers."""

    async def answer(request: web.Request) -> web.StreamResponse:
        size = len(CONTENT)
        start = int(request.headers["Range"][6:-1])
        given = {"ETag": server.etag, "Content-Range": f"bytes {start}-{size - 1}/{size}", **headers}
        return web.Response(status=206, body=b"y" * (size - start), headers=given)

    return answer


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": '"v2"'},
        {"Last-Modified": "Sun, 29 Nov 2026 08:00:00 GMT"},
        {"Content-Range": f"bytes 1000-{len(CONTENT) - 1}/{len(CONTENT) + 1}"},
    ],
)
async def test_a_continued_file_that_has_another_version_is_started_again(
    headers: dict[str, str], server: FileServer, fetch: Fetch, tmp_path: Path
) -> None:
    (tmp_path / "video.mp4.partial").write_bytes(CONTENT[:1000])
    (tmp_path / "video.mp4.etag").write_text(f"{server.etag}\nSat, 28 Nov 2026 08:00:00 GMT\n{len(CONTENT)}")
    server.answers = [_part(server, **headers)]
    await fetch()
    _assert_whole(tmp_path)
    assert server.ranges == ["bytes=1000-", None]


async def test_a_compressed_answer_is_refused(server: FileServer, fetch: Fetch, tmp_path: Path) -> None:
    async def bomb(request: web.Request) -> web.StreamResponse:
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(body=gzip.compress(bytes(10**8)), headers={"Content-Encoding": "gzip"})

    server.answers = [bomb]
    with pytest.raises(EpisodeError, match="compressed") as caught:
        await fetch()
    assert (caught.value.code, len(server.ranges)) == (ErrorCode.INVALID_RESPONSE, 1)
    assert _names(tmp_path) == []


async def test_an_accepted_coding_is_stored_as_it_was_sent(server: FileServer, tmp_path: Path) -> None:
    """The ETag, the length and the checksum are those of the bytes that were sent, also when it continues."""
    server.content = gzip.compress(CONTENT, mtime=0)
    digest = base64.b64encode(hashlib.sha256(server.content).digest()).decode()
    server.headers = {"Content-Encoding": "gzip", "x-amz-checksum-sha256": digest}
    (tmp_path / "log.partial").write_bytes(server.content[:1000])
    (tmp_path / "log.etag").write_text(server.etag)
    async with download_client() as client:
        downloader = Downloader(client, RETRY_POLICY)
        fetched = await downloader.fetch(server.url, server.renew, tmp_path / "log", codings=["gzip"])
        assert (fetched.path.read_bytes(), fetched.has_length) == (server.content, True)
        assert server.ranges == ["bytes=1000-"]
        server.headers["Content-Encoding"] = "gzip, br"
        with pytest.raises(EpisodeError, match="'gzip, br'"):
            await downloader.fetch(server.url, server.renew, tmp_path / "other", codings=["gzip"])


def _endless(pause_s: float, block: bytes) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"ETag": '"v0"'})
        response.enable_chunked_encoding()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while request.transport is not None and not request.transport.is_closing():
                await response.write(block)
                await asyncio.sleep(pause_s)
        return response

    return answer


async def test_a_file_of_its_own_maximum(server: FileServer, tmp_path: Path) -> None:
    server.answers = [_endless(0, bytes(100_000))]
    async with download_client() as client:
        with pytest.raises(EpisodeError, match="too large") as caught:
            await Downloader(client, RETRY_POLICY).fetch(
                server.url, server.renew, tmp_path / "events.jsonl", max_bytes=1_000_000
            )
    assert caught.value.code is ErrorCode.WRONG_SIZE
    assert _names(tmp_path) == []


@pytest.mark.parametrize("block", [b"x", b""])
async def test_a_server_that_crawls_does_not_hold_a_slot(
    block: bytes, server: FileServer, fetch: Fetch, tmp_path: Path
) -> None:
    """Each attempt brings bytes, which do not restart the retries."""
    server.answers = [_endless(0.01, block)] * 9
    with pytest.raises(EpisodeError, match="the server sends less than 1000000 bytes per second") as caught:
        await fetch(lowest_rate=LowestRate(bytes_per_s=1_000_000, window_s=0.3))
    assert caught.value.code is ErrorCode.DOWNLOAD_FAILED
    assert len(server.ranges) == 3


async def test_a_server_that_crawls_once(server: FileServer, fetch: Fetch, tmp_path: Path) -> None:
    server.answers = [_endless(0.01, CONTENT[:1])]
    await fetch(lowest_rate=LowestRate(bytes_per_s=100_000, window_s=1))
    _assert_whole(tmp_path)


async def test_a_server_that_gives_a_few_bytes_in_each_attempt(server: FileServer, fetch: Fetch) -> None:
    async def few(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"ETag": server.etag, "Content-Length": str(len(CONTENT))})
        await response.prepare(request)
        await response.write(b"x" * 100)
        await asyncio.sleep(0.05)
        if request.transport is not None:
            request.transport.abort()
        return response

    server.answers = [few] * 50
    with pytest.raises(EpisodeError):
        await fetch()
    assert len(server.ranges) == 3


async def test_a_file_that_leaves_too_little_room_is_not_begun(
    server: FileServer, fetch: Fetch, tmp_path: Path
) -> None:
    reserve = shutil.disk_usage(tmp_path).free - len(CONTENT) // 2
    with pytest.raises(EpisodeError, match=r"no room for video\.mp4") as caught:
        await fetch(disk=DiskSpace(reserve))
    assert (caught.value.code, len(server.ranges)) == (ErrorCode.DISK_FULL, 1)
    assert _names(tmp_path) == []


async def test_an_endless_file_leaves_room_on_the_disk(
    server: FileServer, fetch: Fetch, tmp_path: Path
) -> None:
    async def without_etag(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(bytes(1_000_000))
        return response

    server.answers = [without_etag]
    reserve = shutil.disk_usage(tmp_path).free - 40_000_000
    with pytest.raises(EpisodeError) as caught:
        await fetch(disk=DiskSpace(reserve), max_bytes=10_000_000_000)
    assert caught.value.code is ErrorCode.DISK_FULL
    assert _names(tmp_path) == []  # what cannot be continued gives its room back


@pytest.mark.parametrize("length", ["\u00b2", "9" * 5000, "-1"])
async def test_an_odd_length_is_no_crash(length: str, tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: " + length.encode("latin-1") + b"\r\n\r\nx")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening, download_client() as client:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"

        async def renew() -> str:
            return url

        with pytest.raises(EpisodeError) as caught:
            await Downloader(client, RETRY_POLICY).fetch(url, renew, tmp_path / "video.mp4")
    assert caught.value.code is ErrorCode.DOWNLOAD_FAILED


async def test_a_full_disk(server: FileServer, tmp_path: Path) -> None:
    program = """
import asyncio, resource, sys
from pathlib import Path
from odyssey_ros.dataset.downloading.downloads import Downloader, download_client, opened
from odyssey_ros.dataset.retry_policy import RetryPolicy
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
async def main():
    async with download_client() as client:
        async def renew(): return sys.argv[1]
        try:
            await Downloader(client, RetryPolicy()).fetch(sys.argv[1], renew, Path(sys.argv[2]))
        except Exception as error:
            print(error)
asyncio.run(main())
"""
    command = [sys.executable, "-c", program, server.url, str(tmp_path / "video.mp4")]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "DISK_FULL: no room to write video.mp4: File too large", done.stderr
