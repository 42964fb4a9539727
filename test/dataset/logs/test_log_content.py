"""Contents of logs that are stored or sent compressed."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.logs.log_content import MAX_LOG_BYTES, LogContent, decompressed, read_log

if TYPE_CHECKING:
    from pathlib import Path

TEXT = b'{"t": 0, "type": "start", "prompt": "a cat"}\n' * 50
GZIP = gzip.compress(TEXT, mtime=0)
UTF_16 = TEXT.decode().encode("utf-16")
MARKED = b"\xef\xbb\xbf{}\n"
RAW_DEFLATE = zlib.compress(TEXT)[2:-4]


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (TEXT, TEXT),
        (b"", b""),
        (GZIP, TEXT),
        (GZIP + GZIP, TEXT + TEXT),
        (GZIP + bytes(64), TEXT),
        (gzip.compress(GZIP, mtime=0), TEXT),
        *((zlib.compress(TEXT, level), TEXT) for level in (1, 5, 6, 9)),
        (RAW_DEFLATE, TEXT),
        (zlib.compress(UTF_16)[2:-4], UTF_16),
        (zlib.compress(MARKED)[2:-4], MARKED),
        (MARKED, MARKED),
        *((blank + TEXT, blank + TEXT) for blank in (b"\n", b"\r\n", b" ", b"\t", b"[")),
        (b"<html>no log</html>", b"<html>no log</html>"),
        (b"x\x9c is not compressed", b"x\x9c is not compressed"),
    ],
)
def test_contents(data: bytes, content: bytes) -> None:
    assert decompressed(data) == LogContent(content)


def test_a_cut_off_log_is_read_as_far_as_it_goes() -> None:
    content = decompressed(GZIP[:-20])
    assert content.cut_off
    assert TEXT.startswith(content.data)
    assert decompressed(GZIP[:-4]) == LogContent(TEXT, cut_off=True)  # a part of the checksum is missing
    assert decompressed(gzip.compress(GZIP, mtime=0)[:-1]).cut_off
    assert decompressed(RAW_DEFLATE[:-4]).cut_off


@pytest.mark.parametrize(
    ("data", "code", "text"),
    [
        (GZIP[:-8] + bytes(8), ErrorCode.WRONG_CHECKSUM, "is damaged"),
        (GZIP[:12] + b"\xff" + GZIP[13:], ErrorCode.WRONG_CHECKSUM, "is damaged"),
        (GZIP + b"more", ErrorCode.WRONG_CHECKSUM, "is followed by other data"),
        (
            gzip.compress(gzip.compress(GZIP, mtime=0), mtime=0),
            ErrorCode.INVALID_RESPONSE,
            "more than 2 times",
        ),
        (b"\x28\xb5\x2f\xfd\0", ErrorCode.INVALID_RESPONSE, "'zstd', which is not read: store it"),
        (
            gzip.compress(bytes(MAX_LOG_BYTES + 1), mtime=0),
            ErrorCode.WRONG_SIZE,
            "larger than 8 MiB decompressed",
        ),
        (
            gzip.compress(bytes(MAX_LOG_BYTES), mtime=0) + GZIP,
            ErrorCode.WRONG_SIZE,
            "larger than 8 MiB decompressed",
        ),
    ],
)
def test_contents_that_are_refused(data: bytes, code: ErrorCode, text: str) -> None:
    with pytest.raises(EpisodeError, match=text) as caught:
        decompressed(data)
    assert caught.value.code is code


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "log.events.jsonl"
    path.write_bytes(GZIP)
    assert read_log(path).data == TEXT
    for wrong, code in ((tmp_path, ErrorCode.DISK_FAILED), (tmp_path / "none", ErrorCode.DISK_FAILED)):
        with pytest.raises(EpisodeError) as caught:
            read_log(wrong)
        assert caught.value.code is code
