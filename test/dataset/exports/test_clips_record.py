"""Records of episodes: what was written is read again, and anything else is refused."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest

from odyssey_ros.dataset.errors import StateError
from odyssey_ros.dataset.exports.clips_cuts import Omission
from odyssey_ros.dataset.exports.clips_record import (
    ClipRow,
    EpisodeRecord,
    OmissionNote,
    parsed_record,
    read_record,
)

if TYPE_CHECKING:
    from pathlib import Path

ROW = ClipRow(
    file_name="walk-000.mp4",
    text="a “fox”\nin\u2028the rain 🦊",
    episode="walk",
    stream_id="stream",
    prompt_number=0,
    first_frame=0,
    last_frame=8,
    frames=9,
    fps=20,
    width=320,
    height=192,
    stamp_ns=1_700_000_000_123_456_789,
    copied=True,
    repeated_frames=0,
    dropped_frames=0,
)
RECORD = EpisodeRecord(
    "walk",
    "0123abcd",
    "320x192/train",
    (ROW, replace(ROW, file_name="walk-001.mp4")),
    (
        OmissionNote(2, 18, 19, "too_short", ""),
        OmissionNote(3, 20, 29, "missing_frames", "1 frames are missing"),
    ),
)


def test_a_record_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "walk.json").write_bytes(RECORD.to_bytes())
    assert read_record(tmp_path / "walk.json") == RECORD
    assert RECORD.counts() == {Omission.TOO_SHORT: 1, Omission.MISSING_FRAMES: 1}


def test_a_row_is_one_line_of_json() -> None:
    line = ROW.to_line()
    assert line.count("\n") == 1
    assert json.loads(line) == asdict(ROW)
    assert (ROW.stem, ROW.caption_name) == ("walk-000", "walk-000.txt")


def damaged(**values: Any) -> bytes:
    return json.dumps({**json.loads(RECORD.to_bytes()), **values}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        damaged(format=2),
        damaged(episode=1),
        damaged(clips=None),
        damaged(clips=[{}]),
        damaged(clips=[{**asdict(ROW), "frames": "9"}]),
        damaged(clips=[{**asdict(ROW), "frames": True}]),
        damaged(clips=[{**asdict(ROW), "file_name": "../walk-000.mp4"}]),
        damaged(clips=[{**asdict(ROW), "file_name": "walk-000.txt"}]),
        damaged(left_out=[{**asdict(RECORD.left_out[0]), "reason": "unknown"}]),
        damaged(dataset="../elsewhere"),
        damaged(dataset="/elsewhere"),
        damaged(more=1),
    ],
)
def test_what_is_no_record_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        parsed_record(data)
    (tmp_path / "walk.json").write_bytes(data)
    with pytest.raises(StateError, match=r"walk\.json is damaged"):
        read_record(tmp_path / "walk.json")


def test_a_record_that_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be read"):
        read_record(tmp_path / "absent.json")
