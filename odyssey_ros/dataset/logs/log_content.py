"""The content of an events log, which a server may send or store compressed.

The compression is recognized by the first bytes, not by a header: a log can also be stored as a `.gz` object,
and a download that continues later has no header. No text of JSON begins with these bytes. The result is
bounded, whatever the file contains.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.regular_file import FileFault, RegularFileError, read_regular_file
from odyssey_ros.dataset.errors import EpisodeError

if TYPE_CHECKING:
    from pathlib import Path

MAX_LOG_BYTES: Final = 8 * 1024 * 1024
"""Maximum size of an events log, compressed and not. A stream of an hour with a prompt a second has 1 MB."""

LOG_CODINGS: Final = frozenset(("gzip", "x-gzip", "deflate"))
"""Content codings in which the log of a server is read."""

_MAX_LAYERS: Final = 2  # a `.gz` object that the server compresses once more
_GZIP: Final = b"\x1f\x8b"
_ZSTANDARD: Final = b"\x28\xb5\x2f\xfd"
_BEFORE_JSON: Final = b"\0\xef\xbb\xbf\xfe\xff \t\r\n"  # byte order marks, halves of characters, blanks
_ZLIB: Final = (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")


@dataclass(frozen=True, slots=True)
class LogContent:
    """The content of a log.

    Attributes:
        data: The text, encoded.
        cut_off: Whether the compressed data ended too early.
    """

    data: bytes
    cut_off: bool = False


def read_log(path: Path) -> LogContent:
    """Read a log and decompress it. Blocks.

    Raises:
        EpisodeError: The file cannot be read, is not a regular file, is larger than `MAX_LOG_BYTES` before or
            after decompression, or its compression is invalid or not supported.
    """
    try:
        data = read_regular_file(path, MAX_LOG_BYTES)
    except RegularFileError as error:
        too_large = error.fault is FileFault.TOO_LARGE
        code = ErrorCode.WRONG_SIZE if too_large else ErrorCode.DISK_FAILED
        raise EpisodeError(code, f"the events log cannot be read: {error.reason}") from error
    return decompressed(data)


def decompressed(data: bytes) -> LogContent:
    """Return the content of a log that may be compressed.

    Raises:
        EpisodeError: The content is too large, or the compression is invalid or not supported.
    """
    content = _raw_inflated(data) or LogContent(data)
    for _ in range(_MAX_LAYERS):
        if content.data.startswith(_GZIP):
            inner = _inflated(content.data, gzip=True)
        elif content.data.startswith(_ZLIB):
            inner = _inflated(content.data, gzip=False)
        else:
            break
        content = LogContent(inner.data, inner.cut_off or content.cut_off)
    if content.data.startswith(_ZSTANDARD):
        raise unsupported_coding("zstd")
    if content.data.startswith(_GZIP):
        raise EpisodeError(
            ErrorCode.INVALID_RESPONSE, f"the events log is compressed more than {_MAX_LAYERS} times"
        )
    return content


def unsupported_coding(name: str) -> EpisodeError:
    """Return the error of a log whose compression is not read."""
    return EpisodeError(
        ErrorCode.INVALID_RESPONSE,
        f"the events log is compressed with {name!r}, which is not read: store it uncompressed or with gzip",
    )


def _raw_inflated(data: bytes) -> LogContent | None:
    """Return the content of data that some servers send as `deflate`: without the header of zlib.

    It has no signature, so only data that becomes the beginning of JSON counts. JSON itself does not: its
    first byte begins an invalid block, or a character that JSON does not begin with.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(data, MAX_LOG_BYTES)
    except zlib.error:
        return None
    if (
        content.lstrip(_BEFORE_JSON)[:1] not in {b"{", b"["}
        or inflater.unconsumed_tail
        or inflater.unused_data
    ):
        return None
    return LogContent(content, cut_off=not inflater.eof)


def _inflated(data: bytes, *, gzip: bool) -> LogContent:
    """Return the content of all members of a gzip file, or of one zlib stream."""
    content = bytearray()
    rest = data
    while rest:
        inflater = zlib.decompressobj(zlib.MAX_WBITS | (16 if gzip else 0))
        try:
            content += inflater.decompress(rest, MAX_LOG_BYTES + 1 - len(content))
        except zlib.error as error:
            if not gzip and not content:
                return LogContent(data)  # a text that begins like zlib's data
            raise EpisodeError(
                ErrorCode.WRONG_CHECKSUM, "the compressed data of the events log is damaged"
            ) from error
        if len(content) > MAX_LOG_BYTES:
            raise EpisodeError(
                ErrorCode.WRONG_SIZE,
                f"the events log cannot be read: it is larger than {MAX_LOG_BYTES >> 20} MiB decompressed",
            )
        if not inflater.eof:
            return LogContent(bytes(content), cut_off=True)
        rest = inflater.unused_data.lstrip(b"\0")  # padding is allowed
        if rest and not (gzip and rest.startswith(_GZIP)):
            raise EpisodeError(
                ErrorCode.WRONG_CHECKSUM, "the compressed data of the events log is followed by other data"
            )
    return LogContent(bytes(content))
