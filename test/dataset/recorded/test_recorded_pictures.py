"""Stamps and kinds of picture messages."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from live_bags import LiveStream
from odyssey_ros.dataset.messages import Header, jpeg_image
from odyssey_ros.dataset.reading.message_reader import MessageError
from odyssey_ros.dataset.recorded.recorded_pictures import (
    COMPRESSED_IMAGE,
    IMAGE,
    PICTURE_TYPES,
    PictureKind,
    recorded_picture,
    stamp_and_kind,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_each_type(make_video: Callable[..., Path]) -> None:
    stream = LiveStream(make_video(), pictures=("raw", "jpeg", "foxglove", "ffmpeg"))
    found = [message for message in stream.messages() if message.type_name in PICTURE_TYPES]
    kinds = {message.name: stamp_and_kind(message.type_name, message.data)[1] for message in found}
    assert kinds == {
        "image_raw": PictureKind.RAW,
        "compressed": PictureKind.JPEG,
        "foxglove": PictureKind.H264,
        "ffmpeg": PictureKind.H264,
    }
    for message in found:
        picture = recorded_picture(message.type_name, message.data)
        assert stamp_and_kind(message.type_name, message.data) == (picture.image.stamp_ns, picture.kind)
    numbers = [recorded_picture(m.type_name, m.data).number for m in found if m.name == "ffmpeg"]
    assert numbers == list(range(12))


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"\x89PNG\r\n\x1a\nrest", PictureKind.PNG), (b"GIF89a", PictureKind.OTHER), (b"", PictureKind.OTHER)],
)
def test_the_first_bytes_tell_the_kind_of_a_compressed_image(data: bytes, kind: PictureKind) -> None:
    message = b"".join(bytes(part) for part in jpeg_image(Header(7, "f"), data))
    assert stamp_and_kind(COMPRESSED_IMAGE, message) == (7, kind)


def test_a_big_endian_image_and_damage() -> None:
    big = b"\x00\x00\x00\x00" + struct.pack(">iI", 3, 4)
    assert stamp_and_kind(IMAGE, big) == (3_000_000_004, PictureKind.RAW)
    for data in (b"", b"\x00\x01\x00\x00", b"\x00\x01\x00\x00" + struct.pack("<iI", 3, 10**9)):
        with pytest.raises(MessageError):
            stamp_and_kind(IMAGE, data)
