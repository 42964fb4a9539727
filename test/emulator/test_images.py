"""Input images of every accepted type are decoded; others are refused."""

from __future__ import annotations

import base64
import io

import pillow_heif
import pytest
from PIL import Image

from odyssey_ros.emulator.images import InvalidImageError, decode_data_url

LIMIT = 1_000_000


def data_url(image, kind, media_type, **options):
    content = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(content)
    else:
        image.save(content, kind, **options)
    return f"data:{media_type};base64,{base64.b64encode(content.getvalue()).decode()}"


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("JPEG", "image/jpeg"),
        ("JPEG", "image/jpg"),
        ("PNG", "image/png"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("BMP", "image/bmp"),
        ("AVIF", "image/avif"),
        ("HEIF", "image/heic"),
        ("HEIF", "image/heif"),
    ],
)
def test_every_accepted_type_is_decoded(kind, media_type):
    pixels = decode_data_url(data_url(Image.new("RGB", (64, 32), (200, 30, 40)), kind, media_type), LIMIT)
    assert pixels.shape == (32, 64, 3)
    assert abs(pixels.astype(int).mean(axis=(0, 1)) - (200, 30, 40)).max() < 12


def test_an_image_is_rotated_by_its_exif_orientation():
    image = Image.new("RGB", (64, 32))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_data_url(data_url(image, "JPEG", "image/jpeg", exif=exif), LIMIT).shape == (64, 32, 3)


def test_every_colour_mode_becomes_rgb():
    for mode in ("RGBA", "L", "P", "1"):
        assert decode_data_url(data_url(Image.new(mode, (8, 8)), "PNG", "image/png"), LIMIT).shape == (
            8,
            8,
            3,
        )


def test_more_bytes_than_allowed_are_refused():
    url = data_url(Image.new("RGB", (700, 700)), "BMP", "image/bmp")
    with pytest.raises(InvalidImageError, match="larger than"):
        decode_data_url(url, LIMIT)


def test_too_many_pixels_are_refused():
    url = data_url(Image.new("1", (8_000, 8_000)), "PNG", "image/png")
    with pytest.raises(InvalidImageError, match="too many pixels"):
        decode_data_url(url, LIMIT)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "data:",
        "data:image/png;base64",
        "data:image/png;base64,%%%",
        "http://127.0.0.1/x.png",
        "data:;base64,AAAA",
    ],
)
def test_anything_but_an_image_data_url_is_refused(url):
    with pytest.raises(InvalidImageError):
        decode_data_url(url, LIMIT)


def test_a_heif_file_beyond_the_limits_of_its_decoder_is_refused():
    """libheif raises other exceptions than Pillow."""
    url = data_url(Image.new("RGB", (16, 16)), "HEIF", "image/heic")
    head, _, body = url.partition(",")
    content = bytearray(base64.b64decode(body))
    at = content.index(b"iinf") + 8
    content[at : at + 2] = b"\xff\xff"  # the number of items
    with pytest.raises(InvalidImageError, match="cannot be decoded"):
        decode_data_url(f"{head},{base64.b64encode(content).decode()}", LIMIT)


def test_the_refusal_of_a_type_has_no_control_characters():
    with pytest.raises(InvalidImageError, match="images of type unknown are not supported"):
        decode_data_url("data:image/\x1b[31mx;base64,aGk=", LIMIT)
