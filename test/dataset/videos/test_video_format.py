"""Recognizing the container format."""

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


def test_tables_above_a_limit_are_refused() -> None:
    start = box(b"ftyp", b"")
    assert recognized(start + box(b"moov", stsz(MAX_FRAMES))) == "mov"
    with pytest.raises(EpisodeError, match="2000001 frames") as caught:
        recognized(start + box(b"moov", stsz(MAX_FRAMES + 1)))
    assert caught.value.code is ErrorCode.VIDEO_UNSUPPORTED
