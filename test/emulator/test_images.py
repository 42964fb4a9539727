"""Input images of every accepted type are decoded; others are refused."""

from __future__ import annotations

import base64
import io
import subprocess
import sys

import pillow_heif
import pytest
from PIL import Image

from avif_files import announcing
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


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("JPEG", {"progressive": True})])
def test_too_many_pixels_are_refused(kind, options):
    url = data_url(Image.new("L", (4_100, 4_100)), kind, f"image/{kind.lower()}", **options)
    with pytest.raises(InvalidImageError, match="too many pixels"):
        decode_data_url(url, LIMIT)


def test_a_shape_of_a_line_is_refused():
    with pytest.raises(InvalidImageError, match="32 times the other"):
        decode_data_url(data_url(Image.new("L", (1_000, 10)), "PNG", "image/png"), LIMIT)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_large_image_is_reduced_to_what_a_frame_needs(kind):
    image = Image.new("RGB", (4_400, 3_000), (200, 30, 40))
    pixels = decode_data_url(data_url(image, kind, f"image/{kind.lower()}"), LIMIT)
    assert pixels.shape == (1_500, 2_200, 3)
    assert abs(pixels.astype(int).mean(axis=(0, 1)) - (200, 30, 40)).max() < 3


@pytest.mark.parametrize("side", [64, 4096])
def test_an_avif_image_that_announces_another_size_is_refused(side):
    """Its decoder needs 200 MB for what the 2 kB contain, whatever they announce."""
    file = io.BytesIO()
    Image.new("RGB", (9_984, 9_984)).save(file, format="AVIF", speed=10)
    url = f"data:image/avif;base64,{base64.b64encode(announcing(file.getvalue(), side)).decode()}"
    with pytest.raises(InvalidImageError, match="too many pixels"):
        decode_data_url(url, LIMIT)


DECODING = """
import base64, io, sys, threading
from PIL import Image
from odyssey_ros.emulator.images import decode_data_url

def peak_kb():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])

def decode(url):
    assert decode_data_url(url, 1_000_000).shape[2] == 3

file = io.BytesIO()
Image.new("RGB", (8, 8)).save(file, "PNG")
head = "data:image/png;base64,"
decode(head + base64.b64encode(file.getvalue()).decode())
url = head + sys.stdin.read()
before = peak_kb()
threads = [threading.Thread(target=decode, args=(url,)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print((peak_kb() - before) // 1024)
"""


def test_images_of_several_clients_are_decoded_one_after_the_other():
    """Each of these images needs 67 MB, so four at the same time would need 270 MB."""
    file = io.BytesIO()
    Image.new("RGBA", (4_096, 4_096)).save(file, "PNG", compress_level=1)
    process = subprocess.run(
        [sys.executable, "-c", DECODING],
        input=base64.b64encode(file.getvalue()),
        capture_output=True,
        check=True,
    )
    assert int(process.stdout) < 260


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
