"""Finds the episodes to be played, and fetches them one after the other while the first ones are played.

Runs on the asyncio thread. Needs no ROS.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from odyssey_ros.bridge.player.episode_errors import playback_error
from odyssey_ros.client import ErrorCode, OdysseyError, SimulationJobStatus
from odyssey_ros.client.service_address import parse_address
from odyssey_ros.dataset.downloading.downloads import Downloader, download_client
from odyssey_ros.dataset.episode_failures import contained
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.fetching import fetch_stream
from odyssey_ros.dataset.logs.events import read_events
from odyssey_ros.dataset.losses import Loss, combined, described
from odyssey_ros.dataset.retry_policy import STANDARD
from odyssey_ros.dataset.sources import JobEpisode, RecordedEpisode
from odyssey_ros.dataset.videos.video import Video

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from odyssey_ros.client import Odyssey
    from odyssey_ros.dataset.retry_policy import RetryPolicy
    from odyssey_ros.dataset.sources import EpisodeSource

ALL_SCRIPTS: Final = -1
ALL_EPISODES: Final = -1
EVENTS_SUFFIX: Final = ".events.jsonl"


@dataclass(frozen=True, slots=True)
class RecordingRequest:
    """A request for the recording of one stream."""

    stream_id: str


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A request for a completed simulation job: the stream of one script, or of all."""

    job_id: str
    script_index: int = ALL_SCRIPTS


@dataclass(frozen=True, slots=True)
class FileRequest:
    """A request for a video file.

    Attributes:
        video: The video.
        events: The events log; None to use `<video without suffix>.events.jsonl` if it exists.
    """

    video: Path
    events: Path | None = None


@dataclass(frozen=True, slots=True)
class DatasetRequest:
    """A request for one episode of an exported dataset, or for all.

    Attributes:
        folder: The folder of the dataset.
        episode: Number of the episode, from 0, or `ALL_EPISODES`.
    """

    folder: Path
    episode: int = ALL_EPISODES


EpisodeRequest: TypeAlias = "RecordingRequest | JobRequest | FileRequest | DatasetRequest"


@dataclass(frozen=True, slots=True)
class LibraryEpisode:
    """A fetched episode, or the error of fetching it.

    Attributes:
        episode: The episode or the error.
        script_index: Index of the script in the simulation job, else -1.
    """

    episode: Episode | EpisodeError
    script_index: int = -1


class LibraryObserver(Protocol):
    """Receives notifications. All methods are called on the asyncio thread and must not block."""

    def episodes_found(self, count: int) -> None:
        """Handle the number of episodes."""

    def fetching(self, text: str) -> None:
        """Handle a progress report for the operator."""

    def episode_fetched(self, number: int, episode: LibraryEpisode) -> None:
        """Handle an episode that has been fetched, or whose fetching has failed."""


# Finds and fetches all episodes into a folder, as `fetch_episodes` does after its first two arguments.
EpisodeFetcher: TypeAlias = "Callable[[Path, LibraryObserver], Awaitable[None]]"


async def fetch_episodes(
    request: RecordingRequest | JobRequest,
    client: Odyssey,
    folder: Path,
    observer: LibraryObserver,
    retry_policy: RetryPolicy = STANDARD,
    *,
    allow_insecure: bool = False,
    warn: Callable[[str], None] = lambda _: None,
) -> None:
    """Find the episodes at the service and fetch them in order. The client is closed at the end.

    Args:
        request: What to fetch.
        client: The client of the service.
        folder: The folder for the files; files of an earlier run in it are used again.
        observer: Is notified of the episodes.
        retry_policy: The retries of requests and downloads.
        allow_insecure: Whether files may be downloaded over http from other machines.
        warn: Called for each episode whose labels have losses or whose video has, on the asyncio thread.

    Raises:
        OdysseyError: There are no episodes, or a variable of the environment cannot be used. Any other
            failure of a single episode is reported to the observer instead.
    """
    retry_policy = replace(retry_policy, on_retry=observer.fetching)
    async with client, download_client() as http:
        sources = await _sources(request, client, retry_policy)
        observer.episodes_found(len(sources))
        downloader = Downloader(
            http,
            retry_policy,
            allow_insecure=allow_insecure,
            service_is_local=parse_address(client.api_url).is_loopback,
        )
        for number, source in enumerate(sources):
            progress = _Progress(observer, f"episode {number + 1} of {len(sources)}")
            index = source.script_index if isinstance(source, JobEpisode) else -1
            try:
                episode: Episode | EpisodeError = await contained(
                    source.name, _fetched(source, folder, downloader, progress, warn)
                )
            except EpisodeError as error:
                if error.code is ErrorCode.CONFIGURATION:
                    raise playback_error(error) from error  # the next episode would fail in the same way
                episode = error
            observer.episode_fetched(number, LibraryEpisode(episode, index))


async def _fetched(
    source: EpisodeSource,
    folder: Path,
    downloader: Downloader,
    progress: _Progress,
    warn: Callable[[str], None],
) -> Episode:
    stream = await source.locate(progress)
    fetched = await fetch_stream(source, stream, folder, downloader, on_bytes=progress.received)
    episode = fetched.episode()
    video_losses = await asyncio.to_thread(_video_losses, episode.video_path)
    _warn_of_losses(f"labels of {stream.stream_id} are", fetched.label_losses(), warn)
    _warn_of_losses(f"video of {stream.stream_id} is", video_losses, warn)
    return episode


async def open_file(
    request: FileRequest, observer: LibraryObserver, *, warn: Callable[[str], None] = lambda _: None
) -> None:
    """Report a video file as the only episode. The file is read on another thread.

    Args:
        request: The files.
        observer: Is notified of the episode.
        warn: Called if the events log has losses, and if the video has.
    """
    try:
        found, losses = await asyncio.to_thread(_local_episode, request)
        video_losses = await asyncio.to_thread(_video_losses, request.video)
        _warn_of_losses(f"labels of {request.video.name} are", losses, warn)
        _warn_of_losses(f"video {request.video.name} is", video_losses, warn)
        episode: Episode | EpisodeError = found
    except EpisodeError as error:
        episode = error
    observer.episodes_found(1)
    observer.episode_fetched(0, LibraryEpisode(episode))


def _local_episode(request: FileRequest) -> tuple[Episode, Mapping[Loss, int]]:
    """Return the episode of a file, and the losses of its labels. A video without a log has none."""
    Video(request.video).close()  # so that a file that is not a video is reported now
    events = request.events
    if events is None:
        beside = request.video.with_name(request.video.stem + EVENTS_SUFFIX)
        events = beside if beside.exists() else None
    if events is None:
        return Episode(request.video.stem, request.video), {}
    log = read_events(events)
    missing = {} if log.prompts() else {Loss.MISSING_PROMPTS: 1}
    return Episode(request.video.stem, request.video, log), {**log.losses, **missing}


def _video_losses(path: Path) -> Mapping[Loss, int]:
    """Return the losses of a video that show without decoding it. Blocks."""
    with Video(path) as video:
        return video.file_losses()


def _warn_of_losses(subject: str, losses: Mapping[Loss, int], warn: Callable[[str], None]) -> None:
    if losses:
        warn(f"The {subject} incomplete: {described(combined(losses))}")


async def _sources(
    request: RecordingRequest | JobRequest, client: Odyssey, retry_policy: RetryPolicy
) -> Sequence[RecordedEpisode | JobEpisode]:
    if isinstance(request, RecordingRequest):
        return [RecordedEpisode(request.stream_id, None, client, retry_policy)]
    job = await retry_policy.call(lambda: client.get_simulate_status(request.job_id))
    name = f"simulation job {job.job_id}"
    if job.status is SimulationJobStatus.FAILED:
        reason = f": {job.error_message}" if job.error_message else ""
        raise OdysseyError(f"{name} failed{reason}", code=ErrorCode.JOB_FAILED)
    if job.status is SimulationJobStatus.CANCELLED:
        raise OdysseyError(f"{name} was cancelled", code=ErrorCode.JOB_CANCELLED)
    if job.status is not SimulationJobStatus.COMPLETED:
        raise OdysseyError(
            f"{name} is {job.status}: configure the player when it is completed",
            code=ErrorCode.JOB_NOT_FINISHED,
        )
    indexes = sorted({stream.script_index for stream in job.streams})
    if request.script_index != ALL_SCRIPTS:
        if request.script_index not in indexes:
            raise OdysseyError(
                f"{name} has no stream of script {request.script_index}; "
                f"it has {len(indexes)}, counted from 0",
                code=ErrorCode.NO_SUCH_SCRIPT,
            )
        indexes = [request.script_index]
    if not indexes:
        raise OdysseyError(f"{name} made no streams", code=ErrorCode.NO_VIDEO)
    return [JobEpisode(request.job_id, index, client, retry_policy) for index in indexes]


class _Progress:
    """Reports the progress of fetching an episode, a download at every quarter."""

    def __init__(self, observer: LibraryObserver, name: str) -> None:
        self._observer = observer
        self._name = name
        self._percent = -1

    def phase(self, text: str) -> None:
        self._observer.fetching(f"{self._name}: {text}")

    def note(self, text: str) -> None:
        self.phase(text)

    def received(self, done: int, total: int | None) -> None:
        percent = 100 * done // total if total else 0
        if percent // 25 != self._percent // 25:
            self._percent = percent
            self.phase(f"downloading, {percent} %" if total else "downloading")
