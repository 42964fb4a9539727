"""Reads the headers of H.264 streams: NAL units, parameter sets, and the first fields of slices.

The numbers of sections are those of ITU-T H.264. A header that is cut off raises `IndexError`: the decoder
reports the damage.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

SLICE, KEY_SLICE, SPS, PPS = 1, 5, 7, 8

_START_CODE: Final = re.compile(rb"\x00\x00\x01")
_HEADER_BYTES: Final = 512  # an SPS, or the first fields of a slice header, are not longer
_AVCC_HEADER: Final = 5  # version, profile, compatibility, level, length of the lengths (ISO/IEC 14496-15)
_CHROMA_SAMPLING: Final = {1: (2, 2), 2: (2, 1)}  # columns and rows of luma for one of chroma (table 6-1)
_WITH_CHROMA_FORMAT: Final = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))


class NalUnit(NamedTuple):
    """The beginning of a NAL unit.

    Attributes:
        kind: Its type: `SLICE`, `KEY_SLICE` (of an IDR picture), `SPS`, `PPS` or another number.
        is_reference: Whether later pictures may be predicted from it.
        payload: The first bytes after the header, without emulation prevention bytes.
    """

    kind: int
    is_reference: bool
    payload: bytes


class SequenceParameters(NamedTuple):
    """Fields of an SPS (7.3.2.1).

    Attributes:
        number: Number of the SPS.
        frame_number_bits: Length of `frame_num` in slice headers.
        has_separate_planes: Whether slice headers contain the number of a colour plane.
        allows_gaps: Whether the stream may leave out frame numbers.
        has_fields: Whether pictures may be coded as two fields.
    """

    number: int
    frame_number_bits: int
    has_separate_planes: bool
    allows_gaps: bool
    has_fields: bool


class SliceHeader(NamedTuple):
    """The first fields of a slice header (7.3.3).

    Attributes:
        frame_number: `frame_num`.
        field: 0 for a top field, 1 for a bottom field, None for a frame.
    """

    frame_number: int
    field: int | None


def annex_b_units(data: bytes | memoryview) -> Iterator[NalUnit]:
    """Yield the NAL units of data in Annex B form."""
    for match in _START_CODE.finditer(data):
        start = match.end()
        if start < len(data):
            first = bytes(data[start : start + 1 + _HEADER_BYTES]).partition(b"\x00\x00\x01")[0]
            if first:
                yield _unit(first)


def length_size(extradata: bytes) -> int:
    """Return the number of bytes of the lengths before NAL units; 0 for Annex B.

    Args:
        extradata: The decoder configuration of the file (avcC), parameter sets in Annex B form, or nothing.
    """
    return (extradata[4] & 3) + 1 if len(extradata) > _AVCC_HEADER and extradata[0] == 1 else 0


def prefixed_units(data: bytes | memoryview, size: int) -> Iterator[NalUnit]:
    """Yield the NAL units of data in which each has its length, of `size` bytes, before it."""
    place = 0
    while place + size < len(data):
        length = int.from_bytes(data[place : place + size], "big")
        place += size
        if length:
            yield _unit(bytes(data[place : place + min(length, 1 + _HEADER_BYTES)]))
        place += length


def configured_units(extradata: bytes) -> Iterator[NalUnit]:
    """Yield the parameter sets of a decoder configuration; see `length_size`."""
    if not length_size(extradata):
        yield from annex_b_units(extradata)
        return
    place = _AVCC_HEADER
    for mask in (0x1F, 0xFF):  # the numbers of SPS and of PPS
        count = extradata[place] & mask
        place += 1
        for _ in range(count):
            length = int.from_bytes(extradata[place : place + 2], "big")
            place += 2
            yield _unit(extradata[place : place + length])
            place += length


def lacks_parameters(annex_b: bytes, *, is_first: bool = False) -> bool:
    """Return whether an access unit has no SPS or no PPS, although it is a key frame or the first one."""
    kinds = {unit.kind for unit in annex_b_units(annex_b)}
    return (is_first or KEY_SLICE in kinds) and not {SPS, PPS} <= kinds


def sequence_parameters(payload: bytes) -> SequenceParameters:
    """Parse an SPS."""
    return _sequence(_Bits(payload))[0]


def picture_size(payload: bytes) -> tuple[int, int]:
    """Return the width and height in pixels that an SPS declares, without what is cropped (7.4.2.1.1)."""
    bits = _Bits(payload)
    parameters, chroma, columns, rows = _sequence(bits)
    across, down = _CHROMA_SAMPLING.get(0 if parameters.has_separate_planes else chroma, (1, 1))
    fields = 2 if parameters.has_fields else 1
    if parameters.has_fields:
        bits.read(1)  # whether macroblocks are adaptive
    bits.read(1)  # direct inference
    width, height = 16 * columns, 16 * rows * fields
    if bits.read(1):
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        width -= across * (left + right)
        height -= down * fields * (top + bottom)
    return width, height


def picture_parameters(payload: bytes) -> tuple[int, int]:
    """Return the number of a PPS and the number of its SPS."""
    bits = _Bits(payload)
    return bits.unsigned(), bits.unsigned()


def picture_parameters_of(payload: bytes) -> int:
    """Return the number of the PPS of a slice."""
    bits = _Bits(payload)
    bits.unsigned()  # first macroblock
    bits.unsigned()  # slice type
    return bits.unsigned()


def slice_header(payload: bytes, parameters: SequenceParameters) -> SliceHeader:
    """Parse a slice header."""
    bits = _Bits(payload)
    for _ in range(3):  # first macroblock, slice type, PPS
        bits.unsigned()
    if parameters.has_separate_planes:
        bits.read(2)
    number = bits.read(parameters.frame_number_bits)
    is_field = parameters.has_fields and bits.read(1)
    return SliceHeader(number, bits.read(1) if is_field else None)


def _sequence(bits: _Bits) -> tuple[SequenceParameters, int, int, int]:
    """Parse an SPS up to `frame_mbs_only_flag`.

    Returns:
        Its parameters, the chroma format, and the picture's width and height in macroblocks; of a picture
        with fields, the height of a field.
    """
    profile = bits.read(8)
    bits.read(16)  # constraints, level
    number = bits.unsigned()
    chroma, has_separate_planes = 1, False
    if profile in _WITH_CHROMA_FORMAT:
        chroma = bits.unsigned()
        if chroma == 3:
            has_separate_planes = bool(bits.read(1))
        bits.unsigned()  # bit depth of luma
        bits.unsigned()  # bit depth of chroma
        bits.read(1)
        if bits.read(1):
            for at in range(8 if chroma != 3 else 12):
                if bits.read(1):
                    bits.skip_scaling_list(16 if at < 6 else 64)
    frame_number_bits = bits.unsigned() + 4
    order_type = bits.unsigned()
    if order_type == 0:
        bits.unsigned()
    elif order_type == 1:
        bits.read(1)
        bits.unsigned()
        bits.unsigned()
        for _ in range(bits.unsigned()):
            bits.unsigned()
    bits.unsigned()  # number of reference frames
    allows_gaps = bool(bits.read(1))
    columns, rows = bits.unsigned() + 1, bits.unsigned() + 1
    parameters = SequenceParameters(
        number, frame_number_bits, has_separate_planes, allows_gaps, has_fields=not bits.read(1)
    )
    return parameters, chroma, columns, rows


def _unit(data: bytes) -> NalUnit:
    return NalUnit(data[0] & 0x1F, bool(data[0] & 0x60), data[1:].replace(b"\x00\x00\x03", b"\x00\x00"))


class _Bits:
    """Reads the bits of a NAL unit (9.1). Raises `IndexError` behind the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def read(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | (self._data[self._place >> 3] >> (7 - (self._place & 7)) & 1)
            self._place += 1
        return value

    def unsigned(self) -> int:
        zeros = 0
        while not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)

    def skip_scaling_list(self, size: int) -> None:
        last = following = 8
        for _ in range(size):
            if following:
                code = self.unsigned()
                delta = (code + 1) // 2 if code % 2 else -(code // 2)
                following = (last + delta + 256) % 256
            last = following or last
