"""Streams fetched as episodes, from a scripted server."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset import fetching
from odyssey_ros.dataset.downloading.downloads import MAX_BYTES, Downloader
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.fetching import FetchedStream, fetch_stream, max_video_bytes
from odyssey_ros.dataset.logs.events import MAX_LOG_BYTES, Event, EventKind, EventLog
from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.retry_policy import RetryPolicy
from odyssey_ros.dataset.service import JobFacts, RemoteStream

if TYPE_CHECKING:
    from pathlib import Path

LOG = b'{"t": 0, "type": "start", "prompt": "a cat"}\n'
GZIP = gzip.compress(LOG, mtime=0)
STREAM = RemoteStream("s1", "https://files/video?old", "https://files/events?old", start_time_ns=7)


class Source:
    """Renews URLs; `renewed` is the answer."""

    def __init__(self, renewed: RemoteStream) -> None:
        self.renewed = renewed
        self.calls = 0

    async def renew(self, stream: RemoteStream) -> RemoteStream:
        self.calls += 1
        return self.renewed


def _answer(request: httpx.Request) -> httpx.Response:
    if request.url.query == b"old":
        return httpx.Response(403)
    logs = {"/events": LOG, "/gzip": GZIP, "/damaged": GZIP[:-8] + bytes(8)}
    content = logs.get(request.url.path, b"video")
    headers = {"Content-Length": str(len(content))}
    return httpx.Response(200, headers=headers, stream=httpx.ByteStream(content))


async def _no_wait(seconds: float) -> None:
    await asyncio.sleep(0)


async def _fetch(stream: RemoteStream, folder: Path, source: Any, **options: Any) -> FetchedStream:
    async with httpx.AsyncClient(transport=httpx.MockTransport(_answer)) as client:
        downloader = Downloader(client, RetryPolicy(retries=2, sleep=_no_wait))
        return await fetch_stream(source, stream, folder, downloader, **options)


FRESH = replace(STREAM, video_url="https://files/video?new", events_url="https://files/events?new")


async def test_video_and_events_are_fetched(tmp_path: Path) -> None:
    source = Source(FRESH)
    received: list[tuple[int, int | None]] = []
    fetched = await _fetch(FRESH, tmp_path, source, on_bytes=lambda *sizes: received.append(sizes))
    assert source.calls == 0
    assert fetched.video.path.read_bytes() == b"video"
    assert fetched.events is not None
    assert fetched.events.path == tmp_path / "s1.events.jsonl"
    assert received == [(5, 5)]
    episode = fetched.episode()
    assert (episode.stream_id, episode.start_time_ns) == ("s1", 7)
    assert episode.events.prompts() == ("a cat",)


async def test_expired_urls_are_renewed(tmp_path: Path) -> None:
    source = Source(FRESH)
    fetched = await _fetch(STREAM, tmp_path, source)
    assert source.calls == 2
    assert fetched.video.size == 5


async def test_without_a_log_the_expected_events_are_used(tmp_path: Path) -> None:
    fetched = await _fetch(replace(FRESH, events_url=None), tmp_path, Source(FRESH))
    assert fetched.events is None
    expected = EventLog((Event(EventKind.STARTED, 0, "a dog"),))
    assert fetched.episode(expected).events is expected


@pytest.mark.parametrize(
    ("stream", "renewed", "code", "text"),
    [
        (replace(FRESH, video_url=None), FRESH, ErrorCode.NO_VIDEO, "has no video"),
        (STREAM, replace(FRESH, video_url=None), ErrorCode.NO_VIDEO, "has no video"),
        (
            replace(FRESH, events_url=STREAM.events_url),
            replace(FRESH, events_url=None),
            ErrorCode.DOWNLOAD_FAILED,
            "no longer has the events log",
        ),
    ],
)
async def test_missing_files(
    stream: RemoteStream, renewed: RemoteStream, code: ErrorCode, text: str, tmp_path: Path
) -> None:
    with pytest.raises(EpisodeError, match=text) as caught:
        await _fetch(stream, tmp_path, Source(renewed))
    assert caught.value.code is code


async def test_an_events_log_that_is_too_large_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MAX_LOG_BYTES", 10)
    with pytest.raises(EpisodeError, match="the file is too large") as caught:
        await _fetch(FRESH, tmp_path, Source(FRESH))
    assert caught.value.code is ErrorCode.WRONG_SIZE
    assert await asyncio.to_thread(os.listdir, tmp_path) == ["s1.mp4"]


async def test_an_events_log_that_cannot_be_read(tmp_path: Path) -> None:
    from_an_earlier_version = tmp_path / "s1.events.jsonl"
    await asyncio.to_thread(from_an_earlier_version.write_bytes, bytes(MAX_LOG_BYTES + 1))
    with pytest.raises(
        EpisodeError, match="the events log cannot be read: it is larger than 8 MiB"
    ) as caught:
        await _fetch(FRESH, tmp_path, Source(FRESH))
    assert caught.value.code is ErrorCode.WRONG_SIZE


async def test_the_figures_of_a_compressed_log_are_those_of_its_text(tmp_path: Path) -> None:
    fetched = await _fetch(replace(FRESH, events_url="https://files/gzip"), tmp_path, Source(FRESH))
    assert fetched.events is not None
    assert fetched.events.path.read_bytes() == GZIP
    assert (fetched.events.size, fetched.events.sha256) == (len(LOG), hashlib.sha256(LOG).hexdigest())
    assert fetched.log.prompts() == ("a cat",)


async def test_a_damaged_log_is_downloaded_again_by_the_next_run(tmp_path: Path) -> None:
    with pytest.raises(EpisodeError, match="is damaged") as caught:
        await _fetch(replace(FRESH, events_url="https://files/damaged"), tmp_path, Source(FRESH))
    assert caught.value.code is ErrorCode.WRONG_CHECKSUM
    assert await asyncio.to_thread(os.listdir, tmp_path) == ["s1.mp4"]
    assert (await _fetch(FRESH, tmp_path, Source(FRESH))).log.prompts() == ("a cat",)


async def test_losses_of_labels_and_of_the_start(tmp_path: Path) -> None:
    fetched = await _fetch(FRESH, tmp_path, Source(FRESH))
    assert fetched.losses() == {}
    script = EventLog((Event(EventKind.STARTED, 0, "a"), Event(EventKind.PROMPTED, 9, "b")))
    assert fetched.losses(script) == {Loss.UNLOGGED_PROMPTS: 1}
    without_log = replace(fetched, log=EventLog((Event(EventKind.ENDED, 9),), {Loss.IGNORED_LOG_ENTRIES: 2}))
    assert without_log.episode(script).events is script
    assert without_log.losses(script) == {Loss.IGNORED_LOG_ENTRIES: 2, Loss.SCRIPT_PROMPTS: 2}
    assert without_log.label_losses() == {Loss.IGNORED_LOG_ENTRIES: 2, Loss.MISSING_PROMPTS: 1}
    for unknown in (
        replace(FRESH, start_time_ns=0),
        replace(FRESH, job=JobFacts("j", 0, "2027-01-15T08:00:00Z", None, None, 0)),
    ):
        assert replace(fetched, stream=unknown).losses() == {Loss.GUESSED_START: 1}


@pytest.mark.parametrize(
    ("duration_s", "limit"),
    [
        (None, MAX_BYTES),
        (0.0, 2**28),
        (150.0, 2**28 + 1_875_000_000),
        (float("nan"), MAX_BYTES),
        (-1.0, MAX_BYTES),
    ],
)
def test_the_limit_of_a_video_follows_from_its_duration(duration_s: float | None, limit: int) -> None:
    assert max_video_bytes(replace(STREAM, duration_s=duration_s)) == limit
