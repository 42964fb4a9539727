"""Reads `meta/info.json` of an exported dataset (LeRobotDataset v3.0). Needs only Python."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.dataset.errors import ExportedDatasetError
from odyssey_ros.dataset.exports.dataset_files import damaged, read_dataset_file

if TYPE_CHECKING:
    from pathlib import Path

VERSION: Final = "v3.0"
"""The version of the format."""

DATA_PATH: Final = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
"""The path of a file with the rows of frames."""

VIDEO_PATH: Final = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
"""The path of a video file."""

MAX_EPISODES: Final = 1_000_000
"""Maximum number of episodes of a dataset."""

MAX_EPISODE_FRAMES: Final = 2_000_000
"""Maximum number of frames of an episode: 18 hours at 30 Hz."""

_INFO: Final = ("meta", "info.json")
_MANIFEST: Final = "manifest.jsonl"  # of a dataset folder that was not exported
_NAMED_PARTS: Final = 10
_MAX_INFO_BYTES: Final = 4 << 20
_MAX_FPS: Final = 1000
_KEY: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class ExportedInfo:
    """The contents of `meta/info.json`, as far as they are used.

    Attributes:
        fps: Frames per second.
        episodes: Number of episodes.
        frames: Number of frames of all episodes.
        cameras: The names of the video features, without depth maps.
    """

    fps: int
    episodes: int
    frames: int
    cameras: tuple[str, ...]


def read_info(folder: Path) -> ExportedInfo:
    """Read `meta/info.json` of a dataset. Blocks on the disk.

    Args:
        folder: The folder of the dataset.

    Raises:
        ExportedDatasetError: The file is missing, damaged, or of another version.
    """
    path = folder.joinpath(*_INFO)
    if folder.is_dir() and not path.exists():
        raise ExportedDatasetError(
            f"{folder} is no LeRobotDataset: it has no {'/'.join(_INFO)}. {_remedy(folder)}"
        )
    try:
        info = json.loads(read_dataset_file(path, _MAX_INFO_BYTES))
    except (ValueError, RecursionError) as error:
        raise damaged(path, "it is no JSON") from error
    if not isinstance(info, dict):
        raise damaged(path, "it is no JSON object")
    if info.get("codebase_version") != VERSION:
        raise damaged(path, f"its codebase_version is not {VERSION}: only this version is read")
    if info.get("data_path", DATA_PATH) != DATA_PATH or info.get("video_path") not in (None, VIDEO_PATH):
        raise damaged(path, "its data_path or video_path is not the usual one")
    return ExportedInfo(
        _whole(path, info, "fps", 1, _MAX_FPS),
        _whole(path, info, "total_episodes", 0, MAX_EPISODES),
        _whole(path, info, "total_frames", 0, MAX_EPISODES * MAX_EPISODE_FRAMES),
        _cameras(path, info.get("features")),
    )


def _remedy(folder: Path) -> str:
    """Return what to do about a folder that is no dataset. Two of the usual ones are recognized."""
    if (folder / _MANIFEST).exists():
        return f"Run `odyssey-dataset export lerobot {shlex.quote(str(folder))} -o OUT`, and name OUT"
    parts = sorted(path.parents[1].name for path in folder.glob("/".join(("*", *_INFO))))
    if parts:
        return f"Name one of the datasets in it: {', '.join(parts[:_NAMED_PARTS])}"
    return "Name the folder that contains `meta`, `data` and `videos`"


def _whole(path: Path, info: dict[str, Any], name: str, low: int, high: int) -> int:
    value = info.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise damaged(path, f"{name} has to be a whole number from {low} to {high}")
    return value


def _cameras(path: Path, features: object) -> tuple[str, ...]:
    if not isinstance(features, dict):
        raise damaged(path, "it has no features")
    cameras = []
    for name, feature in features.items():
        if not isinstance(feature, dict) or feature.get("dtype") != "video":
            continue
        details = feature.get("info") or feature.get("video_info")
        if isinstance(details, dict) and (details.get("is_depth_map") or details.get("video.is_depth_map")):
            continue
        if not _KEY.fullmatch(name) or name in ("task", "timestamp", "index"):
            raise damaged(path, "a video feature has an unusable name")
        cameras.append(name)
    return tuple(cameras)
