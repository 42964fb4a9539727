"""What an access unit holds: a picture or none, whether a decoder can begin with it, and its size.

Only what precedes the first slice is read, which takes some microseconds however large the picture is. The
numbers of sections are those of ITU-T H.264; VP8 is RFC 6386.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.h264_headers import (
    KEY_SLICE,
    PPS,
    SPS,
    picture_parameters,
    picture_parameters_of,
    picture_size,
    sequence_parameters,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_SIDE: Final = 16384
"""Pixels. A larger width or height is that of a damaged header; the largest level of H.264 has 16880."""

_START: Final = b"\x00\x00\x01"
_STARTS: Final = (b"\x00\x00\x00\x01", _START)
_LONG_START: Final = b"\x00\x00\x00\x01"
_DELIMITER: Final = 9
_MAX_BEFORE_SLICE: Final = 64  # NAL units: parameter sets, SEI messages and delimiters
_MAX_PARAMETER_BYTES: Final = 1024
_MAX_SETS: Final = {SPS: 32, PPS: 256}  # 7.4.2.1.1, 7.4.2.2
_SLICE_FIELDS: Final = 16  # bytes in which the first three fields of a slice header end

_VP8_HEADER: Final = struct.Struct("<6xHH")
_VP8_START: Final = b"\x9d\x01\x2a"


@dataclass(frozen=True, slots=True)
class UnitContent:
    """What an access unit holds.

    Attributes:
        data: The access unit; a key frame of H.264 with its parameter sets.
        is_picture: Whether it holds a picture, or a part of one.
        is_key_frame: Whether the picture does not refer to others.
        is_usable: Whether nothing is known to be missing: its beginning, and what a key frame needs.
        is_completed: Whether parameter sets of earlier access units were added to `data`.
        size: Width and height of a key frame in pixels, if known.
    """

    data: bytes
    is_picture: bool = True
    is_key_frame: bool = False
    is_usable: bool = True
    is_completed: bool = False
    size: tuple[int, int] | None = None


def vp8_content(data: bytes) -> UnitContent:
    """Read an access unit of VP8 (RFC 6386, 9.1)."""
    if not data:
        return UnitContent(data, is_picture=False)
    if data[0] & 1:
        return UnitContent(data)
    if len(data) < _VP8_HEADER.size or data[3:6] != _VP8_START:
        return UnitContent(data, is_usable=False)
    width, height = _VP8_HEADER.unpack_from(data)
    return UnitContent(data, is_key_frame=True, size=(width & 0x3FFF, height & 0x3FFF))


class H264Reader:
    """Reads the access units of one H.264 track in Annex B form, and remembers the parameter sets.

    A key frame gets the parameter sets that it lacks: a sender may send them once, or in an access unit of
    their own.
    """

    def __init__(self) -> None:
        self._sequences: dict[int, bytes] = {}  # SPS by number, without start code
        self._pictures: dict[int, tuple[int, bytes]] = {}  # PPS by number, with the number of its SPS
        self._sizes: dict[int, tuple[int, int] | None] = {}  # of each SPS

    def content(self, data: bytes) -> UnitContent:
        """Read the next access unit."""
        if not data:
            return UnitContent(data, is_picture=False)
        if not data.startswith(_STARTS):
            return UnitContent(data, is_usable=False)  # the end of a unit whose first packets are lost
        before: list[bytes] = []
        at = data.find(_START) + 3
        while at < len(data):
            kind = data[at] & 0x1F
            if 1 <= kind <= KEY_SLICE:
                return self._picture(data, at, before)
            following = data.find(_START, at)
            before.append(data[at : following if following >= 0 else len(data)].rstrip(b"\0"))
            if len(before) > _MAX_BEFORE_SLICE:
                return UnitContent(data, is_usable=False)
            if following < 0:
                break
            at = following + 3
        self._remember(before)
        return UnitContent(data, is_picture=False)

    def _picture(self, data: bytes, at: int, before: Sequence[bytes]) -> UnitContent:
        own = self._remember(before) if before else set()
        is_key_frame = data[at] & 0x1F == KEY_SLICE
        if at + 1 >= len(data) or not data[at + 1] & 0x80:
            # The first slice of a picture begins with macroblock 0, which is coded as a bit 1 (7.4.3).
            return UnitContent(data, is_key_frame=is_key_frame, is_usable=False)
        if not is_key_frame:
            return UnitContent(data)
        header = data[at + 1 : at + 1 + _SLICE_FIELDS].replace(b"\x00\x00\x03", b"\x00\x00")
        try:
            sequence = self._pictures[picture_parameters_of(header)][0]
            needed = [(SPS, sequence)] if sequence in self._sequences else []
        except (IndexError, KeyError):
            needed = []
        if not needed:
            return UnitContent(data, is_key_frame=True, is_usable=False)
        needed += [(PPS, number) for number, (of, _) in self._pictures.items() if of == sequence]
        lacks = not own.issuperset(needed)
        if lacks:
            data = self._with_sets(data, at, before, needed)
        return UnitContent(data, is_key_frame=True, is_completed=lacks, size=self._sizes[sequence])

    def _with_sets(
        self, data: bytes, at: int, before: Sequence[bytes], needed: Iterable[tuple[int, int]]
    ) -> bytes:
        """Return an access unit with the parameter sets, which follow its delimiter (7.4.1.2.3)."""
        sets = [
            self._sequences[number] if kind == SPS else self._pictures[number][1] for kind, number in needed
        ]
        first = [unit for unit in before if unit and unit[0] & 0x1F == _DELIMITER]
        others = [unit for unit in before if unit and unit[0] & 0x1F not in (_DELIMITER, SPS, PPS)]
        return b"".join([*(_LONG_START + unit for unit in (*first, *sets, *others)), _LONG_START, data[at:]])

    def _remember(self, units: Iterable[bytes]) -> set[tuple[int, int]]:
        """Remember the parameter sets among NAL units; return their kinds and numbers."""
        found = set()
        for unit in units:
            kind = unit[0] & 0x1F if unit else 0
            if kind not in _MAX_SETS or len(unit) > _MAX_PARAMETER_BYTES:
                continue
            payload = unit[1:].replace(b"\x00\x00\x03", b"\x00\x00")
            try:
                if kind == SPS:
                    number = self._remember_sequence(unit, payload)
                else:
                    number, sequence = picture_parameters(payload)
                    if number < _MAX_SETS[PPS] and sequence < _MAX_SETS[SPS]:
                        self._pictures[number] = sequence, unit
            except IndexError:
                continue  # cut off
            found.add((kind, number))
        return found

    def _remember_sequence(self, unit: bytes, payload: bytes) -> int:
        for number, known in self._sequences.items():
            if known == unit:
                return number
        number = sequence_parameters(payload).number
        if number < _MAX_SETS[SPS]:
            for stale in [one for one, (of, _) in self._pictures.items() if of == number]:
                del self._pictures[stale]  # a PPS is read with the fields of its SPS
            self._sequences[number], self._sizes[number] = unit, _size(payload)
        return number


def _size(payload: bytes) -> tuple[int, int] | None:
    try:
        width, height = picture_size(payload)
    except IndexError:
        return None
    return (width, height) if 0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE else None
