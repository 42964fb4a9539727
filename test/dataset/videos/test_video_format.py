"""Recognizing the container format, and adding up the tables of MP4 files."""

from __future__ import annotations

import io
import struct

import pytest

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.videos.video_format import MAX_FRAMES, recognize_format


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + kind + data


def stsz(samples: int) -> bytes:
    return box(b"stsz", struct.pack(">III", 0, 1, samples))


def recognized(data: bytes) -> str:
    return recognize_format(io.BytesIO(data))


def test_formats_are_recognized_by_content() -> None:
    assert recognized(b"\x1a\x45\xdf\xa3" + bytes(20)) == "matroska"
    assert recognized(box(b"ftyp", b"isom")) == "mov"
    assert recognized(box(b"moov", b"")) == "mov"
    packet = b"\x47" + bytes(187)
    assert recognized(3 * packet) == "mpegts"


@pytest.mark.parametrize(
    "data", [b"", b"\x1a\x45", b"RIFF....AVI ", b"ffconcat version 1.0", b"G" * 200, bytes(600)]
)
def test_other_content_is_refused(data: bytes) -> None:
    with pytest.raises(
        EpisodeError, match="not an MP4, QuickTime, Matroska, WebM or MPEG-TS video"
    ) as caught:
        recognized(data)
    assert caught.value.code is ErrorCode.VIDEO_BROKEN


@pytest.mark.parametrize(
    "before", [0, (1 << 20) - 40, (1 << 20) - 16, (1 << 20) - 12, (1 << 20) - 8, 3 << 20]
)
def test_a_table_is_found_once_wherever_it_is(before: int) -> None:
    start = box(b"ftyp", b"")
    padding = bytes(before)
    assert recognized(start + box(b"moov", padding + stsz(MAX_FRAMES) + bytes(100))) == "mov"
    with pytest.raises(EpisodeError, match="2000001 frames") as caught:
        recognized(start + box(b"moov", padding + stsz(MAX_FRAMES + 1)))
    assert caught.value.code is ErrorCode.VIDEO_UNSUPPORTED


def test_the_samples_of_all_tables_are_added() -> None:
    with pytest.raises(EpisodeError, match="2000002 frames"):
        recognized(box(b"ftyp", b"") + box(b"moov", stsz(1_000_001)) + box(b"moof", stsz(1_000_001)))


def test_media_data_are_not_searched() -> None:
    data = stsz(MAX_FRAMES + 1)
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + len(data)) + data
    last = struct.pack(">I4s", 0, b"mdat") + data
    assert recognized(box(b"ftyp", b"") + box(b"mdat", data) + large + last) == "mov"


@pytest.mark.parametrize("size", [0, 1, 2, 7, 2**31, 2**32 - 1])
def test_any_box_size_ends(size: int) -> None:
    assert recognized(box(b"ftyp", b"") + struct.pack(">I4s", size, b"moov") + bytes(20)) == "mov"
