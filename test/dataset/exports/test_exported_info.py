"""The file `meta/info.json` of exported datasets."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from exported_dataset_files import KEY, write_dataset
from odyssey_ros.dataset.errors import ExportedDatasetError
from odyssey_ros.dataset.exports.exported_info import ExportedInfo, read_info

if TYPE_CHECKING:
    from pathlib import Path

DEPTH = {"dtype": "video", "shape": [1], "info": {"is_depth_map": True}}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("exported") / "set", [["a"] * 3, ["b"] * 2], fps=7)


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return shutil.copytree(written, tmp_path / "set")


def change(folder: Path, **changes: Any) -> None:
    path = folder / "meta" / "info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_dataset(folder: Path) -> None:
    assert read_info(folder) == ExportedInfo(7, 2, 5, (KEY,))
    change(
        folder, fps=30.0, features={"depth": DEPTH, "left": {"dtype": "video"}, "state": {"dtype": "float32"}}
    )
    assert read_info(folder) == ExportedInfo(30, 2, 5, ("left",))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"codebase_version": "v2.1"}, "its codebase_version is not v3.0"),
        ({"fps": 0}, "fps has to be a whole number from 1 to 1000"),
        ({"fps": 29.97}, "fps has to be"),
        ({"fps": True}, "fps has to be"),
        ({"fps": float("nan")}, "fps has to be"),
        ({"total_episodes": -1}, "total_episodes has to be"),
        ({"total_frames": "5"}, "total_frames has to be"),
        ({"total_episodes": 10**30}, "total_episodes has to be"),
        ({"features": []}, "it has no features"),
        ({"features": {"../a": {"dtype": "video"}}}, "unusable name"),
        ({"features": {"..": {"dtype": "video"}}}, "unusable name"),
        ({"features": {"task": {"dtype": "video"}}}, "unusable name"),
        ({"video_path": "/etc/{video_key}"}, "not the usual one"),
        ({"data_path": "{chunk_index:1000000000}"}, "not the usual one"),
    ],
)
def test_other_values(folder: Path, changes: dict[str, Any], reason: str) -> None:
    change(folder, **changes)
    with pytest.raises(ExportedDatasetError, match=reason):
        read_info(folder)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, "\xff", "{}"])
def test_other_contents(folder: Path, text: str) -> None:
    (folder / "meta" / "info.json").write_text(text, encoding="latin-1")
    with pytest.raises(ExportedDatasetError, match=r"info\.json cannot be used"):
        read_info(folder)


def test_other_folders(tmp_path: Path) -> None:
    with pytest.raises(ExportedDatasetError, match=r"is no LeRobotDataset: .* Name the folder that contains"):
        read_info(tmp_path)
    with pytest.raises(ExportedDatasetError, match="No such file"):
        read_info(tmp_path / "nowhere")


def test_a_folder_that_is_not_exported_yet(tmp_path: Path) -> None:
    recorded = tmp_path / "my walks"
    recorded.mkdir()
    (recorded / "manifest.jsonl").touch()
    with pytest.raises(ExportedDatasetError, match=r"export lerobot '.*my walks' -o OUT`, and name OUT$"):
        read_info(recorded)


def test_an_export_that_is_split(tmp_path: Path, folder: Path) -> None:
    for name in ("704x1280", "1280x704"):
        (tmp_path / "split" / name).mkdir(parents=True)
        (tmp_path / "split" / name / "meta").symlink_to(folder / "meta")
    (tmp_path / "split" / "notes").mkdir()
    with pytest.raises(ExportedDatasetError, match=r"Name one of the datasets in it: 1280x704, 704x1280$"):
        read_info(tmp_path / "split")
