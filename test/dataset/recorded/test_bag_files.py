"""The bags that a path names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.recorded.bag_files import RecordedBag, recorded_bags

if TYPE_CHECKING:
    from pathlib import Path


def _touch(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return [folder / name for name in names]


def test_the_files_of_a_bag_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    files = _touch(tmp_path / "run", "run_2.mcap", "run_9.mcap", "run_10.mcap")
    _touch(tmp_path / "run", "metadata.yaml", "notes.txt")
    assert recorded_bags([tmp_path / "run"], tmp_path / "out") == [RecordedBag("run", tuple(files))]
    assert recorded_bags([tmp_path / "run" / "metadata.yaml"], tmp_path / "out") == [
        RecordedBag("run", tuple(files))
    ]


def test_a_folder_of_bags_and_the_same_bag_twice(tmp_path: Path) -> None:
    (one,) = _touch(tmp_path / "one", "one_0.db3.zstd")
    (two,) = _touch(tmp_path / "deep" / "two", "two_0.db3")
    _touch(tmp_path / ".hidden", "hidden_0.mcap")
    found = recorded_bags([two, tmp_path], tmp_path / "out")
    assert found == [RecordedBag("two_0.db3", (two,)), RecordedBag("one", (one,))]


def test_a_compressed_file_replaces_its_original(tmp_path: Path) -> None:
    _touch(tmp_path, "run_0.mcap", "run_0.mcap.zstd")
    (bag,) = recorded_bags([tmp_path], tmp_path / "out")
    assert [path.name for path in bag.files] == ["run_0.mcap.zstd"]


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("relative_file_paths: [run_0.mcap, sub/run_1.mcap, run_2.mcap]", 1),
        ("relative_file_paths: 7", 0),
        ("[" * 5000, 0),
        ("\x00", 0),
    ],
)
def test_files_that_the_metadata_names_are_missing(text: str, missing: int, tmp_path: Path) -> None:
    _touch(tmp_path, "run_0.mcap", "run_1.mcap.zstd")
    (tmp_path / "metadata.yaml").write_text(f"rosbag2_bagfile_information:\n  {text}\n")
    assert recorded_bags([tmp_path], tmp_path / "out")[0].missing == missing


def test_no_bag(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path, *_touch(tmp_path, "run.bag")):
        with pytest.raises(PlanError, match=str(path)):
            recorded_bags([path], tmp_path / "out")


def test_the_bags_of_the_dataset_are_no_recordings(tmp_path: Path) -> None:
    (run,) = _touch(tmp_path / "run", "run_0.mcap")
    (own,) = _touch(tmp_path / "out" / "episodes" / "stream", "stream_0.mcap")
    _touch(tmp_path / "out" / "work" / "unpacked-1", "run_0.db3")
    assert recorded_bags([tmp_path], tmp_path / "out") == [RecordedBag("run", (run,))]
    (tmp_path / "link").symlink_to(tmp_path / "out")
    for path in (tmp_path / "out", own, tmp_path / "link"):
        with pytest.raises(PlanError, match="has no bag"):
            recorded_bags([path], tmp_path / "out")
    assert len(recorded_bags([tmp_path / "out" / "episodes"], tmp_path / "other")) == 1
