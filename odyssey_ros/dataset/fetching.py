"""Bringing a finished stream to this machine, as an episode."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.errors import EpisodeError, disk_error
from odyssey_ros.dataset.events import NO_EVENTS, parse_events
from odyssey_ros.dataset.file_names import safe_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odyssey_ros.dataset.downloads import Downloader, Fetched
    from odyssey_ros.dataset.events import EventLog
    from odyssey_ros.dataset.service import RemoteStream
    from odyssey_ros.dataset.sources import EpisodeSource

_MAX_LOG_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FetchedStream:
    """A stream's files on this machine.

    Attributes:
        stream: The stream.
        video: Its video file.
        events: Its events log; None when the service kept none.
        log: What the log says; empty when there is none, or none that can be understood.
    """

    stream: RemoteStream
    video: Fetched
    events: Fetched | None
    log: EventLog

    def episode(self, expected_events: EventLog = NO_EVENTS) -> Episode:
        """The episode; where the log says nothing, with the events that were to be expected."""
        events = self.log if self.log.events else expected_events
        return Episode(self.stream.stream_id, self.video.path, events, self.stream.start_time_ns)


async def fetch_stream(
    source: EpisodeSource,
    stream: RemoteStream,
    folder: Path,
    downloader: Downloader,
    *,
    on_bytes: Callable[[int, int | None], None] = lambda _done, _total: None,
) -> FetchedStream:
    """Download a stream's video and events log, unless they are there already.

    Args:
        source: Renews the URLs when they expire.
        stream: As the source located it.
        folder: Where the files go; it exists.
        downloader: Fetches them.
        on_bytes: Hears how much of the video is there, and how much there will be.

    Raises:
        EpisodeError: A file cannot be had.
    """

    async def renewed_video() -> str:
        return _video_url(await source.renew(stream))

    async def renewed_events() -> str:
        url = (await source.renew(stream)).events_url
        if url is None:
            raise EpisodeError(ErrorCode.DOWNLOAD_FAILED, "the events log is gone")
        return url

    name = safe_name(stream.stream_id)
    video = await downloader.fetch(
        _video_url(stream), renewed_video, folder / f"{name}.mp4", on_bytes=on_bytes
    )
    if stream.events_url is None:
        return FetchedStream(stream, video, None, NO_EVENTS)
    events = await downloader.fetch(stream.events_url, renewed_events, folder / f"{name}.events.jsonl")
    return FetchedStream(stream, video, events, await asyncio.to_thread(_read_log, events))


def _video_url(stream: RemoteStream) -> str:
    if stream.video_url is None:
        raise EpisodeError(ErrorCode.NO_VIDEO, "the service has no video of the stream")
    return stream.video_url


def _read_log(events: Fetched) -> EventLog:
    if events.size > _MAX_LOG_BYTES:
        raise EpisodeError(ErrorCode.WRONG_SIZE, f"the events log has {events.size} bytes")
    try:
        return parse_events(events.path.read_bytes())
    except OSError as error:
        raise disk_error(error, "the events log") from error
