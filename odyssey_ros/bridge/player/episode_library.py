"""The episodes that a player plays: found, and fetched one after the other while others play.

Runs on the asyncio thread. Nothing here knows ROS.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypeAlias

from odyssey_ros.client import ErrorCode, OdysseyError, SimulationJobStatus, as_odyssey_error
from odyssey_ros.dataset.downloads import Downloader, download_client
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.events import NO_EVENTS, parse_events
from odyssey_ros.dataset.fetching import fetch_stream
from odyssey_ros.dataset.patience import STANDARD
from odyssey_ros.dataset.sources import JobEpisode, RecordedEpisode
from odyssey_ros.dataset.video import Video

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from odyssey_ros.client import Odyssey
    from odyssey_ros.dataset.patience import Patience

ALL_SCRIPTS = -1
EVENTS_SUFFIX = ".events.jsonl"


@dataclass(frozen=True, slots=True)
class RecordingWanted:
    """The recording of one stream."""

    stream_id: str


@dataclass(frozen=True, slots=True)
class JobWanted:
    """A finished job: the stream of one script, or of all."""

    job_id: str
    script_index: int = ALL_SCRIPTS


@dataclass(frozen=True, slots=True)
class FileWanted:
    """A video on this machine, and its events log where there is one."""

    video: Path
    events: Path | None = None


Wanted: TypeAlias = "RecordingWanted | JobWanted | FileWanted"


@dataclass(frozen=True, slots=True)
class LibraryEpisode:
    """An episode that is here, or why it is not."""

    episode: Episode | EpisodeError
    script_index: int = -1


class LibraryError(Exception):
    """There is nothing to play.

    Attributes:
        code: Why, for machines.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class LibraryReader(Protocol):
    """Who is told. All calls come on the asyncio thread and must return at once."""

    def episodes_found(self, count: int) -> None:
        """So many episodes there are."""

    def fetching(self, text: str) -> None:
        """What is done now, for people."""

    def episode_fetched(self, number: int, episode: LibraryEpisode) -> None:
        """One of them is here, or cannot be had."""

    def library_failed(self, error: LibraryError) -> None:
        """There are none."""


async def fetch_episodes(
    wanted: RecordingWanted | JobWanted,
    client: Odyssey,
    folder: Path,
    reader: LibraryReader,
    patience: Patience = STANDARD,
) -> None:
    """Find the episodes at the service and fetch them in order."""
    patience = replace(patience, on_retry=reader.fetching)
    async with client, download_client() as http:
        try:
            sources = await _sources(wanted, client, patience)
        except OdysseyError as error:
            reader.library_failed(LibraryError(as_odyssey_error(error).code, as_odyssey_error(error).advice))
            return
        except LibraryError as error:
            reader.library_failed(error)
            return
        reader.episodes_found(len(sources))
        downloader = Downloader(http, patience)
        for number, source in enumerate(sources):
            progress = _Progress(reader, f"episode {number + 1} of {len(sources)}")
            index = source.script_index if isinstance(source, JobEpisode) else -1
            try:
                stream = await source.locate(progress)
                fetched = await fetch_stream(source, stream, folder, downloader, on_bytes=progress.bytes_came)
                episode: Episode | EpisodeError = fetched.episode()
            except EpisodeError as error:
                episode = error
            reader.episode_fetched(number, LibraryEpisode(episode, index))


async def open_file(wanted: FileWanted, reader: LibraryReader) -> None:
    """Take a video of this machine as the only episode."""
    try:
        episode: Episode | EpisodeError = await asyncio.to_thread(_local_episode, wanted)
    except EpisodeError as error:
        episode = error
    reader.episodes_found(1)
    reader.episode_fetched(0, LibraryEpisode(episode))


def _local_episode(wanted: FileWanted) -> Episode:
    # Opened once, so that a wrong path is told when the node is configured.
    Video(wanted.video).close()
    events = wanted.events
    if events is None:
        beside = wanted.video.with_name(wanted.video.stem + EVENTS_SUFFIX)
        events = beside if beside.exists() else None
    try:
        log = NO_EVENTS if events is None else parse_events(events.read_bytes())
    except OSError as error:
        raise EpisodeError(
            ErrorCode.DISK_FAILED, f"the events log cannot be read: {error.strerror}"
        ) from error
    return Episode(wanted.video.stem, wanted.video, log)


async def _sources(
    wanted: RecordingWanted | JobWanted, client: Odyssey, patience: Patience
) -> Sequence[RecordedEpisode | JobEpisode]:
    if isinstance(wanted, RecordingWanted):
        return [RecordedEpisode(wanted.stream_id, None, client, patience)]
    job = await patience.call(lambda: client.get_simulate_status(wanted.job_id))
    if job.status is SimulationJobStatus.FAILED:
        reason = f": {job.error_message}" if job.error_message else ""
        raise LibraryError("JOB_FAILED", f"simulation job {job.job_id} failed{reason}")
    if job.status is SimulationJobStatus.CANCELLED:
        raise LibraryError("JOB_CANCELLED", f"simulation job {job.job_id} was cancelled")
    if job.status is not SimulationJobStatus.COMPLETED:
        raise LibraryError(
            "JOB_NOT_FINISHED",
            f"simulation job {job.job_id} is {job.status}: configure the player when it is completed",
        )
    indexes = sorted({stream.script_index for stream in job.streams})
    if wanted.script_index != ALL_SCRIPTS:
        if wanted.script_index not in indexes:
            raise LibraryError(
                "NO_SUCH_SCRIPT",
                f"simulation job {job.job_id} has no stream of script {wanted.script_index}; "
                f"it has {len(indexes)}, counted from 0",
            )
        indexes = [wanted.script_index]
    if not indexes:
        raise LibraryError("NO_VIDEO", f"simulation job {job.job_id} made no streams")
    return [JobEpisode(wanted.job_id, index, client, patience) for index in indexes]


class _Progress:
    """Turns an episode's fetching into words, at every quarter."""

    def __init__(self, reader: LibraryReader, what: str) -> None:
        self._reader = reader
        self._what = what
        self._percent = -1

    def phase(self, text: str) -> None:
        self._reader.fetching(f"{self._what}: {text}")

    def note(self, text: str) -> None:
        self.phase(text)

    def bytes_came(self, done: int, total: int | None) -> None:
        percent = 100 * done // total if total else 0
        if percent // 25 != self._percent // 25:
            self._percent = percent
            self.phase(f"downloading, {percent} %" if total else "downloading")
