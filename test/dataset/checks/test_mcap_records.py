"""Records of files that are cut off or damaged."""

from __future__ import annotations

import io
import struct

import pytest
from mcap import records
from mcap.opcode import Opcode

from odyssey_ros.dataset.checks.mcap_records import (
    MAGIC,
    MAX_RECORD_BYTES,
    BrokenFileError,
    RawRecord,
    RecordReader,
    opcode_name,
)


def _reader(data: bytes, size: int | None = None) -> RecordReader:
    return RecordReader(io.BytesIO(data), len(data) if size is None else size, lambda: None)


def _header(profile: bytes = b"ros2") -> bytes:
    body = struct.pack("<I", len(profile)) + profile + struct.pack("<I", 1) + b"x"
    return struct.pack("<BQ", Opcode.HEADER, len(body)) + body


def test_a_record_is_read_and_parsed() -> None:
    reader = _reader(MAGIC + _header() + MAGIC)
    assert reader.magic()
    record = reader.record("")
    assert (record.offset, record.end, record.name) == (8, 8 + len(_header()), "HEADER")
    assert record.parsed(records.Header.read) == records.Header("ros2", "x")
    assert reader.magic()
    assert not reader.magic()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "it ends at byte 0: the end"),
        (_header()[:5], "it ends at byte 5: the end"),
        (_header()[:-1], "it ends at byte 21, but the record HEADER at byte 0 has 13 bytes: the end"),
    ],
)
def test_a_file_that_is_cut_off(data: bytes, text: str) -> None:
    with pytest.raises(BrokenFileError) as caught:
        _reader(data).record("the end")
    assert str(caught.value) == text


def test_a_length_that_is_too_large_allocates_nothing() -> None:
    with pytest.raises(BrokenFileError, match="has 268435457 bytes"):
        _reader(struct.pack("<BQ", Opcode.CHUNK, MAX_RECORD_BYTES + 1), 1 << 40).record("")


def test_a_file_that_is_shorter_than_its_size() -> None:
    """The file is cut while it is read."""
    with pytest.raises(BrokenFileError, match="it ends at byte 9"):
        _reader(struct.pack("<BQ", Opcode.CHUNK, 1000), 1 << 20).record("")


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff" * 8, _header()[9:] + b"\0", _header(b"\xff\xfe")[9:], struct.pack("<II", 0, 9)],
)
def test_damaged_contents(body: bytes) -> None:
    with pytest.raises(BrokenFileError, match="the record HEADER at byte 7 is damaged"):
        RawRecord(7, Opcode.HEADER, body).parsed(records.Header.read)


def test_the_length_inside_of_a_chunk() -> None:
    body = struct.pack("<QQQIIQ", 0, 0, 3, 0, 0, 3)
    assert RawRecord(0, Opcode.CHUNK, body + b"abc").parsed(records.Chunk.read).data == b"abc"
    for data in (b"ab", b"abcd"):
        with pytest.raises(BrokenFileError, match="its length is wrong"):
            RawRecord(0, Opcode.CHUNK, body + data).parsed(records.Chunk.read)


def test_unknown_kinds_have_a_name() -> None:
    assert opcode_name(5) == "MESSAGE"
    assert opcode_name(200) == "of the unknown kind 200"
