"""Targets of the reader of exported datasets, which may come from anywhere."""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from fuzz_target import FuzzTarget
from malformed import damaged_bytes, damaged_json
from odyssey_ros.dataset.errors import ExportedDatasetError
from odyssey_ros.dataset.exports.exported_dataset import ExportedDataset
from odyssey_ros.dataset.exports.lerobot_tables import data_columns, write_columns, write_row, write_tasks
from oracle import check, check_number

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "observation.images.odyssey"
FPS, FRAMES, WIDTH, HEIGHT = 10, 4, 64, 48
PLACE = "chunk-000/file-000"
INFO = {
    "codebase_version": "v3.0",
    "fps": FPS,
    "features": {
        KEY: {"dtype": "video", "shape": [HEIGHT, WIDTH, 3], "info": {"is_depth_map": False}},
        "index": {"dtype": "int64", "shape": [1]},
    },
    "total_episodes": 1,
    "total_frames": FRAMES,
    "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
    "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
}
VIDEO = f"videos/{KEY}/{PLACE}.mp4"


def _dataset_files() -> dict[str, bytes]:
    """Return the files of a dataset with one episode, by their paths."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "file"
        files = {"meta/info.json": json.dumps(INFO).encode(), VIDEO: _video()}
        write_tasks(path, ["a fox", "it rains"])
        files["meta/tasks.parquet"] = path.read_bytes()
        row = {
            "episode_index": 0,
            "length": FRAMES,
            "dataset_from_index": 0,
            "dataset_to_index": FRAMES,
            "data/chunk_index": 0,
            "data/file_index": 0,
            f"videos/{KEY}/chunk_index": 0,
            f"videos/{KEY}/file_index": 0,
            f"videos/{KEY}/from_timestamp": 0.0,
        }
        write_row(path, row)
        files[f"meta/episodes/{PLACE}.parquet"] = path.read_bytes()
        write_columns(path, data_columns(FRAMES, FPS, 0, 0, np.array([0, 0, 1, 1])))
        files[f"data/{PLACE}.parquet"] = path.read_bytes()
    return files


def _video() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"g": "2", "bf": "0"}
        for index in range(FRAMES):
            pixels = np.full((HEIGHT, WIDTH, 3), 50 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


FILES = _dataset_files()


def _with(name: str) -> Callable[[bytes], object]:
    """Return a parser of a dataset in which one file has other contents."""

    def parse(data: bytes) -> None:
        memory = Path("/dev/shm")  # noqa: S108
        folder = (
            Path(memory if memory.is_dir() else tempfile.gettempdir()) / f"odyssey_fuzz_{os.getpid()}_set"
        )
        try:
            for path, content in FILES.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(data if path == name else content)
            _read(folder)
        finally:
            shutil.rmtree(folder)

    return parse


def _read(folder: Path) -> None:
    dataset = ExportedDataset(folder, return_uint8=True)
    check(len(dataset) <= FRAMES, "more frames than the files have")
    for index in (2, 0, 1, 3)[: len(dataset)] if len(dataset) == FRAMES else range(len(dataset)):
        item = dataset[index]
        check(item["task"] == dataset.tasks[item["task_index"]], "the task of another number")
        check(item["index"] == index, "another frame")
        check_number(item["timestamp"], "the timestamp", least=0, most=FRAMES)
        for camera in dataset.camera_keys:
            check(item[camera].ndim == 3 and item[camera].dtype == np.uint8, "no picture")


TARGETS = [
    FuzzTarget(
        "exported_info",
        damaged_json(INFO),
        _with("meta/info.json"),
        (ExportedDatasetError,),
        memory_mib=256,
        share=0.1,
    ),
    *(
        FuzzTarget(
            f"exported_{kind}",
            damaged_bytes(FILES[path]),
            _with(path),
            (ExportedDatasetError,),
            memory_mib=256,
            share=0.1,
        )
        for kind, path in (
            ("tasks", "meta/tasks.parquet"),
            ("episodes", f"meta/episodes/{PLACE}.parquet"),
            ("data", f"data/{PLACE}.parquet"),
            ("video", VIDEO),
        )
    ),
]
