"""The tables of an exported dataset (LeRobotDataset v3.0): episodes, tasks, and the rows of frames.

Needs only PyArrow and NumPy. See `lerobot`'s `datasets/dataset_metadata.py` for the format.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from odyssey_ros.dataset.exports.dataset_files import MAX_ROWS, damaged, open_parquet, unreadable
from odyssey_ros.dataset.exports.exported_info import (
    DATA_PATH,
    MAX_EPISODE_FRAMES,
    MAX_EPISODES,
    VIDEO_PATH,
    read_info,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from odyssey_ros.dataset.exports.exported_info import ExportedInfo

MAX_TASKS: Final = 1_000_000
"""Maximum number of tasks of a dataset."""

_TASKS: Final = ("meta", "tasks.parquet")
_EPISODES: Final = "meta/episodes/*/*.parquet"
_MAX_FILE_NUMBER: Final = 1_000_000
_MAX_TIME_S: Final = 1e7
# lerobot names the index when it reads; pandas gives a nameless one this name.
_TASK_COLUMNS: Final = ("task", "__index_level_0__")
_ROWS_KEPT: Final = MAX_ROWS


@dataclass(frozen=True, slots=True)
class EpisodeVideo:
    """Where the pictures of an episode are.

    Attributes:
        path: The video file, which may contain other episodes too.
        start_s: Time of the first picture in the file, in seconds.
    """

    path: Path
    start_s: float


@dataclass(frozen=True, slots=True)
class ExportedEpisode:
    """An episode of an exported dataset.

    Attributes:
        index: Number of the episode, from 0.
        first: Number of its first frame in the dataset.
        length: Number of its frames.
        data: The parquet file with its rows.
        videos: The video of each camera, by the name of the feature.
    """

    index: int
    first: int
    length: int
    data: Path
    videos: Mapping[str, EpisodeVideo] = field(hash=False)


@dataclass(frozen=True, slots=True)
class EpisodeRows:
    """The rows of the frames of an episode.

    Attributes:
        timestamps: Time of each frame since the first one, in seconds.
        task_indexes: Number of the task of each frame.
    """

    timestamps: NDArray[np.float32]
    task_indexes: NDArray[np.int64]


class ExportedTables:
    """The tables of a dataset. The rows of frames are read when they are needed. Not thread-safe.

    Args:
        folder: The folder of the dataset.

    Attributes:
        folder: As given.
        fps: Frames per second.
        cameras: The names of the video features, without depth maps.
        tasks: The texts of the tasks; `task_index` is the position.
        episodes: All episodes.
        frames: Number of frames of all episodes.

    Raises:
        ExportedDatasetError: The dataset is missing, damaged, or of another version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        info = read_info(folder)
        self.fps, self.cameras, self.frames = info.fps, info.cameras, info.frames
        self.tasks: tuple[str, ...] = _read_tasks(folder)
        self.episodes: tuple[ExportedEpisode, ...] = _read_episodes(folder, info)
        first_rows: dict[Path, int] = {}
        for episode in self.episodes:
            first_rows.setdefault(episode.data, episode.first)
        self._first_rows = first_rows
        self._rows: OrderedDict[int, EpisodeRows] = OrderedDict()
        self._rows_kept = 0
        self._groups: tuple[Path, range, dict[str, NDArray[Any]]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the rows, which each process reads when it needs them."""
        return {**self.__dict__, "_rows": OrderedDict(), "_rows_kept": 0, "_groups": None}

    def rows(self, episode: ExportedEpisode) -> EpisodeRows:
        """Return the rows of an episode; blocks on the disk unless they were read before.

        Raises:
            ExportedDatasetError: They cannot be read, or contradict the table of episodes.
        """
        rows = self._rows.get(episode.index)
        if rows is None:
            rows = self._rows[episode.index] = self._read_rows(episode)
            self._rows_kept += episode.length
            while self._rows_kept > _ROWS_KEPT and len(self._rows) > 1:
                oldest, _ = self._rows.popitem(last=False)
                self._rows_kept -= self.episodes[oldest].length
        else:
            self._rows.move_to_end(episode.index)
        return rows

    def _read_rows(self, episode: ExportedEpisode) -> EpisodeRows:
        start = episode.first - self._first_rows[episode.data]
        wanted = range(start, start + episode.length)
        if self._groups is None or self._groups[0] != episode.data or not _within(wanted, self._groups[1]):
            self._groups = _read_groups(episode.data, wanted)
        _, place, columns = self._groups
        part = slice(wanted.start - place.start, wanted.stop - place.start)
        found = {name: values[part] for name, values in columns.items()}
        expected = {
            "frame_index": np.arange(episode.length),
            "episode_index": np.full(episode.length, episode.index),
            "index": np.arange(episode.first, episode.first + episode.length),
            "timestamp": np.arange(episode.length) / self.fps,
        }
        for name, values in expected.items():
            if not np.allclose(
                found[name], values, rtol=0, atol=0.5 / self.fps if name == "timestamp" else 0
            ):
                raise damaged(
                    episode.data, f"the values of {name} are not those of frames of episode {episode.index}"
                )
        tasks = found["task_index"]
        if tasks.size and not 0 <= tasks.min() <= tasks.max() < len(self.tasks):
            raise damaged(episode.data, f"episode {episode.index} has a task_index that is not in the tasks")
        return EpisodeRows(found["timestamp"].astype(np.float32), tasks.copy())


def _within(wanted: range, place: range) -> bool:
    return place.start <= wanted.start and wanted.stop <= place.stop


def _read_groups(path: Path, wanted: range) -> tuple[Path, range, dict[str, NDArray[Any]]]:
    """Read the row groups of a file that contain the wanted rows."""
    with open_parquet(path) as file:
        ends = list(accumulate(file.group_rows, initial=0))
        if ends[-1] < wanted.stop:
            raise damaged(path, f"it has {ends[-1]} rows, but the episodes have more")
        groups = [
            number
            for number, (start, end) in enumerate(pairwise(ends))
            if start < wanted.stop and end > wanted.start
        ]
        columns: dict[str, NDArray[Any]] = {
            name: file.integers(name, groups)
            for name in ("frame_index", "episode_index", "index", "task_index")
        }
        columns["timestamp"] = file.reals("timestamp", groups)
    if not groups:
        return path, range(0), columns
    return path, range(ends[groups[0]], ends[groups[-1] + 1]), columns


def _read_tasks(folder: Path) -> tuple[str, ...]:
    path = folder.joinpath(*_TASKS)
    with open_parquet(path) as file:
        if sum(file.group_rows) > MAX_TASKS:
            raise damaged(path, f"it has more than {MAX_TASKS} tasks")
        column = next((name for name in _TASK_COLUMNS if name in file), _TASK_COLUMNS[0])
        texts = file.different_texts(column)
        indexes = file.integers("task_index")
    if not np.array_equal(np.sort(indexes), np.arange(len(texts))):
        raise damaged(path, "the values of task_index are not 0, 1, 2 and so on")
    return tuple(texts[place] for place in np.argsort(indexes))


def _read_episodes(folder: Path, info: ExportedInfo) -> tuple[ExportedEpisode, ...]:
    tables: list[dict[str, NDArray[Any]]] = []
    count = 0
    # As many as `info.json` counts: a run that is in progress writes this file last.
    for path in _episode_files(folder) if info.episodes else ():
        if count >= info.episodes:
            break
        tables.append(_episode_columns(path, info.cameras))
        count += len(tables[-1]["episode_index"])
    if count < info.episodes:
        raise damaged(folder / "meta" / "episodes", f"it has {count} episodes, but info.json {info.episodes}")
    columns = {
        name: np.concatenate([table[name] for table in tables])[: info.episodes]
        for name in (tables or [{}])[0]
    }
    if columns:
        _check_episodes(folder / "meta" / "episodes", columns, info)
    episodes = []
    for index in range(info.episodes):
        row = {name: values[index].item() for name, values in columns.items()}
        first = row["dataset_from_index"]
        videos = {
            camera: EpisodeVideo(
                folder / VIDEO_PATH.format(video_key=camera, **_place(row, f"videos/{camera}")),
                row[f"videos/{camera}/from_timestamp"],
            )
            for camera in info.cameras
        }
        data = folder / DATA_PATH.format(**_place(row, "data"))
        episodes.append(ExportedEpisode(index, first, row["length"], data, videos))
    return tuple(episodes)


def _episode_files(folder: Path) -> Sequence[Path]:
    try:
        return sorted(folder.glob(_EPISODES))
    except OSError as error:
        raise unreadable(folder / "meta" / "episodes", error) from error


def _place(row: Mapping[str, Any], prefix: str) -> dict[str, int]:
    return {name: row[f"{prefix}/{name}"] for name in ("chunk_index", "file_index")}


def _episode_columns(path: Path, cameras: Sequence[str]) -> dict[str, NDArray[Any]]:
    numbers = ["episode_index", "length", "dataset_from_index", "dataset_to_index"]
    for prefix in ("data", *(f"videos/{camera}" for camera in cameras)):
        numbers += [f"{prefix}/chunk_index", f"{prefix}/file_index"]
    with open_parquet(path) as file:
        if sum(file.group_rows) > MAX_EPISODES:
            raise damaged(path, f"it has more than {MAX_EPISODES} episodes")
        columns: dict[str, NDArray[Any]] = {name: file.integers(name) for name in numbers}
        for camera in cameras:
            columns[f"videos/{camera}/from_timestamp"] = file.reals(f"videos/{camera}/from_timestamp")
    return columns


def _check_episodes(path: Path, columns: Mapping[str, NDArray[Any]], info: ExportedInfo) -> None:
    lengths, first = columns["length"], columns["dataset_from_index"]
    if not np.array_equal(columns["episode_index"], np.arange(info.episodes)):
        raise damaged(path, "the values of episode_index are not 0, 1, 2 and so on")
    if lengths.min() < 0 or lengths.max() > MAX_EPISODE_FRAMES:
        raise damaged(path, f"the length of an episode is not from 0 to {MAX_EPISODE_FRAMES} frames")
    ends = np.cumsum(lengths)
    if not np.array_equal(first, ends - lengths) or not np.array_equal(columns["dataset_to_index"], ends):
        raise damaged(path, "the frames of the episodes do not follow one another")
    if ends[-1] != info.frames:
        raise damaged(path, f"the episodes have {ends[-1]} frames, but info.json {info.frames}")
    for name, values in columns.items():
        if name.endswith("_timestamp") and not 0 <= values.min() <= values.max() <= _MAX_TIME_S:
            raise damaged(path, f"a value of {name} is not from 0 to {_MAX_TIME_S:g} s")
        numbers_a_file = name.endswith(("/chunk_index", "/file_index"))
        if numbers_a_file and not 0 <= values.min() <= values.max() <= _MAX_FILE_NUMBER:
            raise damaged(path, f"a value of {name} is not from 0 to {_MAX_FILE_NUMBER}")
