"""The ranges that browsers ask for, and the parts that servers send."""

from __future__ import annotations

import pytest

from odyssey_ros.console.server.byte_ranges import (
    ByteRange,
    FilePart,
    requested_range,
    sent_length,
    sent_part,
    unsatisfied_total,
)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-", ByteRange(0, None)),
        ("bytes=5-9", ByteRange(5, 9)),
        ("Bytes=5-5", ByteRange(5, 5)),
        ("bytes=-500", ByteRange(None, 500)),
        ("bytes=-", None),
        ("bytes=9-5", None),
        ("bytes=0-1,4-5", None),
        ("bytes=a-b", None),
        ("bytes=٣-٤", None),
        ("bytes=1234567890123456789-", None),
        ("lines=0-1", None),
        ("bytes=0-\r\nX-Other: 1", None),
    ],
)
def test_requested_range(header: str, expected: ByteRange | None) -> None:
    """One range of bytes is understood, and everything else asks for the whole file."""
    assert requested_range({"Range": header}) == expected


def test_a_condition_on_the_version_asks_for_the_whole_file() -> None:
    """The console sends no version, so no version can still be the same."""
    assert requested_range({"Range": "bytes=5-", "If-Range": '"tag"'}) is None
    assert requested_range({}) is None


@pytest.mark.parametrize("header", ["bytes=5-9", "bytes=5-", "bytes=-500"])
def test_a_range_is_written_as_it_was_read(header: str) -> None:
    """The server gets the range of the browser."""
    wanted = requested_range({"Range": header})
    assert wanted is not None
    assert wanted.header == header


@pytest.mark.parametrize(
    ("content_range", "length", "expected"),
    [
        ("bytes 5-9/20", "5", FilePart(5, 9, 20)),
        ("bytes 5-9/*", "5", FilePart(5, 9, None)),
        ("bytes 5-9/20", None, FilePart(5, 9, 20)),
        ("bytes 5-9/20", "6", None),
        ("bytes 5-20/20", None, None),
        ("bytes 9-5/20", None, None),
        ("bytes */20", None, None),
        ("", None, None),
    ],
)
def test_sent_part(content_range: str, length: str | None, expected: FilePart | None) -> None:
    """Headers that contradict each other are no part."""
    headers = {"content-range": content_range} | ({} if length is None else {"content-length": length})
    assert sent_part(headers) == expected


@pytest.mark.parametrize(
    ("wanted", "part", "expected"),
    [
        (ByteRange(5, None), FilePart(5, 19, 20), True),
        (ByteRange(5, None), FilePart(5, 9, None), True),
        (ByteRange(5, 9), FilePart(5, 9, 20), True),
        (ByteRange(5, 99), FilePart(5, 19, 20), True),
        (ByteRange(5, 9), FilePart(5, 10, 20), False),
        (ByteRange(5, 9), FilePart(0, 9, 20), False),
        (ByteRange(None, 5), FilePart(15, 19, 20), True),
        (ByteRange(None, 99), FilePart(0, 19, 20), True),
        (ByteRange(None, 5), FilePart(14, 18, 20), False),
        (ByteRange(None, 5), FilePart(10, 19, 20), False),
        (ByteRange(None, 5), FilePart(15, 19, None), False),
    ],
)
def test_allowed_parts(wanted: ByteRange, part: FilePart, expected: bool) -> None:
    """A part has to begin where the range does, and may not end after it."""
    assert wanted.allows(part) is expected


def test_lengths() -> None:
    """A length that is no number is unknown."""
    assert FilePart(5, 9, 20).header == "bytes 5-9/20"
    assert FilePart(5, 9, None).header == "bytes 5-9/*"
    assert sent_length({"content-length": "12"}) == 12
    assert sent_length({"content-length": "-1"}) is None
    assert sent_length({}) is None
    assert unsatisfied_total({"content-range": "bytes */20"}) == 20
    assert unsatisfied_total({"content-range": "bytes 1-2/20"}) is None
