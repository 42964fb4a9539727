"""Events logs of candidates: streams that may have been made by an uncertain submission."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from odyssey_ros.dataset.errors import disk_error
from odyssey_ros.dataset.events import MAX_LOG_BYTES, read_events
from odyssey_ros.dataset.file_names import safe_name
from odyssey_ros.dataset.log_content import LOG_CODINGS
from odyssey_ros.dataset.partial_file import PartialFile

if TYPE_CHECKING:
    from pathlib import Path

    from odyssey_ros.dataset.downloads import Downloader
    from odyssey_ros.dataset.events import EventLog
    from odyssey_ros.dataset.service import RemoteStream


class CandidateLogs:
    """Downloads the events logs of candidates. Use it on one event loop; any number of calls may run at once.

    Args:
        downloader: Downloads the files.
        folder: Folder for the temporary files; created when it does not exist.
    """

    def __init__(self, downloader: Downloader, folder: Path) -> None:
        self._downloader = downloader.limited_to(MAX_LOG_BYTES)
        self._folder = folder
        # Several episodes may ask for the log of the same candidate, which is one file.
        self._downloading = asyncio.Lock()

    async def __call__(self, stream: RemoteStream) -> EventLog | None:
        """Return the events log of a stream; None when the service has no log.

        Raises:
            EpisodeError: The log is not available, its compression cannot be read, or it is larger than
                `MAX_LOG_BYTES`.
        """
        url = stream.events_url
        if url is None:
            return None

        async def same_url() -> str:
            return url

        path = self._folder / f"{safe_name(stream.stream_id)}.jsonl"
        async with self._downloading:
            try:
                await asyncio.to_thread(self._folder.mkdir, exist_ok=True)
                fetched = await self._downloader.fetch(url, same_url, path, codings=LOG_CODINGS)
                try:
                    log = await asyncio.to_thread(read_events, path, has_length=fetched.has_length)
                finally:
                    await asyncio.to_thread(PartialFile(path).remove)
            except OSError as error:
                raise disk_error(error, "an events log") from error
        return log
