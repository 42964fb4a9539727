"""Compressed data is read within limits."""

from __future__ import annotations

import io
import zlib

import lz4.frame
import pytest
import zstandard
from mcap.records import Chunk

from odyssey_ros.dataset.recorded import decompression
from odyssey_ros.dataset.recorded.decompression import CompressionError, chunk_content, unzstd, unzstd_file

TEXT = b"a fox in the rain " * 1000


def _streamed(data: bytes) -> bytes:
    """Return zstd data that does not tell the size of its content."""
    out = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(out, closefd=False) as writer:
        writer.write(data)
    return out.getvalue()


def _chunk(data: bytes, compression: str, size: int = len(TEXT), crc: int = zlib.crc32(TEXT)) -> Chunk:
    return Chunk(compression, data, 0, 0, crc, size)


@pytest.mark.parametrize("data", [zstandard.compress(TEXT), _streamed(TEXT)])
def test_zstd(data: bytes) -> None:
    assert unzstd(data) == TEXT
    assert unzstd_file(io.BytesIO(data)).read() == TEXT


def test_zstd_that_is_too_large_or_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompression, "MAX_BYTES", 1000)
    whole = zstandard.compress(TEXT)
    for data in (whole, _streamed(TEXT), whole[:20], b"\x28\xb5\x2f\xfd", b"", b"noise"):
        with pytest.raises(CompressionError):
            unzstd(data)


@pytest.mark.parametrize(
    "chunk",
    [
        _chunk(TEXT, ""),
        _chunk(zstandard.compress(TEXT), "zstd"),
        _chunk(lz4.frame.compress(TEXT), "lz4", crc=0),
    ],
)
def test_chunks(chunk: Chunk) -> None:
    assert chunk_content(chunk) == TEXT


@pytest.mark.parametrize(
    "chunk",
    [
        _chunk(TEXT, "", crc=1),
        _chunk(TEXT, "", size=5),
        _chunk(TEXT, "", size=1 << 40),
        _chunk(TEXT, "bz2"),
        _chunk(zstandard.compress(TEXT)[:-5], "zstd"),
        _chunk(lz4.frame.compress(TEXT), "lz4", size=100),
        _chunk(lz4.frame.compress(TEXT)[:-9], "lz4"),
        _chunk(b"noise", "lz4"),
    ],
)
def test_damaged_chunks(chunk: Chunk) -> None:
    with pytest.raises(CompressionError):
        chunk_content(chunk)
