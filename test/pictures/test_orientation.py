"""The orientation in EXIF and XMP, and the eight ways to turn a picture."""

from __future__ import annotations

import pytest
from PIL import Image

from odyssey_ros.pictures.orientation import (
    SWAPS_SIDES,
    exif_orientation,
    memory_orientation,
    turn,
    xmp_orientation,
)
from picture_files import exif, is_upright, rational_by_zero, stored, tag, turned, upright


@pytest.mark.parametrize("value", range(1, 9))
def test_the_orientation_of_exif(value):
    assert exif_orientation(exif(turned(value))) == value
    assert exif_orientation(b"Exif\0\0" + exif(tag(0x010F, 2, 4, b"abc"), turned(value))) == value
    big = Image.Exif()
    big.endian = ">"
    big[0x0112] = value
    assert big.tobytes()[6:8] == b"MM"
    assert exif_orientation(memoryview(big.tobytes())) == value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"", None),
        (b"Exif\0\0", None),
        (b"II*\0", None),
        (b"II*\0\xff\xff\xff\xff", None),
        (b"garbage" * 10, None),
        (exif(), None),
        (exif(turned(0)), None),
        (exif(turned(9)), None),
        (exif(tag(0x0112, 2, 2, b"6")), None),
        (exif(tag(0x0112, 4, 1, b"\6")), 6),
        (exif(tag(0x0112, 1, 1, b"\6")), 6),
        (exif(turned(9), turned(3)), 3),
        (exif(turned(6), count=65_535), 6),
        (exif(turned(6))[:21], None),
        (rational_by_zero(5), 5),
    ],
)
def test_exif_with_errors(data, value):
    assert exif_orientation(data) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'tiff:Orientation="6"', 6),
        (b"tiff:Orientation = '3'", 3),
        (b"<tiff:Orientation>8</tiff:Orientation>", 8),
        (b'tiff:Orientation="9"', None),
        (b'tiff:Orientation="66"', None),
        (b'exif:Orientation="6"', None),
        (b"", None),
    ],
)
def test_the_orientation_of_xmp(text, value):
    assert xmp_orientation(text) == value


@pytest.mark.parametrize("value", range(1, 9))
def test_a_turned_picture_is_upright(value):
    picture = stored(value)
    assert (picture.size != upright().size) == (value in SWAPS_SIDES)
    assert turn(picture, value).tobytes() == upright().tobytes()
    assert is_upright(turn(picture, value))
    assert value == 1 or not is_upright(picture)


def test_the_orientation_that_a_program_has_set_counts():
    picture = upright()
    assert memory_orientation(picture) == 1
    picture.getexif()[0x0112] = 3
    assert memory_orientation(picture) == 3
    picture.getexif()[0x0112] = "6"
    assert memory_orientation(picture) == 1


def test_exif_that_pillow_cannot_read_is_read_without_pillow():
    picture = upright()
    picture.info["exif"] = b"garbage"
    assert memory_orientation(picture) == 1
    picture = upright()
    picture.info["exif"] = 5
    assert memory_orientation(picture) == 1
