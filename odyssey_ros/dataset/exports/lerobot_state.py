"""The state of a LeRobotDataset that grows: what its small files say, and how an episode is added to it.

::

    meta/info.json         for LeRobot: size, rate, features, totals
    meta/stats.json        for LeRobot: the statistics of all episodes
    meta/tasks.parquet     for LeRobot: the prompts
    meta/odyssey.json      of this package: the origin of each episode
    README.md              the card

These files are replaced when the dataset grows. All others belong to one episode and are never changed.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.regular_file import RegularFileError, read_regular_file
from odyssey_ros.dataset.errors import EpisodeError, StateError
from odyssey_ros.dataset.exports.lerobot_card import CardContent, card
from odyssey_ros.dataset.exports.lerobot_episode import FRAMES, VIDEO, crc32_of_bag
from odyssey_ros.dataset.exports.lerobot_origin import EpisodeRecord, flagged_names
from odyssey_ros.dataset.exports.lerobot_statistics import combined, number_statistics, parsed_statistics
from odyssey_ros.dataset.exports.lerobot_tables import (
    data_columns,
    read_tasks,
    write_columns,
    write_row,
    write_tasks,
)

if TYPE_CHECKING:
    from pathlib import Path, PurePosixPath

    from odyssey_ros.dataset.exports.export_commit import ExportCommit
    from odyssey_ros.dataset.exports.lerobot_episode import StagedEpisode
    from odyssey_ros.dataset.exports.lerobot_statistics import FeatureStatistics
    from odyssey_ros.dataset.manifest import ManifestEntry

VIDEO_KEY: Final = "observation.images.odyssey"
"""The feature with the pictures."""

_FORMAT: Final = 1
_CHUNK: Final = 1000
_PARSE_ERRORS: Final = (*(ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError),)
_MAX_BYTES: Final = 1024 * 1024 * 1024
_NUMBERS: Final = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What all videos of a dataset have in common: the rate in Hz, the size in pixels, the pixel format."""

    rate: int
    width: int
    height: int
    pixel_format: str


class DatasetState:
    """A LeRobotDataset, which may be empty. Not thread-safe; blocks on the disk.

    Args:
        folder: The folder of the export.
        place: The folder of the dataset, relative to that of the export.
        split: Name of the split that the dataset is; empty without splits.
        gop: Distance between key frames, or None if the H.264 of the service is copied.
        version: Version of this package.

    Attributes:
        records: The episodes, by name.
        video: What the videos have in common; None as long as there is no episode.

    Raises:
        StateError: A file cannot be read, or the files contradict each other.
    """

    def __init__(self, folder: Path, place: PurePosixPath, split: str, gop: int | None, version: str) -> None:
        self.records: dict[str, EpisodeRecord] = {}
        self.video: VideoFormat | None = None
        self._folder, self._place, self._split, self._gop = folder, place, split, gop
        self._version = version
        self._tasks: dict[str, int] = {}
        self._statistics: dict[str, FeatureStatistics] | None = None
        self._frames = 0
        # The names of all episodes with findings, in the dataset and left out: now, and in the files.
        self._flagged: set[str] | None = None
        self._written_flagged: set[str] | None = None
        # Commits make all of it, with info.json as the last file.
        if (folder / place / "meta").exists():
            self._read(folder / place / "meta")

    @property
    def frames(self) -> int:
        """Number of frames of all episodes."""
        return self._frames

    @property
    def is_outdated(self) -> bool:
        """Whether the small files do not have what `set_flagged` has changed."""
        return bool(self.records) and self._flagged != self._written_flagged

    def set_flagged(self, episode: str, *, has_findings: bool) -> None:
        """Set whether an episode has findings, for the card. It may be one that is left out.

        Args:
            episode: Name of the episode.
            has_findings: Whether it has findings.
        """
        self._flagged = self._flagged or set()
        (self._flagged.add if has_findings else self._flagged.discard)(episode)

    def check(self, staged: StagedEpisode) -> None:
        """Check that an episode fits the others.

        Raises:
            EpisodeError: It has another size, frame rate or pixel format.
        """
        known, found = self.video, _video_of(staged)
        if known is None or found == known:
            return
        if found.rate != known.rate:
            text = (
                f"its frame rate is {found.rate} Hz, but that of the dataset is {known.rate} Hz: export all "
                f"episodes with --resample {known.rate} to another folder"
            )
        else:
            text = (
                f"its pictures are {found.width}x{found.height} {found.pixel_format}, but those of the "
                f"dataset are {known.width}x{known.height} {known.pixel_format}: export to another folder"
            )
        raise EpisodeError(ErrorCode.NOT_EXPORTABLE, text)

    def add(self, entry: ManifestEntry, staged: StagedEpisode, folder: Path, commit: ExportCommit) -> None:
        """Add an episode that was checked, and its files to a commit.

        Args:
            entry: The entry of the manifest.
            staged: The result of the task.
            folder: The folder with the files of the task.
            commit: The commit, which `write_meta` has to complete.
        """
        number = len(self.records)
        self.video = _video_of(staged)
        task_indexes = np.zeros(staged.frames, np.int64)
        for first, prompt in staged.prompts:
            task_indexes[first:] = self._tasks.setdefault(prompt, len(self._tasks))
        data = data_columns(staged.frames, staged.rate, number, self._frames, task_indexes)
        statistics = {
            VIDEO_KEY: staged.statistics,
            **{name: number_statistics(values) for name, values in data.items()},
        }
        chunk, file = divmod(number, _CHUNK)
        video, frames, table, episodes = self._files(number)
        row: dict[str, Any] = {
            "episode_index": number,
            "tasks": list(dict.fromkeys(prompt for _, prompt in staged.prompts)),
            "length": staged.frames,
            "data/chunk_index": chunk,
            "data/file_index": file,
            "dataset_from_index": self._frames,
            "dataset_to_index": self._frames + staged.frames,
            f"videos/{VIDEO_KEY}/chunk_index": chunk,
            f"videos/{VIDEO_KEY}/file_index": file,
            f"videos/{VIDEO_KEY}/from_timestamp": 0.0,
            f"videos/{VIDEO_KEY}/to_timestamp": staged.frames / staged.rate,
            "meta/episodes/chunk_index": chunk,
            "meta/episodes/file_index": file,
        }
        for feature, values in statistics.items():
            row.update({f"stats/{feature}/{kind}": value for kind, value in values.items()})
        commit.add_staged(folder / VIDEO, video)
        commit.add_staged(folder / FRAMES, frames)
        write_columns(commit.new_file(table), data)
        write_row(commit.new_file(episodes), row)
        self.records[entry.episode] = EpisodeRecord(
            number,
            entry.episode,
            entry.stream_id,
            crc32_of_bag(entry),
            staged.frames,
            dict(entry.losses),
            staged.notes,
        )
        self._frames += staged.frames
        self._statistics = combined(self._statistics, statistics)

    def missing_file(self, record: EpisodeRecord) -> Path | None:
        """Return a file of an episode that was removed or is empty; None if all are there."""
        for path in self._files(record.episode_index):
            if not (self._folder / path).is_file() or not (self._folder / path).stat().st_size:
                return self._folder / path
        return None

    def write_meta(self, commit: ExportCommit) -> None:
        """Add the small files to a commit, `info.json` as the last one."""
        meta = self._place / "meta"
        write_tasks(commit.new_file(meta / "tasks.parquet"), list(self._tasks))
        origin = {
            "format": _FORMAT,
            "version": self._version,
            "gop": self._gop,
            "split": self._split,
            "flagged": None if self._flagged is None else sorted(self._flagged),
            "episodes": [asdict(record) for record in self.records.values()],
        }
        for path, text in (
            (meta / "stats.json", _json(self._statistics)),
            (meta / "odyssey.json", _json(origin)),
            (self._place / "README.md", card(self._card_content())),
            (meta / "info.json", _json(self._info())),
        ):
            commit.new_file(path).write_bytes(text.encode("utf-8", "backslashreplace"))
        self._written_flagged = None if self._flagged is None else set(self._flagged)

    def _files(self, number: int) -> tuple[PurePosixPath, ...]:
        """Return the files of an episode: the video, the times of its frames, and its rows of two tables."""
        name = "chunk-{:03d}/file-{:03d}".format(*divmod(number, _CHUNK))
        meta = self._place / "meta"
        return (
            self._place / "videos" / VIDEO_KEY / f"{name}.mp4",
            meta / "odyssey_frames" / f"{name}.parquet",
            self._place / "data" / f"{name}.parquet",
            meta / "episodes" / f"{name}.parquet",
        )

    def _read(self, meta: Path) -> None:
        try:
            info = _read_json(meta / "info.json")
            height, width, _ = info["features"][VIDEO_KEY]["shape"]
            pixel_format = info["features"][VIDEO_KEY]["info"]["video.pix_fmt"]
            self.video = VideoFormat(int(info["fps"]), int(width), int(height), str(pixel_format))
            self._statistics = parsed_statistics(_read_json(meta / "stats.json"), VIDEO_KEY, _NUMBERS)
            origin = _read_json(meta / "odyssey.json")
            if origin["format"] != _FORMAT:
                raise StateError(f"{meta / 'odyssey.json'} has another format version: use another folder")
            records = [EpisodeRecord.parse(record) for record in origin["episodes"]]
            self.records = {record.episode: record for record in records}
            self._frames = sum(record.frames for record in records)
            self._flagged, self._written_flagged = flagged_names(origin), flagged_names(origin)
            self._tasks = {task: number for number, task in enumerate(read_tasks(meta / "tasks.parquet"))}
            totals = (len(self.records), self._frames, len(self._tasks))
            if totals != (info["total_episodes"], info["total_frames"], info["total_tasks"]):
                raise ValueError("info.json and odyssey.json contradict each other")
            if [record.episode_index for record in records] != list(range(len(records))):
                raise ValueError("an episode is missing in odyssey.json")
        except _PARSE_ERRORS as error:
            raise StateError(f"{meta} is damaged: export to another folder") from error

    def _info(self) -> dict[str, Any]:
        assert self.video is not None  # noqa: S101 -- an episode was added
        video = self.video
        features: dict[str, Any] = {
            VIDEO_KEY: {
                "dtype": "video",
                "shape": [video.height, video.width, 3],
                "names": ["height", "width", "channels"],
                "info": {
                    "video.height": video.height,
                    "video.width": video.width,
                    "video.codec": "h264",
                    "video.pix_fmt": video.pixel_format,
                    "video.fps": video.rate,
                    "video.channels": 3,
                    "has_audio": False,
                    "is_depth_map": False,
                },
            }
        }
        features.update(
            {name: {"dtype": dtype, "shape": [1], "names": None} for name, dtype in _NUMBERS.items()}
        )
        return {
            "codebase_version": "v3.0",
            "robot_type": None,
            "total_episodes": len(self.records),
            "total_frames": self._frames,
            "total_tasks": len(self._tasks),
            "chunks_size": _CHUNK,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": video.rate,
            "splits": {self._split or "train": f"0:{len(self.records)}"},
            "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
            "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
            "features": features,
        }

    def _card_content(self) -> CardContent:
        assert self.video is not None  # noqa: S101 -- an episode was added
        notes: Counter[str] = Counter()
        losses: Counter[str] = Counter()
        for record in self.records.values():
            notes.update(record.notes)
            losses.update(record.losses)
        return CardContent(
            len(self.records),
            self._frames,
            len(self._tasks),
            self.video.rate,
            self.video.width,
            self.video.height,
            self._gop,
            self._split,
            notes,
            losses,
            None if self._flagged is None else len(self._flagged - self.records.keys()),
            len((self._flagged or set()) & self.records.keys()),
            self._version,
        )


def _video_of(staged: StagedEpisode) -> VideoFormat:
    return VideoFormat(staged.rate, staged.width, staged.height, staged.pixel_format)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _read_json(path: Path) -> Any:
    try:
        return json.loads(read_regular_file(path, _MAX_BYTES))
    except RegularFileError as error:
        raise StateError(f"{path} cannot be read: {error.reason}") from error
