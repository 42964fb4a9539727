"""The sizes that an AVIF file makes its decoder allocate, read before anything is decoded.

The box `ispe` of an AVIF file announces the size of a picture. The decoder of Pillow follows the AV1 data
instead, whatever is announced, and has no limit of its own that Pillow could set: 2 kB can need gigabytes.
The sources are ISO/IEC 14496-12 (boxes), 23008-12 (items) and the AV1 specification, 5.3 to 5.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONTAINERS: Final = frozenset((b"moov", b"trak", b"mdia", b"minf", b"stbl"))
_SEQUENCE_HEADER: Final = 1  # the type of an OBU
_IN_FILE, _IN_ITEM_DATA = 0, 1  # construction methods of `iloc`

_MAX_STEPS: Final = 20_000
"""Maximum number of boxes, items and AV1 units that are read; a grid of 256 cells has fewer than 2000."""


class AvifStructureError(ValueError):
    """The file is not structured as AVIF files are; the text gives the reason."""


class CodedSize(NamedTuple):
    """What a sequence header of AV1 announces.

    Attributes:
        width: Maximum width in pixels.
        height: Maximum height in pixels.
        possible_pixels: Number of pixels up to which the header of a frame can ask for more than the maximum.
    """

    width: int
    height: int
    possible_pixels: int


def coded_sizes(data: bytes) -> list[CodedSize]:
    """Return the sizes of the AV1 pictures of a file, in milliseconds.

    These are the pictures of all items (colour, alpha, thumbnails, cells of a grid) and the first picture of
    each track.

    Raises:
        AvifStructureError: The pictures are not where those of AVIF files are.
    """
    try:
        sizes = list(_Parser(memoryview(data)).sizes())
    except IndexError:
        raise AvifStructureError("it ends too early") from None
    if not sizes:
        raise AvifStructureError("it has no AV1 picture")
    return sizes


@dataclass(slots=True)
class _Reader:
    """Reads big-endian numbers; raises `IndexError` at the end."""

    data: memoryview
    at: int = 0

    def number(self, size: int) -> int:
        if self.at + size > len(self.data):
            raise IndexError
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at], "big")


class _Parser:
    """Reads one file; what it reads is bounded in number, and nothing is copied."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._steps = 0

    def sizes(self) -> Iterator[CodedSize]:
        """Yield the size of every picture."""
        for kind, content in self._boxes(self._data):
            if kind == b"meta":
                for picture in self._items(content[4:]):
                    yield from self._picture_sizes(picture)
            elif kind == b"stbl":
                yield from self._picture_sizes(self._first_sample(list(self._boxes(content))))

    def _step(self) -> None:
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise AvifStructureError("it has too many parts")

    def _boxes(self, data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
        """Yield the type and the content of each box, and of those inside `_CONTAINERS`."""
        waiting = [data]
        while waiting:
            reader = _Reader(waiting.pop())
            while reader.at < len(reader.data):
                self._step()
                start, size = reader.at, reader.number(4)
                kind = reader.number(4).to_bytes(4, "big")
                if size == 1:
                    size = reader.number(8)
                end = len(reader.data) if size == 0 else start + size
                if end < reader.at:
                    raise AvifStructureError("it has an invalid box")
                content, reader.at = reader.data[reader.at : end], end
                if kind in _CONTAINERS:
                    waiting.append(content)
                yield kind, content

    def _items(self, meta: memoryview) -> Iterator[memoryview]:
        """Yield the AV1 data of each item that is a picture."""
        boxes = list(self._boxes(meta))
        pictures = {item for kind, content in boxes if kind == b"iinf" for item in self._pictures(content)}
        parts = [content for kind, content in boxes if kind == b"idat"]
        if len(parts) > 1:
            raise AvifStructureError("its data is in several places")
        item_data = parts[0] if parts else memoryview(b"")
        for kind, content in boxes:
            if kind != b"iloc":
                continue
            for item, method, offset, length in self._locations(content):
                if item not in pictures:
                    continue
                if length is None or method not in {_IN_FILE, _IN_ITEM_DATA}:
                    raise AvifStructureError("a picture is not in one piece")
                source = (self._data if method == _IN_FILE else item_data)[offset:]
                yield source[:length] if length else source

    def _pictures(self, content: memoryview) -> Iterator[int]:
        """Yield the numbers of the items that `iinf` calls AV1 pictures."""
        for kind, entry in self._boxes(content[6 if content[0] == 0 else 8 :]):
            if kind == b"infe":
                reader = _Reader(entry, 4)
                item = reader.number(4 if entry[0] >= 3 else 2)
                reader.at += 2
                if reader.number(4) == int.from_bytes(b"av01", "big"):
                    yield item

    def _locations(self, content: memoryview) -> Iterator[tuple[int, int, int, int | None]]:
        """Yield number, construction method, offset and length of each item; no length for several pieces."""
        version, reader = content[0], _Reader(content, 4)
        sizes = reader.number(2)
        offset_size, length_size, base_size = sizes >> 12 & 15, sizes >> 8 & 15, sizes >> 4 & 15
        index_size = sizes & 15 if version else 0
        for _ in range(reader.number(2 if version < 2 else 4)):
            self._step()
            item = reader.number(2 if version < 2 else 4)
            method = reader.number(2) & 15 if version else _IN_FILE
            reader.at += 2
            base, extents = reader.number(base_size), reader.number(2)
            if extents != 1:
                reader.at += extents * (index_size + offset_size + length_size)
                yield item, method, 0, None
                continue
            reader.at += index_size
            offset = base + reader.number(offset_size)
            yield item, method, offset, reader.number(length_size)

    def _first_sample(self, boxes: list[tuple[bytes, memoryview]]) -> memoryview:
        offsets = [(kind, content) for kind, content in boxes if kind in {b"stco", b"co64"}]
        tables = [content for kind, content in boxes if kind == b"stsz"]
        if len(offsets) != 1 or len(tables) != 1:
            raise AvifStructureError("a track has no pictures, or several tables of them")
        kind, content = offsets[0]
        offset = _Reader(content, 8).number(4 if kind == b"stco" else 8)
        lengths = _Reader(tables[0], 4)
        length = lengths.number(4)
        if length == 0:  # the samples have lengths of their own
            lengths.at += 4
            length = lengths.number(4)
        return self._data[offset:][:length]

    def _picture_sizes(self, picture: memoryview) -> Iterator[CodedSize]:
        """Yield the size of each sequence header among the units (OBUs) of a picture."""
        at, found = 0, False
        while at < len(picture):
            self._step()
            header = picture[at]
            at += 2 if header & 0x04 else 1
            length = len(picture) - at
            if header & 0x02:
                length, at = _leb128(picture, at)
            if header >> 3 & 15 == _SEQUENCE_HEADER:
                found = True
                yield _sequence_size(picture[at : at + length])
            at += length
        if not found:
            raise AvifStructureError("a picture has no sequence header")


def _leb128(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for index in range(8):
        byte = data[at + index]
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, at + index + 1
    raise AvifStructureError("a number is too long")


@dataclass(slots=True)
class _Bits:
    """Reads bits; raises `IndexError` at the end."""

    data: memoryview
    at: int = 0

    def read(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self.data[self.at >> 3] >> (7 - self.at % 8) & 1
            self.at += 1
        return value


def _sequence_size(header: memoryview) -> CodedSize:
    """Return the sizes in `sequence_header_obu` (AV1, 5.5.1)."""
    bits = _Bits(header)
    bits.read(4)  # seq_profile, still_picture
    reduced = bits.read(1)
    if reduced:
        bits.read(5)  # seq_level_idx
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    width, height = bits.read(width_bits) + 1, bits.read(height_bits) + 1
    # Unless the header is a reduced one, a frame may give any size that has as many bits (AV1, 5.9.5), which
    # a decoder need not compare with the maximum.
    return CodedSize(width, height, width * height if reduced else 1 << width_bits + height_bits)


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    decoder_model = False
    if bits.read(1):  # timing_info_present_flag
        bits.read(64)
        if bits.read(1):  # equal_picture_interval
            zeros = 0
            while not bits.read(1):
                zeros += 1
                if zeros >= 32:
                    break
            bits.read(zeros if zeros < 32 else 0)
        decoder_model = bool(bits.read(1))
        if decoder_model:
            delay_bits = bits.read(5) + 1
            bits.read(42)
    initial_delay = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:
            bits.read(1)  # seq_tier
        if decoder_model and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if initial_delay and bits.read(1):
            bits.read(4)
