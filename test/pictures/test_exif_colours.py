"""Adobe RGB that a camera names in EXIF."""

from __future__ import annotations

import base64
import io
import struct

import numpy as np
import pytest
from PIL import Image

from colour_values import PATCHES, expected
from odyssey_ros.client.images import prepare_image
from odyssey_ros.pictures.exif_colours import exif_encoding
from odyssey_ros.pictures.rgb_encoding import ADOBE_RGB
from picture_files import exif, file, jpeg, segment, tag, turned

UNCALIBRATED = 0xFFFF


def _camera(index: bytes = b"R03\0", space: int = UNCALIBRATED) -> bytes:
    """Return EXIF data as a camera writes it: IFD 0, the IFD of EXIF, and the one of interoperability."""
    at = 8 + 2 + 2 * 12 + 4
    photo = struct.pack("<H", 2) + tag(0xA001, 3, 1, struct.pack("<H", space))
    photo += tag(0xA005, 4, 1, struct.pack("<I", at + 2 + 2 * 12 + 4)) + bytes(4)
    interoperability = struct.pack("<H", 1) + tag(1, 2, 4, index) + bytes(4)
    return exif(turned(1), tag(0x8769, 4, 1, struct.pack("<I", at)), after=photo + interoperability)


@pytest.mark.parametrize(
    ("data", "is_adobe_rgb"),
    [
        (_camera(), True),
        (b"Exif\0\0" + _camera(), True),
        (_camera(b"R98\0"), False),
        (_camera(space=1), False),
        (_camera()[:-14], False),
        (exif(turned(1)), False),
        (exif(tag(0x8769, 4, 1, struct.pack("<I", 8))), False),  # refers to itself
        (exif(tag(0x8769, 4, 1, b"\xff\xff\xff\xff")), False),
        (b"", False),
    ],
)
def test_the_interoperability_index(data: bytes, is_adobe_rgb: bool) -> None:
    assert exif_encoding(data) == (ADOBE_RGB if is_adobe_rgb else None)


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_camera_s_adobe_rgb_becomes_srgb(in_memory: bool) -> None:
    picture = Image.fromarray(PATCHES).resize((1280, 704), Image.Resampling.NEAREST)
    photo = jpeg(picture, segment(0xE1, b"Exif\0\0" + _camera()))
    url = prepare_image(Image.open(io.BytesIO(photo)) if in_memory else photo, portrait=False)
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))), np.int16)
    height, width, _ = PATCHES.shape
    middles = found[704 // height // 2 :: 704 // height, 1280 // width // 2 :: 1280 // width][:height, :width]
    assert np.abs(middles - expected("Adobe RGB")).max() <= 6
    plain = prepare_image(file(picture, "JPEG"), portrait=False)
    assert plain != url
