"""Files of candidates: streams that may have been made by an uncertain submission."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.downloading.partial_file import PartialFile
from odyssey_ros.dataset.errors import EpisodeError, disk_error
from odyssey_ros.dataset.fetching import max_video_bytes
from odyssey_ros.dataset.file_names import safe_name
from odyssey_ros.dataset.logs.events import MAX_LOG_BYTES, read_events
from odyssey_ros.dataset.logs.log_content import LOG_CODINGS
from odyssey_ros.dataset.videos.video import Video

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from odyssey_ros.dataset.downloading.downloads import Downloader, Fetched
    from odyssey_ros.dataset.logs.events import EventLog
    from odyssey_ros.dataset.service import RemoteStream


class DownloadedCandidates:
    """Downloads the files of candidates. Use it on one event loop; any number of calls may run at once.

    Args:
        downloader: Downloads the files.
        folder: Folder for the events logs; created when it does not exist.
        downloads: Creates and returns the folder for the downloads of an episode. Blocks.
    """

    def __init__(self, downloader: Downloader, folder: Path, downloads: Callable[[str], Path]) -> None:
        self._downloader = downloader
        self._folder = folder
        self._downloads = downloads
        # Several episodes may ask for the log of the same candidate, which is one file.
        self._downloading = asyncio.Lock()

    async def log(self, stream: RemoteStream) -> EventLog | None:
        """Return the events log of a stream; None when the service has no log.

        Raises:
            EpisodeError: The log is not available, its compression cannot be read, or it is larger than
                `MAX_LOG_BYTES`.
        """
        url = stream.events_url
        if url is None:
            return None
        path = self._folder / f"{safe_name(stream.stream_id)}.jsonl"
        async with self._downloading:
            try:
                await asyncio.to_thread(self._folder.mkdir, exist_ok=True)
                fetched = await self._fetch(url, path, MAX_LOG_BYTES, LOG_CODINGS)
                try:
                    log = await asyncio.to_thread(read_events, path, has_length=fetched.has_length)
                finally:
                    await asyncio.to_thread(PartialFile(path).remove)
            except OSError as error:
                raise disk_error(error, "an events log") from error
        return log

    async def is_portrait(self, stream: RemoteStream, episode: str) -> bool | None:
        """Return whether the video of a stream is higher than wide; None when it is a square, or broken.

        The video is kept among the downloads of the episode, which needs it when it claims the stream.

        Raises:
            EpisodeError: The video is not available.
        """
        if stream.video_url is None:
            return None
        try:
            folder = await asyncio.to_thread(self._downloads, episode)
        except OSError as error:
            raise disk_error(error, "a video") from error
        path = folder / f"{safe_name(stream.stream_id)}.mp4"
        await self._fetch(stream.video_url, path, max_video_bytes(stream))
        return await asyncio.to_thread(_is_portrait, path)

    async def _fetch(self, url: str, path: Path, max_bytes: int, codings: Collection[str] = ()) -> Fetched:
        async def same_url() -> str:
            return url

        return await self._downloader.fetch(url, same_url, path, max_bytes=max_bytes, codings=codings)


def _is_portrait(path: Path) -> bool | None:
    try:
        with Video(path) as video:
            first = next(video.pictures(), None)
            if first is None or first.frame.width == first.frame.height:
                return None
            return first.frame.height > first.frame.width
    except EpisodeError as error:
        if error.code is ErrorCode.VIDEO_BROKEN:
            PartialFile(path).remove()  # the download may have damaged it
        return None
