"""Downloads a finished stream as an episode."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.downloading.downloads import MAX_BYTES
from odyssey_ros.dataset.downloading.partial_file import PartialFile
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.file_names import safe_name
from odyssey_ros.dataset.logs.events import MAX_LOG_BYTES, NO_EVENTS, parse_events
from odyssey_ros.dataset.logs.log_content import LOG_CODINGS, read_log
from odyssey_ros.dataset.losses import Loss

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from odyssey_ros.dataset.downloading.downloads import Downloader, Fetched
    from odyssey_ros.dataset.logs.events import EventLog
    from odyssey_ros.dataset.service import RemoteStream

_MIN_VIDEO_LIMIT: Final = 256 * 1024 * 1024
_MAX_VIDEO_BYTES_PER_S: Final = 12_500_000


class RenewsUrls(Protocol):
    """Returns new URLs of a stream."""

    async def renew(self, stream: RemoteStream) -> RemoteStream:
        """Return the same stream with new URLs.

        Raises:
            EpisodeError: There are none.
        """


@dataclass(frozen=True, slots=True)
class FetchedStream:
    """The downloaded files of a stream.

    Attributes:
        stream: The stream.
        video: The video file.
        events: The events log, with the size and the digest of its decompressed text; None when the service
            has no log.
        log: The parsed events log; empty when there is no log, or no valid entry in it.
    """

    stream: RemoteStream
    video: Fetched
    events: Fetched | None
    log: EventLog

    def episode(self, expected_events: EventLog = NO_EVENTS) -> Episode:
        """Return the episode; its events are `expected_events` when the log has no prompt."""
        events = self.log if self.log.prompts() else expected_events
        return Episode(self.stream.stream_id, self.video.path, events, self.stream.start_time_ns)

    def label_losses(self, expected_events: EventLog = NO_EVENTS) -> dict[Loss, int]:
        """Return the losses of the events log and of the prompts; for the argument see `episode`."""
        found = dict(self.log.losses)
        expected, logged = len(expected_events.prompts()), len(self.log.prompts())
        if not logged:
            found[Loss.SCRIPT_PROMPTS if expected else Loss.MISSING_PROMPTS] = expected or 1
        elif logged < expected:
            found[Loss.UNLOGGED_PROMPTS] = expected - logged
        return found

    def losses(self, expected_events: EventLog = NO_EVENTS) -> Mapping[Loss, int]:
        """Return the losses of the labels and of the start time; for the argument see `episode`."""
        found = self.label_losses(expected_events)
        job = self.stream.job
        if not self.stream.start_time_ns or (job is not None and job.started_at is None):
            found[Loss.GUESSED_START] = 1
        return found


async def fetch_stream(
    source: RenewsUrls,
    stream: RemoteStream,
    folder: Path,
    downloader: Downloader,
    *,
    on_bytes: Callable[[int, int | None], None] = lambda _done, _total: None,
) -> FetchedStream:
    """Download the video and the events log of a stream, unless they exist already.

    Args:
        source: Renews the URLs when they expire.
        stream: The stream as the source located it.
        folder: The folder for the files; it must exist.
        downloader: Downloads the files.
        on_bytes: Called with the number of bytes of the video received, and the total, or None when it is
            unknown.

    Raises:
        EpisodeError: A file is not available.
    """

    async def renewed_video() -> str:
        return _video_url(await source.renew(stream))

    async def renewed_events() -> str:
        url = (await source.renew(stream)).events_url
        if url is None:
            raise EpisodeError(ErrorCode.DOWNLOAD_FAILED, "the service no longer has the events log")
        return url

    video = await downloader.fetch(
        _video_url(stream),
        renewed_video,
        video_path(folder, stream),
        max_bytes=max_video_bytes(stream),
        on_bytes=on_bytes,
    )
    if stream.events_url is None:
        return FetchedStream(stream, video, None, NO_EVENTS)
    events = await downloader.fetch(
        stream.events_url,
        renewed_events,
        folder / f"{safe_name(stream.stream_id)}.events.jsonl",
        max_bytes=MAX_LOG_BYTES,
        codings=LOG_CODINGS,
    )
    events, log = await asyncio.to_thread(_read, events)
    return FetchedStream(stream, video, events, log)


def video_path(folder: Path, stream: RemoteStream) -> Path:
    """Return the path of a stream's video in the folder for its downloads."""
    return folder / f"{safe_name(stream.stream_id)}.mp4"


def _read(file: Fetched) -> tuple[Fetched, EventLog]:
    """Return a downloaded log with the figures of its text, and the parsed log.

    Whether a server compresses a log depends on the server, so the compressed bytes say nothing about the
    recording.
    """
    try:
        content = read_log(file.path)
    except EpisodeError:
        PartialFile(file.path).remove()  # the next run downloads it again
        raise
    digest = hashlib.sha256(content.data).hexdigest()
    log = parse_events(content.data, is_whole=not content.cut_off, has_length=file.has_length)
    return replace(file, size=len(content.data), sha256=digest), log


def max_video_bytes(stream: RemoteStream) -> int:
    """Return the maximum size of a stream's video: 256 MiB, and 100 Mbit for each second of its duration.

    The service gives a duration, but no size. Without a duration, the limit of the downloader applies.
    """
    duration_s = stream.duration_s
    if duration_s is None or not 0 <= duration_s < 1e6:
        return MAX_BYTES
    return _MIN_VIDEO_LIMIT + round(duration_s * _MAX_VIDEO_BYTES_PER_S)


def _video_url(stream: RemoteStream) -> str:
    if stream.video_url is None:
        raise EpisodeError(ErrorCode.NO_VIDEO, "the service has no video of the stream")
    return stream.video_url
