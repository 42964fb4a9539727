"""Frames of exported datasets: the right picture and labels for any order of access, in any process."""

from __future__ import annotations

import os
import pickle
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from exported_dataset_files import KEY, write_dataset
from exported_dataset_numbers import HEIGHT, WIDTH, number_of
from lerobot_python import TOP, lerobot_python, run_python
from odyssey_ros.dataset.errors import ExportedDatasetError, ExportedVideoError
from odyssey_ros.dataset.exports import picture_seeker
from odyssey_ros.dataset.exports.exported_dataset import ExportedDataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROMPTS = [["a fox"] * 7 + ["it “rains”"] * 5, ["it “rains”"] * 9, ["", "snow"] * 4]
FLAT = [prompt for episode in PROMPTS for prompt in episode]
COUNT = len(FLAT)
LAYOUTS: dict[str, dict[str, Any]] = {
    "gop_2": {},
    "one_key_frame": {"gop": 100},
    "shared_files": {"shared": True},
    "two_cameras": {"cameras": (KEY, "observation.images.left")},
}
OTHER_PACKAGES = (
    "aiohttp,aiortc,httpx,jwt,mcap,rosbags,simplejpeg,websockets,yaml,PIL,rich,torch,lerobot,pandas"
)


@pytest.fixture(scope="module", params=list(LAYOUTS))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("exported") / "set", PROMPTS, **LAYOUTS[request.param])


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "set", PROMPTS)


def check_item(dataset: ExportedDataset, number: int) -> None:
    item = dataset[number]
    episode = next(each for each in reversed(dataset.episodes) if each.first <= number)
    assert {number_of(item[camera]) for camera in dataset.camera_keys} == {number}
    assert item["index"] == number
    assert item["episode_index"] == episode.index
    assert item["frame_index"] == number - episode.first
    assert item["timestamp"] == np.float32((number - episode.first) / 10)
    assert item["task"] == dataset.tasks[item["task_index"]] == FLAT[number]


def test_each_frame_in_any_order(folder: Path) -> None:
    dataset = ExportedDataset(folder)
    generator = random.Random(5)
    orders = [range(COUNT), reversed(range(COUNT)), generator.choices(range(COUNT), k=60)]
    for order in orders:
        for number in order:
            check_item(dataset, number)


def test_the_dataset_itself(folder: Path) -> None:
    dataset = ExportedDataset(str(folder))
    assert len(dataset) == COUNT
    assert dataset.fps == 10
    assert list(dataset.tasks) == ["a fox", "it “rains”", "", "snow"]
    assert [(each.first, each.length) for each in dataset.episodes] == [(0, 12), (12, 9), (21, 8)]


def test_shapes_and_types(small: Path) -> None:
    item = ExportedDataset(small)[3]
    assert list(item) == [KEY, "timestamp", "frame_index", "episode_index", "index", "task_index", "task"]
    assert (item[KEY].dtype, item[KEY].shape) == (np.float32, (3, HEIGHT, WIDTH))
    assert 0 < item[KEY].min() < item[KEY].max() < 1
    assert item["timestamp"].dtype == np.float32
    assert all(item[name].dtype == np.int64 for name in ("frame_index", "index", "task_index"))
    pixels = ExportedDataset(small, return_uint8=True)[3][KEY]
    assert (pixels.dtype, pixels.shape, pixels.flags.c_contiguous) == (np.uint8, (3, HEIGHT, WIDTH), True)
    assert np.array_equal(pixels / np.float32(255), item[KEY])


def test_indexes(small: Path) -> None:
    dataset = ExportedDataset(small)
    assert dataset[-1]["index"] == COUNT - 1
    assert dataset[-COUNT]["index"] == 0
    assert dataset[np.int64(4)]["index"] == 4
    for wrong in (COUNT, -COUNT - 1, 10**20):
        with pytest.raises(IndexError, match=f"there is no frame {wrong}: the dataset has {COUNT} frames"):
            dataset[wrong]
    indexes: list[Any] = [slice(0, 2), 1.0, "1", None]
    for index in indexes:
        with pytest.raises(TypeError, match=r"has to be a whole number, not .* use"):
            dataset[index]
    assert [item["index"] for item in iter_of(dataset)] == list(range(COUNT))


def iter_of(dataset: Any) -> Iterator[dict[str, Any]]:
    """Iterate as `for item in dataset` does for an object without `__iter__`."""
    return iter(dataset)


def test_an_empty_dataset(small: Path) -> None:
    info = small / "meta" / "info.json"
    text = info.read_text()
    info.write_text(text.replace('"total_episodes": 3', '"total_episodes": 0').replace(f": {COUNT},", ": 0,"))
    dataset = ExportedDataset(small)
    assert len(dataset) == len(dataset.episodes) == 0
    with pytest.raises(IndexError, match="there is no frame 0"):
        dataset[0]


def test_a_copy_opens_its_own_files(small: Path) -> None:
    dataset = ExportedDataset(small)
    check_item(dataset, 2)
    data = pickle.dumps(dataset)
    copy = pickle.loads(data)
    for number in (3, 25):
        check_item(copy, number)
        check_item(dataset, number)
    assert len(data) < 20_000


def test_a_fork_reads_from_its_own_files_and_needs_few_packages(tmp_path: Path) -> None:
    """The environment of a trainer has neither the packages of this one, nor necessarily PyTorch."""
    folder = write_dataset(tmp_path / "set", [["a"] * 150], noise=40)
    video = next(folder.glob("videos/*/*/*.mp4"))
    assert video.stat().st_size > 100_000  # FFmpeg reads 32 KiB ahead
    support = TOP / "test" / "support"
    script = support / "read_in_two_processes.py"
    run_python(sys.executable, support / "without_packages.py", OTHER_PACKAGES, script, folder)


def test_a_bounded_number_of_videos_is_open(tmp_path: Path) -> None:
    dataset = ExportedDataset(write_dataset(tmp_path / "set", [["a"] * 2] * 12))
    for number in [*range(24), *range(24)]:
        assert number_of(dataset[number][KEY]) == number
        opened = [os.path.realpath(path) for path in Path("/proc/self/fd").iterdir()]
        assert sum(path.startswith(str(tmp_path)) for path in opened) <= 8


def test_reading_in_order_decodes_each_picture_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = ExportedDataset(write_dataset(tmp_path / "set", [["a"] * 40], gop=100))
    decoded = []
    pictures = picture_seeker._pictures

    def counted(*arguments: Any) -> Iterator[Any]:
        for frame in pictures(*arguments):
            decoded.append(frame.pts)
            yield frame

    monkeypatch.setattr(picture_seeker, "_pictures", counted)
    for number in range(40):
        assert number_of(dataset[number][KEY]) == number
    assert len(decoded) == 40


def test_a_broken_video_does_not_affect_other_episodes(small: Path) -> None:
    video = small / "videos" / KEY / "chunk-000" / "file-001.mp4"
    data = video.read_bytes()
    dataset = ExportedDataset(small)
    for content in (b"", data[:300], data[: len(data) // 2], bytes(len(data))):
        video.write_bytes(content)
        with pytest.raises(ExportedVideoError, match=r"file-001\.mp4 "):
            dataset[15]
        check_item(dataset, 3)
    video.unlink()
    with pytest.raises(ExportedDatasetError, match=r"file-001\.mp4 cannot be read: No such file"):
        dataset[15]
    os.mkfifo(video)
    with pytest.raises(ExportedDatasetError, match="not a regular file"):
        dataset[15]
    video.unlink()
    video.write_bytes(data)
    check_item(dataset, 15)


@pytest.mark.parametrize("gop", [None, 2])
def test_exports_of_this_package(
    gop: int | None,
    walks: Callable[..., Path],
    export_lerobot: Callable[..., Any],
    counter_of: Callable[[Any], int],
    tmp_path: Path,
) -> None:
    """Copied and encoded; the prompt changes at frame 10 of 24."""
    export_lerobot(walks("a", "b"), tmp_path / "out", gop=gop)
    dataset = ExportedDataset(tmp_path / "out", return_uint8=True)
    assert (len(dataset), dataset.fps, list(dataset.camera_keys)) == (48, 20, [KEY])
    for number in (0, 30, 31, 9, 10, 23, 24, 47):
        item = dataset[number]
        assert counter_of(item[KEY].transpose(1, 2, 0)) == item["frame_index"] == number % 24
        assert item["task"] == ("a fox" if number % 24 < 10 else "it “rains”")


def test_items_and_batches_equal_those_of_lerobot(tmp_path: Path) -> None:
    """Also for PyTorch's loader with worker processes, in the environment of `lerobot`."""
    interpreter = lerobot_python()
    folder = write_dataset(tmp_path / "set", PROMPTS, shared=True, gop=100)
    output = run_python(interpreter, TOP / "test" / "support" / "compare_with_lerobot.py", folder)
    assert output.splitlines() == [f"equal: {COUNT}"] * 2
