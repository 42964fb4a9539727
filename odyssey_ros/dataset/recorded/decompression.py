"""Decompression with limits: neither a chunk, nor a message, nor a file of a bag can fill the memory."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import lz4.frame
import zstandard

if TYPE_CHECKING:
    from mcap.records import Chunk

ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"

MAX_BYTES: Final = 128 * 1024 * 1024
"""Maximum size of a decompressed chunk or message; a raw picture of 4096x2160 has 26 MB."""

_MAX_WINDOW: Final = 1 << 27  # the largest that `zstd` itself accepts without an option


class CompressionError(ValueError):
    """Compressed data is damaged, too large, or of another kind. The text gives the reason."""


def unzstd(data: bytes) -> bytes:
    """Return the content of zstd frames of at most `MAX_BYTES`.

    Raises:
        CompressionError: The data is damaged, or its content is larger.
    """
    try:
        said = zstandard.frame_content_size(data)
        limit = min(said, MAX_BYTES) if said >= 0 else MAX_BYTES
        reader = _decompressor().stream_reader(data, read_across_frames=True)
        content = reader.read(limit + 1)
    except (zstandard.ZstdError, MemoryError) as error:
        raise CompressionError("the zstd data is damaged") from error
    if len(content) > limit:
        raise CompressionError("the zstd data is larger than it says, or than the limit of 128 MiB")
    if said >= 0 and len(content) != said:
        raise CompressionError("the zstd data is cut off")
    return content


def unzstd_file(file: BinaryIO) -> io.BufferedReader:
    """Return a stream of the content of a compressed file. Reading it raises `zstandard.ZstdError`."""
    reader = _decompressor().stream_reader(file, read_across_frames=True, closefd=False)
    return io.BufferedReader(cast("io.RawIOBase", reader), 1 << 20)


def chunk_content(chunk: Chunk) -> bytes:
    """Return the records of a chunk of an MCAP file.

    Raises:
        CompressionError: The chunk is damaged, larger than `MAX_BYTES`, or its compression is not known.
    """
    size = chunk.uncompressed_size
    if size > MAX_BYTES:
        raise CompressionError("the chunk is larger than the limit of 128 MiB")
    if not chunk.compression:
        content = chunk.data
    elif chunk.compression == "zstd":
        content = unzstd(chunk.data)
    elif chunk.compression == "lz4":
        content = _unlz4(chunk.data, size)
    else:
        raise CompressionError(f"the compression {chunk.compression!r} is not supported")
    if len(content) != size:
        raise CompressionError(f"the chunk has {len(content)} bytes instead of {size}")
    if chunk.uncompressed_crc and zlib.crc32(content) != chunk.uncompressed_crc:
        raise CompressionError("the checksum of the chunk is wrong")
    return content


def _unlz4(data: bytes, size: int) -> bytes:
    try:
        return bytes(lz4.frame.LZ4FrameDecompressor().decompress(data, max_length=size + 1))
    except (RuntimeError, EOFError, MemoryError) as error:
        raise CompressionError("the LZ4 data is damaged") from error


def _decompressor() -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
