"""Finds pictures that are missing in an H.264 stream, by the numbers in the slice headers.

FFmpeg conceals a missing picture: it predicts the next ones from a copy of an older one, without an error.
Each slice header has a number that counts the reference pictures (ITU-T H.264, 7.4.3, `frame_num`). Streams
that may leave out numbers, or that have fields instead of frames, are not checked. A stream that resets the
number without a key frame (`memory_management_control_operation` 5) is not expected: no common encoder does.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

_START_CODE: Final = re.compile(rb"\x00\x00\x01")
_HEADER_BYTES: Final = 512  # an SPS, or the first fields of a slice header, are not longer

_SLICE, _KEY_SLICE, _SPS, _PPS = 1, 5, 7, 8
_WITH_CHROMA_FORMAT: Final = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))


class MissingPictureError(Exception):
    """A picture before this one is missing, or the picture is there twice."""


class ReferenceOrder:
    """Checks the numbers of consecutive access units. For one stream."""

    def __init__(self) -> None:
        self._bits: int | None = None  # of the number; None without an SPS
        self._separate_planes = False
        self._checked = False
        self._last_reference: int | None = None  # the number of the last reference picture

    def check(self, annex_b: bytes) -> None:
        """Check an access unit in Annex B form.

        Raises:
            MissingPictureError: The unit does not follow the one before.
        """
        with suppress(IndexError):  # a header is cut off: the decoder reports it
            for kind, reference, payload in _units(annex_b):
                if kind == _SPS:
                    self._sequence_parameters(_Bits(payload))
                elif kind in (_SLICE, _KEY_SLICE):
                    self._slice(_Bits(payload), is_key=kind == _KEY_SLICE, is_reference=reference)
                    return  # all slices of a picture have the same number

    def _slice(self, bits: _Bits, *, is_key: bool, is_reference: bool) -> None:
        if self._bits is None:
            return
        bits.unsigned()  # first macroblock
        bits.unsigned()  # slice type
        bits.unsigned()  # PPS
        if self._separate_planes:
            bits.read(2)
        number = bits.read(self._bits)
        last = self._last_reference
        if is_reference:
            self._last_reference = number
        if is_key or last is None or not self._checked:
            return
        # A picture that is no reference has the number that the next reference picture has.
        expected = (last + 1) % (1 << self._bits)
        if number != expected:
            self._last_reference = number
            raise MissingPictureError(f"it has the number {number} in the H.264 stream instead of {expected}")

    def _sequence_parameters(self, bits: _Bits) -> None:
        profile = bits.read(8)
        bits.read(16)  # constraints, level
        bits.unsigned()
        self._separate_planes = False
        if profile in _WITH_CHROMA_FORMAT:
            chroma = bits.unsigned()
            if chroma == 3:
                self._separate_planes = bool(bits.read(1))
            bits.unsigned()  # bit depth of luma
            bits.unsigned()  # bit depth of chroma
            bits.read(1)
            if bits.read(1):
                for at in range(8 if chroma != 3 else 12):
                    if bits.read(1):
                        bits.skip_scaling_list(16 if at < 6 else 64)
        self._bits = bits.unsigned() + 4
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
        gaps_allowed = bits.read(1)
        bits.unsigned()  # width
        bits.unsigned()  # height
        self._checked = not gaps_allowed and bool(bits.read(1))


def lacks_parameters(annex_b: bytes, *, is_first: bool = False) -> bool:
    """Return whether an access unit has no SPS or no PPS, although it is a key frame or the first one."""
    kinds = {kind for kind, _, _ in _units(annex_b)}
    return (is_first or _KEY_SLICE in kinds) and not {_SPS, _PPS} <= kinds


def _units(annex_b: bytes) -> list[tuple[int, bool, bytes]]:
    """Return of each NAL unit: type, whether it is part of a reference picture, and first bytes."""
    units = []
    for match in _START_CODE.finditer(annex_b):
        start = match.end()
        if start < len(annex_b):
            head = annex_b[start]
            payload = annex_b[start + 1 : start + 1 + _HEADER_BYTES].partition(b"\x00\x00\x01")[0]
            units.append((head & 0x1F, bool(head & 0x60), payload.replace(b"\x00\x00\x03", b"\x00\x00")))
    return units


class _Bits:
    """Reads the bits of a NAL unit (ITU-T H.264, 9.1). Raises `IndexError` past the end."""

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
