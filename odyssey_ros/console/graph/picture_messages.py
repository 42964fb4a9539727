"""Reads pictures out of serialized messages of the graph, which any process may have published.

Only the few fields that the console needs are read, directly from the bytes of CDR (OMG DDS-RTPS 10, plain
CDR of version 1 or 2, whose alignments are equal for these types). Making message objects of rclpy costs more
than everything else that the console does with a picture.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

MAX_PICTURE_BYTES: Final = 8 * 1024 * 1024
"""Size of a message with one picture; larger ones are refused."""

_ENCAPSULATION_BYTES: Final = 4
_KINDS: Final = frozenset((0, 1, 6, 7))  # plain CDR and CDR2; odd numbers are little-endian
_ALIGNMENT: Final = 4
_NANOSECONDS: Final = 1_000_000_000
_JPEG_START: Final = b"\xff\xd8\xff"
_START_CODE: Final = b"\0\0\1"
_MAX_UNITS: Final = 64  # NAL units before the first slice
_NAL_TYPE: Final = 0x1F
_SLICE, _KEY_SLICE, _SPS = 1, 5, 7


class Codec(IntEnum):
    """How a picture is encoded; the numbers are those of the picture socket."""

    H264 = 1
    JPEG = 2


class PictureError(ValueError):
    """A message is no picture that the console shows; the text gives the reason."""


class Picture(NamedTuple):
    """A picture in a message.

    Attributes:
        codec: How it is encoded.
        is_key: Whether it can be decoded without the pictures before it.
        stamp_s: The time of its header in seconds, in the clock of the node that published it.
        data: An access unit in Annex B form, or a JPEG file. It shares the memory of the message.
    """

    codec: Codec
    is_key: bool
    stamp_s: float
    data: memoryview


def read_picture(codec: Codec, message: bytes) -> Picture:
    """Read a serialized `foxglove_msgs/CompressedVideo` (H.264) or `sensor_msgs/CompressedImage` (JPEG).

    Raises:
        PictureError: The message is damaged, too large, or contains something else.
    """
    if len(message) > MAX_PICTURE_BYTES:
        raise PictureError(f"a picture of {len(message)} bytes; the limit is {MAX_PICTURE_BYTES}")
    try:
        fields = _Fields(message)
        stamp_s = fields.time()
        fields.sequence()  # the name of the coordinate frame
        first, second = fields.sequence(), fields.sequence()
    except struct.error:
        raise PictureError("the message is cut off") from None
    if codec is Codec.H264:
        return _h264(stamp_s, first, bytes(second[:16]))
    if bytes(second[:3]) != _JPEG_START:
        raise PictureError("the picture is not JPEG")
    return Picture(codec, True, stamp_s, second)


def is_key_frame(data: memoryview | bytes) -> bool:
    """Return whether an access unit of H.264 is a key frame with an SPS before it.

    Raises:
        PictureError: The access unit contains no picture.
    """
    content = bytes(data[:4096]) if len(data) > 4096 else bytes(data)
    has_parameters = False
    place = content.find(_START_CODE)
    for _ in range(_MAX_UNITS):
        place += len(_START_CODE)
        if place < len(_START_CODE) or place >= len(content):
            break
        kind = content[place] & _NAL_TYPE
        if kind in (_SLICE, _KEY_SLICE):
            return kind == _KEY_SLICE and has_parameters
        has_parameters = has_parameters or kind == _SPS
        place = content.find(_START_CODE, place)
    raise PictureError("the access unit contains no picture")


def _h264(stamp_s: float, data: memoryview, encoding: bytes) -> Picture:
    if encoding.rstrip(b"\0") != b"h264":
        raise PictureError("the video is not H.264")
    if bytes(data[:3]) != _START_CODE and bytes(data[:4]) != b"\0" + _START_CODE:
        raise PictureError("the video is not in Annex B form")
    return Picture(Codec.H264, is_key_frame(data), stamp_s, data)


class _Fields:
    """Reads the fields of a message one after the other. Any field that is cut off raises `struct.error`."""

    def __init__(self, message: bytes) -> None:
        if len(message) < _ENCAPSULATION_BYTES or message[0] != 0 or message[1] not in _KINDS:
            raise PictureError("the message is not serialized as plain CDR")
        order = "<" if message[1] & 1 else ">"
        self._time = struct.Struct(f"{order}iI")
        self._length = struct.Struct(f"{order}I")
        self._content = memoryview(message)[_ENCAPSULATION_BYTES:]
        self._place = 0

    def time(self) -> float:
        """Return a `builtin_interfaces/Time` in seconds."""
        seconds, nanoseconds = self._time.unpack_from(self._content, self._place)
        if nanoseconds >= _NANOSECONDS:
            raise PictureError("the time stamp is invalid")
        self._place += self._time.size
        return float(seconds + nanoseconds / _NANOSECONDS)

    def sequence(self) -> memoryview:
        """Return a sequence of bytes, or the bytes of a text with the zero at its end."""
        start = -(-self._place // _ALIGNMENT) * _ALIGNMENT
        (length,) = self._length.unpack_from(self._content, start)
        start += self._length.size
        if length > len(self._content) - start:
            raise struct.error
        self._place = start + length
        return self._content[start : start + length]
