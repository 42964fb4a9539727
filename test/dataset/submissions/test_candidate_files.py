"""Files of candidates, also when several episodes ask for the same one."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.downloading.downloads import Downloader
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.logs.events import MAX_LOG_BYTES
from odyssey_ros.dataset.retry_policy import RetryPolicy
from odyssey_ros.dataset.service import RemoteStream
from odyssey_ros.dataset.submissions.candidate_files import DownloadedCandidates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

STREAM = RemoteStream("s1", None, "https://files/events")


def _files(downloader: Downloader, folder: Path) -> DownloadedCandidates:
    return DownloadedCandidates(downloader, folder, lambda episode: folder)


async def _answer(request: httpx.Request) -> httpx.Response:
    await asyncio.sleep(0)  # lets the other calls continue
    if request.url.path != "/events":
        return httpx.Response(404)
    content = gzip.compress(b'{"t": 0, "type": "start", "prompt": "a cat"}\n')
    headers = {"Content-Encoding": "gzip"}  # and no length
    return httpx.Response(200, headers=headers, stream=httpx.ByteStream(content))


@pytest.fixture
async def downloader() -> AsyncIterator[Downloader]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(_answer)) as client:
        yield Downloader(client, RetryPolicy(retries=0))


async def test_one_log_for_several_episodes_at_once(downloader: Downloader, tmp_path: Path) -> None:
    files = _files(downloader, tmp_path / "candidates")
    found = await asyncio.gather(*(files.log(STREAM) for _ in range(8)))
    assert [log.prompts() for log in found if log is not None] == [("a cat",)] * 8
    assert list((tmp_path / "candidates").iterdir()) == []


async def test_a_stream_without_a_log(downloader: Downloader, tmp_path: Path) -> None:
    assert await _files(downloader, tmp_path).log(replace(STREAM, events_url=None)) is None


async def test_a_log_that_is_not_available(downloader: Downloader, tmp_path: Path) -> None:
    stream = replace(STREAM, events_url="https://files/gone")
    with pytest.raises(EpisodeError) as caught:
        await _files(downloader, tmp_path).log(stream)
    assert caught.value.code is ErrorCode.DOWNLOAD_FAILED


async def test_a_log_above_the_limit_of_all_logs(tmp_path: Path) -> None:
    blocks = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal blocks
        while True:
            blocks += 1
            yield bytes(1 << 20)

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=endless())

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(EpisodeError) as caught:
            await _files(Downloader(client, RetryPolicy(retries=0)), tmp_path).log(STREAM)
    assert caught.value.code is ErrorCode.WRONG_SIZE
    assert blocks <= MAX_LOG_BYTES // (1 << 20) + 1


async def test_a_folder_that_cannot_be_created(downloader: Downloader, tmp_path: Path) -> None:
    with pytest.raises(EpisodeError, match="cannot write an events log: No such file") as caught:
        await _files(downloader, tmp_path / "none" / "candidates").log(STREAM)
    assert caught.value.code is ErrorCode.DISK_FAILED


@pytest.mark.parametrize(
    ("size", "portrait"), [((320, 192), False), ((192, 320), True), ((192, 192), None), (None, None)]
)
async def test_the_orientation_of_a_video(
    size: tuple[int, int] | None, portrait: bool | None, make_video: Callable[..., Path], tmp_path: Path
) -> None:
    """A usable video stays among the downloads of its episode; a broken one is downloaded again."""
    content = b"broken" if size is None else make_video(size=size).read_bytes()

    def answer(_request: httpx.Request) -> httpx.Response:
        headers = {"Content-Length": str(len(content))}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(content))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        files = _files(Downloader(client, RetryPolicy(retries=0)), tmp_path)
        stream = replace(STREAM, video_url="https://files/video")
        assert await files.is_portrait(stream, "a") is portrait
        assert await files.is_portrait(STREAM, "a") is None
    assert (tmp_path / "s1.mp4").exists() is (size is not None)


async def test_a_folder_for_videos_that_cannot_be_created(downloader: Downloader, tmp_path: Path) -> None:
    def downloads(episode: str) -> Path:
        (tmp_path / "none" / episode).mkdir()
        return tmp_path

    files = DownloadedCandidates(downloader, tmp_path, downloads)
    with pytest.raises(EpisodeError, match="cannot write a video") as caught:
        await files.is_portrait(replace(STREAM, video_url="https://files/video"), "a")
    assert caught.value.code is ErrorCode.DISK_FAILED
