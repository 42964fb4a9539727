"""The picture messages of recorded bags: their stamps, and how their pictures are encoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.messages import NANOSECONDS
from odyssey_ros.dataset.reading.message_reader import (
    FFMPEG_PACKET,
    IMAGE_TYPES,
    MessageError,
    PacketMessage,
    image_message,
    packet_message,
)

if TYPE_CHECKING:
    from odyssey_ros.dataset.reading.message_reader import ImageMessage

IMAGE: Final = IMAGE_TYPES["raw"][1]
COMPRESSED_IMAGE: Final = IMAGE_TYPES["jpeg"][1]
COMPRESSED_VIDEO: Final = IMAGE_TYPES["h264"][1]

PICTURE_TYPES: Final = (FFMPEG_PACKET, COMPRESSED_VIDEO, COMPRESSED_IMAGE, IMAGE)
"""The types of picture topics. Of two topics with the same pictures, the type that comes first is read."""

_JPEG: Final = b"\xff\xd8"
_PNG: Final = b"\x89PNG\r\n\x1a\n"


class PictureKind(IntEnum):
    """How a picture is encoded."""

    OTHER = 0
    H264 = 1
    VP8 = 2
    JPEG = 3
    PNG = 4
    RAW = 5

    @property
    def is_video(self) -> bool:
        """Whether pictures depend on earlier ones."""
        return self in (PictureKind.H264, PictureKind.VP8)


_CODECS: Final = {"h264": PictureKind.H264, "vp8": PictureKind.VP8}


@dataclass(frozen=True, slots=True)
class RecordedPicture:
    """A picture of a recorded bag.

    Attributes:
        kind: Its encoding.
        image: The message.
        number: Number of the packet on its topic, which rises by one; None if the message has none.
    """

    kind: PictureKind
    image: ImageMessage
    number: int | None = None


def stamp_and_kind(type_name: str, data: bytes) -> tuple[int, PictureKind]:
    """Return the stamp of a picture message, in nanoseconds since the epoch, and its kind.

    Raises:
        MessageError: The bytes are no message of the type.
    """
    if type_name == IMAGE:  # not parsed: it is large
        return _header_stamp_ns(data), PictureKind.RAW
    picture = recorded_picture(type_name, data)
    return picture.image.stamp_ns, picture.kind


def recorded_picture(type_name: str, data: bytes) -> RecordedPicture:
    """Parse a message of one of `PICTURE_TYPES`.

    Raises:
        MessageError: The bytes are no message of the type.
    """
    if type_name == FFMPEG_PACKET:
        packet: PacketMessage = packet_message(data)
        return RecordedPicture(_CODECS.get(packet.format, PictureKind.OTHER), packet, packet.number)
    image = image_message(type_name, data)
    if type_name == IMAGE:
        return RecordedPicture(PictureKind.RAW, image)
    if type_name == COMPRESSED_VIDEO:
        kind = PictureKind.H264 if image.format == "h264" else PictureKind.OTHER
        return RecordedPicture(kind, image)
    start = bytes(memoryview(image.data)[: len(_PNG)])
    if start.startswith(_JPEG):
        return RecordedPicture(PictureKind.JPEG, image)
    return RecordedPicture(PictureKind.PNG if start == _PNG else PictureKind.OTHER, image)


def _header_stamp_ns(data: bytes) -> int:
    """Return the stamp of a message that begins with a header."""
    try:
        seconds, nanoseconds = struct.unpack_from("<iI" if data[1] & 1 else ">iI", data, 4)
    except (struct.error, IndexError) as error:
        raise MessageError("the message is damaged") from error
    if nanoseconds >= NANOSECONDS:
        raise MessageError(f"a time has {nanoseconds} nanoseconds")
    return int(seconds) * NANOSECONDS + int(nanoseconds)
