"""The task that makes one episode: it downloads what is missing, writes the bag and publishes it.

The task needs nothing but the dataset's folder and presigned URLs. It is idempotent: started again after
anything that ended it, it continues the download, and it makes a finished episode no second time.
"""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.bag_entry import bag_entry
from odyssey_ros.dataset.bags import write_bag
from odyssey_ros.dataset.downloading.downloads import Downloader, download_client
from odyssey_ros.dataset.downloading.partial_file import PartialFile
from odyssey_ros.dataset.errors import EpisodeError, disk_error
from odyssey_ros.dataset.fetching import fetch_stream, video_path
from odyssey_ros.dataset.logs.events import NO_EVENTS, EventKind
from odyssey_ros.dataset.losses import IncompleteDataError, Loss, combined
from odyssey_ros.dataset.manifest import prompt_entry
from odyssey_ros.dataset.retry_policy import STANDARD, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from odyssey_ros.dataset.bag_layout import BagLayout
    from odyssey_ros.dataset.bags import BagSummary
    from odyssey_ros.dataset.episode_folders import EpisodeFolders
    from odyssey_ros.dataset.episodes import Episode
    from odyssey_ros.dataset.fetching import FetchedStream
    from odyssey_ros.dataset.logs.events import EventLog
    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.service import RemoteStream


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """How a task downloads; see `Downloader` and `RetryPolicy`."""

    allow_insecure: bool = False
    service_is_local: bool = True
    retries: int = STANDARD.retries
    initial_s: float = STANDARD.initial_s
    max_s: float = STANDARD.max_s


@dataclass(frozen=True, slots=True)
class EpisodeWork:
    """The argument of the task. It holds secrets, the presigned URLs, which its text does not show.

    Attributes:
        name: Name of the episode.
        stream: The stream with its presigned URLs.
        folders: The folders of the dataset.
        layout: Settings of the bag.
        expected_events: Events of the stream, as far as they are known without the events log.
        losses: What was lost before the stream was made.
        provenance: Origin of the episode for the manifest.
        is_strict: Whether an episode with a loss fails.
        fetched: The downloaded files, if they are complete; None to download them.
        options: How to download.
    """

    name: str
    stream: RemoteStream
    folders: EpisodeFolders
    layout: BagLayout
    expected_events: EventLog = NO_EVENTS
    losses: Mapping[Loss, int] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    is_strict: bool = False
    fetched: FetchedStream | None = None
    options: DownloadOptions = DownloadOptions()


class ExpiredUrlsError(EpisodeError):
    """A presigned URL has expired. What was downloaded is kept; the task continues with new URLs.

    Attributes:
        received: Bytes of the video so far.
    """

    def __init__(self, received: int) -> None:
        super().__init__(ErrorCode.DOWNLOAD_FAILED, "the URL has expired or is refused", retryable=True)
        self.received = received


def prepare(_: None) -> None:
    """Do nothing: the process that runs this task imports what the tasks need."""


def make_episode(work: EpisodeWork, on_frame: Callable[[int], None] = lambda _: None) -> ManifestEntry:
    """Make an episode, unless it exists; return its entry in the manifest. Blocks.

    Args:
        work: What to make.
        on_frame: Called with the number of pictures written, and again and again while another process works
            on the same episode; it may raise an error to end the task.

    Raises:
        ExpiredUrlsError: New URLs are needed.
        EpisodeError: The episode cannot be made. No bag is left.
    """
    try:
        with work.folders.locked(work.name, lambda: on_frame(0)):
            entry = work.folders.finished(work.name)
            if entry is None:
                fetched = work.fetched or asyncio.run(_fetch(work))
                entry = _write(work, fetched, on_frame)
            return entry
    except OSError as error:
        raise disk_error(error, "the episode") from error


async def _fetch(work: EpisodeWork) -> FetchedStream:
    options = work.options
    policy = RetryPolicy(options.retries, options.initial_s, options.max_s)
    folder = work.folders.downloads(work.name)
    async with download_client() as http:
        downloader = Downloader(
            http,
            policy,
            allow_insecure=options.allow_insecure,
            service_is_local=options.service_is_local,
        )
        return await fetch_stream(_NoRenewal(folder), work.stream, folder, downloader)


@dataclass(frozen=True, slots=True)
class _NoRenewal:
    """Only the driver of the run talks to the service."""

    folder: Path

    async def renew(self, stream: RemoteStream) -> RemoteStream:
        """Raise the error that asks for new URLs."""
        raise ExpiredUrlsError(PartialFile(video_path(self.folder, stream)).size())


def _write(work: EpisodeWork, fetched: FetchedStream, on_frame: Callable[[int], None]) -> ManifestEntry:
    episode = fetched.episode(work.expected_events)
    _check_losses(work, combined(fetched.losses(work.expected_events)))
    try:
        partial = work.folders.clean_partial(work.name)
        try:
            summary = write_bag(partial, work.name, episode, work.layout, on_frame=on_frame)
            entry = _entry(work, fetched, episode, summary, partial)
            _check_losses(work, entry.losses)
            work.folders.publish(entry, partial)
        except BaseException:
            # When the disk is full, the other episodes need the space.
            shutil.rmtree(partial, ignore_errors=True)
            raise
    except OSError as error:
        raise disk_error(error, "the bag") from error
    return entry


def _check_losses(work: EpisodeWork, losses: Mapping[str, int]) -> None:
    if work.is_strict and losses:
        raise IncompleteDataError(losses)


def _entry(
    work: EpisodeWork, fetched: FetchedStream, episode: Episode, summary: BagSummary, partial: Path
) -> ManifestEntry:
    video, events = fetched.video, fetched.events
    return bag_entry(
        summary,
        partial,
        work.folders.relative(work.folders.bag_path(work.name)),
        episode=work.name,
        images=str(work.layout.images),
        stream_id=fetched.stream.stream_id,
        prompts=tuple(
            prompt_entry(event.stream_time_ns, event.prompt, event.frame_index)
            for event in episode.events.events
            if event.kind is not EventKind.ENDED
        ),
        video={
            "size": video.size,
            "sha256": video.sha256,
            "frame_count": fetched.stream.frame_count,
        },
        events=None
        if events is None
        else {"size": events.size, "sha256": events.sha256, "ignored": fetched.log.ignored},
        provenance=dict(work.provenance),
        losses=combined(
            work.losses,
            fetched.losses(work.expected_events),
            summary.losses,
            _frame_count_difference(fetched.stream.frame_count, summary.frames),
        ),
    )


def _frame_count_difference(announced: int | None, frames: int) -> dict[Loss, int]:
    return {} if announced is None else {Loss.FRAME_COUNT_DIFFERENCE: abs(announced - frames)}
