"""The scan of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from live_bags import CAMERA_INFO, FRAME_INFO, LiveMessage, LiveStream, write_mcap
from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.manifest import crc32_of
from odyssey_ros.dataset.messages import Header, camera_info, frame_info, typestore
from odyssey_ros.dataset.recorded import file_scan
from odyssey_ros.dataset.recorded.file_scan import FileScan, ScanTask, scan_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


def _scan(folder: Path, found: Iterable[LiveMessage]) -> FileScan:
    path = write_mcap(folder / "run.mcap", found)
    return scan_file(ScanTask(path, 0, "run.mcap", folder))


def _label(at: int, prompt: str = "a fox", index: int | None = None, media_ns: int = 5) -> LiveMessage:
    data = frame_info(Header(10**18 + at, "f"), "s", at if index is None else index, media_ns, prompt)
    return LiveMessage("/a/frame_info", FRAME_INFO, 10**18 + at, data)


def test_labels_pictures_and_events(make_video: Callable[..., Path], tmp_path: Path) -> None:
    scan = _scan(tmp_path, LiveStream(make_video(), pictures=("ffmpeg", "raw")).messages())
    labels = scan.labels["/odyssey/frame_info"]
    assert labels.indexes.tolist() == list(range(12))
    assert [scan.texts[place] for place in labels.prompts] == ["a fox"] * 6 + ["it rains"] * 6
    assert scan.stream_ids == ("stream-1",)
    for topic in ("/odyssey/image_raw", "/odyssey/image_raw/ffmpeg"):
        assert sorted(scan.pictures[topic].stamps_ns) == labels.stamps_ns.tolist()
    assert [(event.kind, event.prompt) for event in scan.events] == [(1, "a fox"), (3, "it rains"), (2, "")]
    assert (scan.size, scan.crc32) == (
        (tmp_path / "run.mcap").stat().st_size,
        crc32_of(tmp_path / "run.mcap"),
    )
    assert not scan.is_calibrated
    assert scan.losses == {}


def test_texts_are_cleaned_and_counted_once(tmp_path: Path) -> None:
    scan = _scan(tmp_path, [_label(at, "a\x1b[31m fox\ttail") for at in range(5)])
    assert scan.texts == ("a fox tail",)
    assert scan.losses[Loss.CLEANED_PROMPTS] == 1


def test_values_that_no_frame_has(tmp_path: Path) -> None:
    scan = _scan(tmp_path, [_label(0), _label(1, index=2**63), _label(2)])
    assert len(scan.labels["/a/frame_info"].indexes) == 2
    assert scan.losses[Loss.UNREADABLE_MESSAGES] == 1


def test_padding_that_a_middleware_adds(tmp_path: Path) -> None:
    message = _label(0)
    message.data += bytes(3)
    assert len(_scan(tmp_path, [message]).labels["/a/frame_info"].indexes) == 1


def test_a_calibration(tmp_path: Path) -> None:
    message = typestore().deserialize_cdr(camera_info(Header(10**18, "f"), 64, 48), CAMERA_INFO)
    message.k = np.ones(9)
    data = bytes(typestore().serialize_cdr(message, CAMERA_INFO))
    assert _scan(tmp_path, [LiveMessage("/a/camera_info", CAMERA_INFO, 10**18, data)]).is_calibrated


@pytest.mark.parametrize(("name", "limit"), [("_MAX_ROWS", 5), ("_MAX_TEXT", 500)])
def test_too_much(name: str, limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_scan, name, limit)
    with pytest.raises(EpisodeError) as raised:
        _scan(tmp_path, [_label(at, f"prompt {at}") for at in range(10)])
    assert raised.value.code is ErrorCode.BAG_BROKEN
