"""The binary messages of the picture socket: a header of 24 bytes, then the encoded picture."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from odyssey_ros.console.graph.picture_messages import Codec, Picture

VERSION: Final = 1
KEY: Final = 1
"""The flag of a picture that can be decoded without others."""

MAX_AGE_S: Final = 60.0
"""A picture that seems older, or newer than now, has a stamp of another clock, such as a simulated one."""

_HEADER: Final = struct.Struct("<BBBxIdd")  # version, codec, flags, number, stamp, age
_MAX_NUMBER: Final = 0xFFFFFFFF
_CLOCK_ERROR_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class PicturePacket:
    """A picture as it is sent to every viewer.

    Attributes:
        codec: How it is encoded.
        is_key: Whether it can be decoded without the pictures before it.
        number: Its number, which viewers acknowledge. Numbers rise, but not by one.
        message: The binary message.
    """

    codec: Codec
    is_key: bool
    number: int
    message: bytes


def picture_packet(number: int, picture: Picture, now_s: float) -> PicturePacket:
    """Return the packet of a picture.

    Args:
        number: Its number.
        picture: The picture.
        now_s: The time of this machine in seconds, from which the age is computed.
    """
    number &= _MAX_NUMBER
    flags = KEY if picture.is_key else 0
    header = _HEADER.pack(
        VERSION, picture.codec, flags, number, picture.stamp_s, age_s(picture.stamp_s, now_s)
    )
    return PicturePacket(picture.codec, picture.is_key, number, b"".join((header, picture.data)))


def age_s(stamp_s: float, now_s: float) -> float:
    """Return the age of a picture in seconds; NaN if its stamp is of a clock that cannot be compared."""
    age = now_s - stamp_s
    return max(age, 0.0) if -_CLOCK_ERROR_S <= age <= MAX_AGE_S else float("nan")
