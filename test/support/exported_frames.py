"""Frames of exported datasets, read with pyarrow and PyAV alone: pictures, labels and times.

The reading is independent of the package: it follows the descriptions of the formats.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import av
import pyarrow.parquet as pq

from odyssey_ros.emulator.scene.marker import MARKER_WIDTH, Marker, read_marker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np

CAMERA: Final = "observation.images.odyssey"
"""The video feature of the LeRobot export."""


ORIGIN_PATH: Final = "meta/odyssey_frames/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
"""The file with the true stamps of an episode; its number is that of the video."""


@dataclass(frozen=True, slots=True)
class ExportedFrame:
    """A frame of an export.

    Attributes:
        prompt: The task, or the caption.
        size: Width and height of the picture.
        marker: What the picture itself shows; None when its marker cannot be read.
        timestamp: Time since the first frame of the file, in seconds.
        stamp_ns: The true stamp; None where the format has none for each frame.
        media_ns: The media time of the stream; None likewise.
        index: The number of the frame in the stream; None likewise.
    """

    prompt: str
    size: tuple[int, int]
    marker: Marker | None
    timestamp: float
    stamp_ns: int | None = None
    media_ns: int | None = None
    index: int | None = None


@dataclass(frozen=True, slots=True)
class ExportedClip:
    """A clip of an export.

    Attributes:
        file: Path of the video, relative to the export.
        episode: Name of the episode.
        first_frame: Position of its first frame in the episode.
        metadata: Its line in `metadata.jsonl`.
        frames: Its frames.
    """

    file: str
    episode: str
    first_frame: int
    metadata: dict[str, Any]
    frames: list[ExportedFrame]


def episodes_of_lerobot(dataset: Path) -> dict[str, list[ExportedFrame]]:
    """Read the episodes that `meta/info.json` counts, with all of their frames, by the names of the episodes.

    Raises:
        AssertionError: The tables contradict each other.
    """
    info = json.loads((dataset / "meta" / "info.json").read_text(encoding="utf-8"))
    details = json.loads((dataset / "meta" / "odyssey.json").read_text(encoding="utf-8"))
    names = {each["episode_index"]: each["episode"] for each in details["episodes"]}
    tasks = {row["task_index"]: row["task"] for row in _rows(dataset / "meta" / "tasks.parquet")}
    found: dict[str, list[ExportedFrame]] = {}
    total = 0
    tables = sorted((dataset / "meta" / "episodes").glob("*/*.parquet"))
    episodes = sorted((row for path in tables for row in _rows(path)), key=lambda row: row["episode_index"])
    for number, episode in enumerate(episodes[: info["total_episodes"]]):
        assert episode["episode_index"] == number, f"{dataset}: episode {number} is missing"
        place = {name: episode[f"data/{name}"] for name in ("chunk_index", "file_index")}
        rows = [
            row
            for row in _rows(dataset / info["data_path"].format(**place))
            if row["episode_index"] == number
        ]
        place = {name: episode[f"videos/{CAMERA}/{name}"] for name in ("chunk_index", "file_index")}
        video = dataset / info["video_path"].format(video_key=CAMERA, **place)
        stamps = _rows(dataset / ORIGIN_PATH.format(**place))
        pictures = list(pictures_of(video))
        counts = {len(rows), len(pictures), len(stamps), episode["length"]}
        assert len(counts) == 1, f"{dataset}: episode {number} has {counts} frames"
        frames = []
        for at, (row, stamp, (time, size, marker)) in enumerate(zip(rows, stamps, pictures, strict=True)):
            assert row["frame_index"] == stamp["frame_index"] == at, (
                f"{dataset}: episode {number}, frame {at}: {row}"
            )
            assert row["index"] == total + at, f"{dataset}: episode {number}, frame {at}: {row}"
            assert abs(row["timestamp"] - at / info["fps"]) < 1e-4, f"{dataset}: {row}"
            assert abs(time - row["timestamp"]) < 1e-4, f"{dataset}: the picture is at {time}: {row}"
            frames.append(
                ExportedFrame(
                    tasks[row["task_index"]],
                    size,
                    marker,
                    row["timestamp"],
                    stamp["stamp_ns"],
                    stamp["media_time_ns"],
                    stamp["stream_frame_index"],
                )
            )
        assert sorted(episode["tasks"]) == sorted({frame.prompt for frame in frames}), f"{dataset}: {episode}"
        total += len(frames)
        found[names[number]] = frames
    assert total == info["total_frames"], (
        f"{dataset}: {total} frames, but info.json has {info['total_frames']}"
    )
    assert len(found) == info["total_episodes"], f"{dataset}: an episode is there twice"
    return found


def clips_of(export: Path) -> list[ExportedClip]:
    """Read all clips with their frames.

    Raises:
        AssertionError: The files contradict each other.
    """
    lines = (export / "videos" / "metadata.jsonl").read_text(encoding="utf-8").split("\n")
    clips = []
    for line in filter(None, lines):
        row = json.loads(line)
        video = export / "videos" / row["file_name"]
        caption = (export / "metas" / f"{video.stem}.txt").read_text(encoding="utf-8")
        assert caption == row["text"], f"{video}: the captions differ"
        frames = []
        for at, (time, size, marker) in enumerate(pictures_of(video)):
            assert abs(time - at / row["fps"]) < 1e-4, f"{video}: frame {at} is at {time} s"
            frames.append(ExportedFrame(row["text"], size, marker, time))
        assert len(frames) == row["frames"], f"{video}: {len(frames)} frames, but {row['frames']} in the list"
        clips.append(ExportedClip(row["file_name"], row["episode"], row["first_frame"], row, frames))
    files = sorted(path.name for path in (export / "videos").glob("*.mp4"))
    assert files == sorted(clip.file for clip in clips), f"{export}: a video is not listed, or is missing"
    return clips


def pictures_of(video: Path) -> Iterator[tuple[float, tuple[int, int], Marker | None]]:
    """Decode a video; yield the time in seconds, the size and the marker of each picture."""
    with av.open(str(video)) as container:
        container.streams.video[0].thread_count = 1
        for frame in container.decode(video=0):
            assert frame.time is not None
            yield frame.time, (frame.width, frame.height), marker_of(frame.to_ndarray(format="gray"))


def marker_of(pixels: np.ndarray[Any, Any]) -> Marker | None:
    """Read the marker of a picture, also of one of half the size."""
    if min(pixels.shape[:2]) < MARKER_WIDTH // 2 + 1:
        pixels = pixels.repeat(2, axis=0).repeat(2, axis=1)
    return read_marker(pixels)


def _rows(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows
