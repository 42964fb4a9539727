"""Writes small datasets in the format LeRobotDataset v3.0, whose pictures show their numbers."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from exported_dataset_numbers import HEIGHT, WIDTH, numbered_picture
from odyssey_ros.dataset.exports.video_writer import EncodedVideo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KEY = "observation.images.odyssey"


def write_dataset(
    folder: Path,
    prompts: Sequence[Sequence[str]],
    *,
    fps: int = 10,
    gop: int = 2,
    shared: bool = False,
    cameras: Sequence[str] = (KEY,),
    noise: int = 0,
) -> Path:
    """Write a dataset and return its folder. The picture of frame n of the dataset shows the number n.

    Args:
        folder: The folder, which must not exist.
        prompts: The prompt of each frame of each episode.
        fps: Frames per second.
        gop: Distance between two key frames of an episode.
        shared: Whether all episodes are in one video and one data file, as lerobot writes them.
        cameras: The names of the video features.
        noise: Amplitude of noise in the pictures, up to 50, which makes the videos larger.
    """
    generator = np.random.default_rng(1)
    lengths = [len(episode) for episode in prompts]
    ends = list(accumulate(lengths))
    tasks = list(dict.fromkeys(prompt for episode in prompts for prompt in episode))
    rows = [
        {
            "timestamp": frame / fps,
            "frame_index": frame,
            "episode_index": episode,
            "index": ends[episode] - lengths[episode] + frame,
            "task_index": tasks.index(prompt),
        }
        for episode, texts in enumerate(prompts)
        for frame, prompt in enumerate(texts)
    ]
    schema = pa.schema([("timestamp", pa.float32()), *((name, pa.int64()) for name in list(rows[0])[1:])])
    episodes = []
    for episode, length in enumerate(lengths):
        file = 0 if shared else episode
        first = ends[episode] - length
        entry: dict[str, Any] = {
            "episode_index": episode,
            "tasks": sorted(set(prompts[episode])),
            "length": length,
            "data/chunk_index": 0,
            "data/file_index": file,
            "dataset_from_index": first,
            "dataset_to_index": first + length,
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": file,
        }
        for camera in cameras:
            start_s = first / fps if shared else 0.0
            entry[f"videos/{camera}/chunk_index"] = 0
            entry[f"videos/{camera}/file_index"] = file
            entry[f"videos/{camera}/from_timestamp"] = start_s
            entry[f"videos/{camera}/to_timestamp"] = start_s + length / fps
        episodes.append(entry)
    parts = [(0, 0, len(rows))] if shared else [(n, ends[n] - lengths[n], ends[n]) for n in range(len(ends))]
    for file, start, end in parts:
        part = pa.Table.from_pylist(rows[start:end], schema)
        _write(folder / f"data/chunk-000/file-{file:03d}.parquet", part, row_group_size=max(lengths))
        for camera in cameras:
            path = folder / f"videos/{camera}/chunk-000/file-{file:03d}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            with EncodedVideo(path, (WIDTH, HEIGHT), fps, gop) as video:
                for number in range(start, end):
                    pixels = numbered_picture(number)
                    pixels += generator.integers(0, noise + 1, pixels.shape, np.uint8)
                    video.add(av.VideoFrame.from_ndarray(pixels, format="rgb24"))
        entries = episodes if shared else episodes[file : file + 1]
        _write(folder / f"meta/episodes/chunk-000/file-{file:03d}.parquet", pa.Table.from_pylist(entries))
    task_table = {"task": pa.array(tasks, pa.string()), "task_index": pa.array(range(len(tasks)), pa.int64())}
    # As pandas writes an index, which lerobot needs.
    pandas = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [
            {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64"},
            {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object"},
        ],
        "pandas_version": "2.2.0",
    }
    table = pa.table(task_table).replace_schema_metadata({"pandas": json.dumps(pandas)})
    _write(folder / "meta/tasks.parquet", table)
    feature = {"dtype": "video", "shape": [HEIGHT, WIDTH, 3], "names": ["height", "width", "channels"]}
    columns = {
        name: {"dtype": "float32" if name == "timestamp" else "int64", "shape": [1], "names": None}
        for name in rows[0]
    }
    info = {
        "codebase_version": "v3.0",
        "robot_type": None,
        "fps": fps,
        "features": {**dict.fromkeys(cameras, feature), **columns},
        "total_episodes": len(prompts),
        "total_frames": len(rows),
        "total_tasks": len(tasks),
        "chunks_size": 1000,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "splits": {"train": f"0:{len(prompts)}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    }
    (folder / "meta/info.json").write_text(json.dumps(info))
    return folder


def _write(path: Path, table: pa.Table, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)
