"""Finds pictures that are missing in an H.264 stream, by the numbers in the slice headers.

FFmpeg conceals a missing picture: it predicts the next ones from a copy of an older one, without an error.
Each slice header has a number that counts the reference pictures (ITU-T H.264, 7.4.3, `frame_num`). A missing
picture that is no reference leaves no gap, and changes no other picture. Streams that may leave out numbers
are not checked. A stream that resets the number without a key frame (`memory_management_control_operation` 5)
is not expected: no common encoder does.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from odyssey_ros.client.h264_headers import (
    KEY_SLICE,
    PPS,
    SLICE,
    SPS,
    annex_b_units,
    configured_units,
    length_size,
    picture_parameters,
    picture_parameters_of,
    prefixed_units,
    sequence_parameters,
    slice_header,
)

if TYPE_CHECKING:
    from odyssey_ros.client.h264_headers import NalUnit, SequenceParameters


class MissingPictureError(Exception):
    """A picture before this one is missing, or the picture is there twice."""


class ReferenceOrder:
    """Checks the numbers of consecutive pictures, in the order of decoding. For one stream.

    Args:
        extradata: The decoder configuration of the file, which also says how NAL units are separated. By
            default there is none, and the data is in Annex B form.
    """

    def __init__(self, extradata: bytes = b"") -> None:
        self._length_size = length_size(extradata)
        self._sequences: dict[int, SequenceParameters] = {}
        self._sequence_of_picture: dict[int, int] = {}
        self._last_reference: int | None = None  # the number of the last reference picture
        self._open_field: tuple[int, int] | None = None  # number and parity of a field without a second one
        with suppress(IndexError):
            for unit in configured_units(extradata):
                self._learn(unit)

    def restart(self) -> None:
        """Expect any number next: the stream continues at another place."""
        self._last_reference = self._open_field = None

    def check(self, data: bytes | memoryview) -> bool:
        """Check an access unit, or one field of it.

        Returns:
            Whether the data is the second field of the picture whose first field came before.

        Raises:
            MissingPictureError: The unit does not follow the one before.
        """
        with suppress(IndexError):  # a header is cut off: the decoder reports it
            units = prefixed_units(data, self._length_size) if self._length_size else annex_b_units(data)
            for unit in units:
                if unit.kind in (SLICE, KEY_SLICE):
                    return self._picture(unit)  # all slices of a picture have the same number
                self._learn(unit)
        return False

    def _learn(self, unit: NalUnit) -> None:
        if unit.kind == SPS:
            parameters = sequence_parameters(unit.payload)
            self._sequences[parameters.number] = parameters
        elif unit.kind == PPS:
            number, sequence = picture_parameters(unit.payload)
            self._sequence_of_picture[number] = sequence

    def _picture(self, unit: NalUnit) -> bool:
        sequence = self._sequence_of_picture.get(picture_parameters_of(unit.payload))
        parameters = None if sequence is None else self._sequences.get(sequence)
        if parameters is None:
            self.restart()
            return False
        number, field = slice_header(unit.payload, parameters)
        last, open_field = self._last_reference, self._open_field
        self._open_field = None if field is None else (number, field)
        if unit.is_reference:
            self._last_reference = number
        if field is not None and open_field == (number, 1 - field):
            self._open_field = None
            return True
        if unit.kind == KEY_SLICE or last is None or parameters.allows_gaps:
            return False
        # A picture that is no reference has the number that the next reference picture has.
        expected = (last + 1) % (1 << parameters.frame_number_bits)
        if number != expected:
            self._last_reference = number if unit.is_reference else number - 1
            raise MissingPictureError(f"it has the number {number} in the H.264 stream instead of {expected}")
        return False
