"""Adding up what the tables of MP4 files announce."""

from __future__ import annotations

import io
import struct

import pytest

from odyssey_ros.dataset.videos import mp4_tables
from odyssey_ros.dataset.videos.mp4_tables import MAX_FRAMES, MAX_TRACKS, TableLimitError, check_tables


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + kind + data


def stsz(samples: int) -> bytes:
    return box(b"stsz", struct.pack(">III", 0, 1, samples))


def check(data: bytes) -> None:
    check_tables(io.BytesIO(box(b"ftyp", b"") + data))


@pytest.mark.parametrize(
    "before", [0, (1 << 20) - 40, (1 << 20) - 16, (1 << 20) - 12, (1 << 20) - 8, 3 << 20]
)
def test_a_table_is_found_once_wherever_it_is(before: int) -> None:
    padding = bytes(before)
    check(box(b"moov", padding + stsz(MAX_FRAMES) + bytes(100)))
    with pytest.raises(TableLimitError, match="2000001 frames"):
        check(box(b"moov", padding + stsz(MAX_FRAMES + 1)))


def test_the_samples_of_all_tables_are_added() -> None:
    with pytest.raises(TableLimitError, match="2000002 frames"):
        check(box(b"moov", stsz(1_000_001)) + box(b"moof", stsz(1_000_001)))
    with pytest.raises(TableLimitError, match="2000001 frames"):
        check(box(b"moof", box(b"trun", struct.pack(">II", 0, MAX_FRAMES + 1))))


def test_tracks_and_boxes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    check(box(b"moov", box(b"trak", b"") * MAX_TRACKS))
    with pytest.raises(TableLimitError, match="more than 16 tracks"):
        check(box(b"moov", box(b"trak", b"") * (MAX_TRACKS + 1)))
    monkeypatch.setattr(mp4_tables, "_MAX_BOXES", 5)
    with pytest.raises(TableLimitError, match="more than 5 boxes"):
        check(box(b"free", b"") * 5)


def test_a_compressed_header_is_refused() -> None:
    with pytest.raises(TableLimitError, match="compressed header"):
        check(box(b"moov", box(b"cmov", b"")))


def test_media_data_are_not_searched() -> None:
    data = stsz(MAX_FRAMES + 1)
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + len(data)) + data
    last = struct.pack(">I4s", 0, b"mdat") + data
    check(box(b"mdat", data) + large + last)


@pytest.mark.parametrize("size", [0, 1, 2, 7, 2**31, 2**32 - 1])
def test_any_box_size_ends(size: int) -> None:
    check(struct.pack(">I4s", size, b"moov") + bytes(20))
