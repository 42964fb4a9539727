"""The episodes of an exported dataset (LeRobotDataset v3.0), as the player plays them. Needs no ROS.

PyArrow, which few users of the player have, is imported when a dataset is opened.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.bridge.player.episode_library import ALL_EPISODES, LibraryEpisode
from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.client.service_text import clean_text
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.errors import EpisodeError, ExportedDatasetError, ExportedVideoError, disk_error
from odyssey_ros.dataset.logs.events import MAX_EVENTS, Event, EventKind, EventLog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from odyssey_ros.bridge.player.episode_library import DatasetRequest, LibraryObserver
    from odyssey_ros.dataset.exports.exported_tables import EpisodeVideo, ExportedEpisode, ExportedTables

_CAMERA: Final = "observation.images.odyssey"
_ORIGINS: Final = ("meta", "odyssey.json")
_MAX_ORIGINS_BYTES: Final = 256 << 20
_NANOSECONDS: Final = 1_000_000_000


async def open_dataset(
    request: DatasetRequest,
    folder: Path,
    observer: LibraryObserver,
    *,
    warn: Callable[[str], None] = lambda _: None,
) -> None:
    """Report the episodes of a dataset in order. Files are read on other threads.

    Args:
        request: What to open.
        folder: The folder for a copy of an episode whose video file contains others too.
        observer: Is notified of the episodes.
        warn: Called if frames of the dataset have no prompt.

    Raises:
        OdysseyError: The dataset cannot be read, has no such episode, or cannot be played as a whole.
    """
    try:
        dataset = await asyncio.to_thread(_Dataset, request.folder, folder)
        numbers = dataset.numbers(request.episode)
    except ExportedDatasetError as error:
        raise OdysseyError(str(error), code=ErrorCode.CONFIGURATION) from error
    if "" in dataset.tables.tasks:
        warn("The labels of the dataset are incomplete: some frames have no prompt")
    observer.episodes_found(len(numbers))
    for place, number in enumerate(numbers):
        try:
            episode: Episode | EpisodeError = await asyncio.to_thread(dataset.episode, number)
        except EpisodeError as error:
            episode = error
        observer.episode_fetched(place, LibraryEpisode(episode))


class _Dataset:
    """A dataset whose episodes are played. One thread at a time uses it, and all methods block on the disk.

    Args:
        source: The folder of the dataset.
        folder: The folder for copies.

    Raises:
        ExportedDatasetError: The dataset cannot be read, or has no video.
    """

    def __init__(self, source: Path, folder: Path) -> None:
        from odyssey_ros.dataset.exports.exported_tables import ExportedTables  # noqa: PLC0415

        self.tables: ExportedTables = ExportedTables(source)
        self._folder = folder
        self._stream_ids = _stream_ids(source)
        cameras = self.tables.cameras
        if not cameras:
            raise ExportedDatasetError(f"{source} has no video")
        self._camera = _CAMERA if _CAMERA in cameras else cameras[0]

    def numbers(self, wanted: int) -> Sequence[int]:
        """Return the numbers of the wanted episodes.

        Raises:
            ExportedDatasetError: There is no such episode, or all are wanted, and they share video files.
        """
        count = len(self.tables.episodes)
        if wanted >= count or not count:
            raise ExportedDatasetError(
                f"{self.tables.folder} has no episode {max(wanted, 0)}; it has {count}, counted from 0"
            )
        if wanted != ALL_EPISODES:
            return [wanted]
        if any(self._shares_file(episode) for episode in self.tables.episodes):
            raise ExportedDatasetError(
                f"the episodes of {self.tables.folder} share video files: set dataset_episode to one of them"
            )
        return range(count)

    def episode(self, number: int) -> Episode:
        """Return an episode with its prompts.

        Raises:
            EpisodeError: It cannot be played.
        """
        episode = self.tables.episodes[number]
        stream_id = self._stream_ids.get(number, "") or f"episode_{number:06d}"
        if not episode.length:
            raise EpisodeError(ErrorCode.NO_VIDEO, f"episode {number} of the dataset has no frames")
        try:
            log = self._event_log(episode)
            path = episode.videos[self._camera].path
            if self._shares_file(episode):
                path = self._copy(episode.videos[self._camera], episode)
        except ExportedVideoError as error:
            raise EpisodeError(ErrorCode.VIDEO_BROKEN, str(error)) from error
        except ExportedDatasetError as error:
            raise EpisodeError(ErrorCode.NOT_PLAYABLE, str(error)) from error
        except OSError as error:
            raise disk_error(error, "a copy of the video") from error
        return Episode(stream_id, path, log)

    def _event_log(self, episode: ExportedEpisode) -> EventLog:
        """Return one event for each run of frames with the same task."""
        indexes = self.tables.rows(episode).task_indexes.tolist()
        firsts = [n for n, task in enumerate(indexes) if n == 0 or task != indexes[n - 1]]
        if len(firsts) > MAX_EVENTS:
            raise ExportedDatasetError(
                f"the task of episode {episode.index} changes {len(firsts) - 1} times; {MAX_EVENTS} prompts "
                "are played at most"
            )
        return EventLog(
            tuple(
                Event(
                    EventKind.STARTED if first == 0 else EventKind.PROMPTED,
                    first * _NANOSECONDS // self.tables.fps,
                    clean_text(self.tables.tasks[indexes[first]], is_prompt=True),
                    first,
                )
                for first in firsts
            )
        )

    def _shares_file(self, episode: ExportedEpisode) -> bool:
        video = episode.videos[self._camera]
        after = self.tables.episodes[episode.index + 1 : episode.index + 2]
        return video.start_s > 0 or any(other.videos[self._camera].path == video.path for other in after)

    def _copy(self, video: EpisodeVideo, episode: ExportedEpisode) -> Path:
        from odyssey_ros.dataset.exports.episode_cut import cut_episode  # noqa: PLC0415

        path = self._folder / f"episode_{episode.index:06d}.mp4"
        cut_episode(video, episode.length, self.tables.fps, path)
        return path


def _stream_ids(source: Path) -> Mapping[int, str]:
    """Return the streams of the episodes, as far as the dataset names them: only our exports do."""
    from odyssey_ros.dataset.exports.dataset_files import read_dataset_file  # noqa: PLC0415

    path = source.joinpath(*_ORIGINS)
    if not path.exists():
        return {}
    try:
        origins: Any = json.loads(read_dataset_file(path, _MAX_ORIGINS_BYTES))
        return {
            int(record["episode_index"]): clean_text(str(record["stream_id"]))
            for record in origins["episodes"]
        }
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise ExportedDatasetError(f"{path} is damaged") from error
