"""Opening of files within the limits; the tests of the client have every format, size and orientation."""

from __future__ import annotations

import pytest
from PIL import Image

from odyssey_ros.pictures.decoding import DECODE_ERRORS, image_format, open_picture
from odyssey_ros.pictures.limits import ImageLimitError
from picture_files import exif, file, stored, turned

KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "HEIF")


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_is_opened(kind):
    content = file(Image.new("RGB", (64, 32), "red"), kind)
    assert image_format(content) == kind
    picture, metadata = open_picture(content, kind, enough=1280)
    assert picture.format == kind
    assert picture.size == (64, 32)
    assert metadata.orientation == 1


def test_a_large_jpeg_is_opened_at_a_part_of_its_size():
    content = file(Image.new("L", (4000, 3000)), "JPEG")
    assert open_picture(content, "JPEG", enough=1280)[0].size == (2000, 1500)
    assert open_picture(content, "JPEG", enough=640)[0].size == (1000, 750)


@pytest.mark.parametrize(("kind", "orientation"), [("JPEG", 6), ("AVIF", 6), ("HEIF", 1)])
def test_the_orientation_that_the_decoder_leaves_to_the_caller(kind, orientation):
    """The decoder of HEIF turns the picture itself."""
    data = exif(turned(6))
    content = file(stored(6), kind, exif=b"Exif\0\0" + data if kind == "JPEG" else data)
    picture, metadata = open_picture(content, kind, enough=1280)
    assert metadata.orientation == orientation
    assert (picture.width < picture.height) == (orientation == 6)


def test_a_picture_beyond_the_limits_is_refused():
    content = file(Image.new("L", (4200, 4200)), "PNG")
    with pytest.raises(ImageLimitError, match="too many pixels"):
        open_picture(content, "PNG", enough=1280)


@pytest.mark.parametrize("kind", KINDS)
def test_garbage_is_an_error_of_the_decoder(kind):
    with pytest.raises(DECODE_ERRORS):
        open_picture(b"garbage" * 20, kind, enough=1280)


@pytest.mark.parametrize("data", [b"", b"x", b"II*\0", b"RIFF....AVI ", b"....ftypmp42", b"%PDF-1.7"])
def test_other_files_have_no_format(data):
    assert image_format(data) is None
