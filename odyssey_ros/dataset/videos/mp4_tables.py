"""Limits on what the tables of an MP4 file announce.

FFmpeg allocates tables of the sizes that a few bytes announce. Needs only Python, like the modules that read
exported datasets.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FRAMES: Final = 2_000_000
"""Maximum number of frames and audio samples of a file: 18 hours at 30 Hz. FFmpeg needs 35 bytes for each."""

MAX_TRACKS: Final = 16
"""Maximum number of tracks of a file."""

_MEDIA_DATA: Final = frozenset((b"mdat", b"free", b"skip"))  # boxes in which FFmpeg looks for no others
_MAX_BOXES: Final = 500_000
_BLOCK: Final = 1 << 20
_OVERLAP: Final = 24


class TableLimitError(Exception):
    """A file announces more than the limits allow."""


def check_tables(file: BinaryIO) -> None:
    """Add up what the boxes outside of the media data announce, wherever they are nested.

    Args:
        file: An MP4 file, anywhere.

    Raises:
        TableLimitError: The sum exceeds a limit. The text is for users.
        OSError: The file cannot be read.
    """
    samples = tracks = 0
    for block in _table_blocks(file):
        if b"cmov" in block:
            raise TableLimitError(
                "the video has a compressed header: convert it with `ffmpeg -i FILE -c copy`"
            )
        tracks += sum(1 for _ in _found(block, b"trak"))
        # stsz: version and flags, the size of all samples or 0, the number of samples (ISO/IEC 14496-12).
        samples += sum(_count(block, place + 8) for place in _found(block, b"stsz"))
        samples += sum(_count(block, place + 8) for place in _found(block, b"stz2"))
        # trun: version and flags, the number of samples.
        samples += sum(_count(block, place + 4) for place in _found(block, b"trun"))
        if samples > MAX_FRAMES:
            raise TableLimitError(
                f"the video has {samples} frames and samples; at most {MAX_FRAMES} are read"
            )
        if tracks > MAX_TRACKS:
            raise TableLimitError(f"the video has more than {MAX_TRACKS} tracks")


def _table_blocks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the contents of all top-level boxes but the media data, in blocks that overlap.

    The first bytes of a block but the first were the last ones of the block before, so that a header of
    `_OVERLAP` bytes is whole in one of them; `_found` finds it only once.
    """
    end = file.seek(0, 2)
    position = boxes = 0
    while position + 8 <= end:
        boxes += 1
        if boxes > _MAX_BOXES:
            raise TableLimitError(f"the video has more than {_MAX_BOXES} boxes")
        file.seek(position)
        header = file.read(16)
        size, kind = struct.unpack_from(">I4s", header)
        head = 8
        if size == 1 and len(header) == 16:
            size, head = struct.unpack_from(">Q", header, 8)[0], 16
        if size == 0:
            size = end - position
        next_position = position + max(size, head)
        if kind not in _MEDIA_DATA:
            yield from _blocks(file, position, min(next_position, end))
        position = next_position


def _blocks(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        file.seek(start)
        yield file.read(min(_BLOCK + _OVERLAP, end - start))
        start += _BLOCK


def _found(block: bytes, kind: bytes) -> Iterator[int]:
    """Yield the places after the name of a box; not those that the next block has too."""
    place = block.find(kind, 0, _BLOCK + 3)
    while place >= 0:
        yield place + 4
        place = block.find(kind, place + 4, _BLOCK + 3)


def _count(block: bytes, place: int) -> int:
    number: int = struct.unpack_from(">I", block, place)[0] if place + 4 <= len(block) else 0
    return number
