"""Targets of the exports that grow: the files of an output folder that a later run reads."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fuzz_target import FuzzTarget
from malformed import damaged_json
from odyssey_ros.dataset.errors import StateError
from odyssey_ros.dataset.exports.export_commit import finish_commit
from odyssey_ros.dataset.exports.export_folder import ExportFolder
from odyssey_ros.dataset.exports.lerobot_episode import read_staged
from odyssey_ros.dataset.exports.lerobot_state import VIDEO_KEY, DatasetState
from odyssey_ros.dataset.exports.lerobot_statistics import number_statistics
from odyssey_ros.dataset.exports.lerobot_tables import write_tasks
from oracle import check, check_number

if TYPE_CHECKING:
    from collections.abc import Callable

_PICTURES: dict[str, Any] = {
    name: [[[value[0]]]] * 3 if name != "count" else value
    for name, value in number_statistics(np.arange(3)).items()
}
_NUMBERS = ("timestamp", "frame_index", "episode_index", "index", "task_index")
_SETTINGS = {"format": 1, "kind": "lerobot", "settings": {"gop": 2, "split": "a=1", "split-by": None}}
_STAGED = {
    "format": 1,
    "crc32": "0badcafe",
    "frames": 3,
    "rate": 30,
    "width": 64,
    "height": 48,
    "pixel_format": "yuv420p",
    "prompts": [[0, "a fox"], [2, "rain"]],
    "statistics": _PICTURES,
    "notes": {"repeated_frames": 1},
}
_META: dict[str, Any] = {
    "info.json": {
        "fps": 30,
        "total_episodes": 1,
        "total_frames": 3,
        "total_tasks": 1,
        "features": {VIDEO_KEY: {"shape": [48, 64, 3], "info": {"video.pix_fmt": "yuv420p"}}},
    },
    "stats.json": {VIDEO_KEY: _PICTURES, **dict.fromkeys(_NUMBERS, number_statistics(np.arange(3)))},
    "odyssey.json": {
        "format": 1,
        "flagged": ["walk", "run"],
        "episodes": [
            {
                "episode_index": 0,
                "episode": "walk",
                "stream_id": "s",
                "crc32": "0badcafe",
                "frames": 3,
                "losses": {"guessed_times": 2},
                "notes": {},
            }
        ],
    },
}


def _tasks() -> bytes:
    """Return a table of tasks."""
    # The other pools reserve more address space than the targets may use.
    pa.set_memory_pool(pa.system_memory_pool())
    with tempfile.TemporaryDirectory() as name:
        write_tasks(Path(name) / "tasks.parquet", ["a fox"])
        return (Path(name) / "tasks.parquet").read_bytes()


_TASKS = _tasks()


def _in_folder(use: Callable[[Path, bytes], None]) -> Callable[[bytes], None]:
    """Return a parser that has an empty folder, in memory where the system has such a folder."""

    def parse(data: bytes) -> None:
        memory = Path("/dev/shm")  # noqa: S108 - the name is a new one
        parent = memory if os.access(memory, os.W_OK) else None
        folder = Path(tempfile.mkdtemp(prefix="odyssey_fuzz_", dir=parent))
        try:
            use(folder, data)
        finally:
            shutil.rmtree(folder)

    return parse


def _settings(folder: Path, data: bytes) -> None:
    (folder / "odyssey_export.json").write_bytes(data)
    (folder / "README.md").touch()  # an export without content accepts other settings
    with ExportFolder(folder, "lerobot", {"gop": 2, "split": "a=1", "split-by": None}):
        check((folder / "odyssey_export.json").read_bytes() == data, "the settings were written again")


def _staged(folder: Path, data: bytes) -> None:
    (folder / "episode.json").write_bytes(data)
    result = read_staged(folder)
    check_number(result.frames, "the number of frames", least=1, most=1 << 31)
    check_number(result.rate, "the rate", least=1, most=1 << 31)
    for first, prompt in result.prompts:
        check_number(first, "the first frame of a prompt", least=0, most=1 << 31)
        check(isinstance(prompt, str), "a prompt that is no text")


def _moves(folder: Path, data: bytes) -> None:
    (folder / "out").mkdir()
    commit = folder / "out" / ".work" / "commit"
    commit.mkdir(parents=True)
    (commit / "moves.json").write_bytes(data)
    (commit / "0").write_bytes(b"0")
    finish_commit(folder / "out", folder / "out" / ".work")
    check([path.name for path in folder.iterdir()] == ["out"], "a file outside of the output folder")


def _meta(name: str) -> Callable[[Path, bytes], None]:
    def use(folder: Path, data: bytes) -> None:
        (folder / "meta").mkdir()
        for other, content in _META.items():
            (folder / "meta" / other).write_text(json.dumps(content))
        (folder / "meta" / "tasks.parquet").write_bytes(_TASKS)
        (folder / "meta" / name).write_bytes(data)
        state = DatasetState(folder, PurePosixPath(), "", None, "1.0")
        check(state.frames == 3, "another number of frames")

    return use


TARGETS = [
    FuzzTarget("export_settings", damaged_json(_SETTINGS), _in_folder(_settings), (StateError,), share=0.3),
    FuzzTarget("staged_episode", damaged_json(_STAGED), _in_folder(_staged), (StateError,), share=0.5),
    FuzzTarget(
        "export_moves",
        damaged_json([["commit/0", "data/file-000.parquet"], ["staged/a/video.mp4", "video.mp4"]]),
        _in_folder(_moves),
        (StateError, OSError),
        clean_refusals=False,
        share=0.3,
    ),
    *(
        FuzzTarget(
            f"lerobot_{name.partition('.')[0]}",
            damaged_json(content),
            _in_folder(_meta(name)),
            (StateError,),
            memory_mib=512,
            share=0.2,
        )
        for name, content in _META.items()
    ),
]
