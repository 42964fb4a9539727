"""What is left of a file without metadata; test_start_pictures.py has the files with errors."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from icc_profiles import DISPLAY_P3, SRGB_CURVE, rgb_profile
from odyssey_ros.pictures import containers
from odyssey_ros.pictures.containers import separate
from odyssey_ros.pictures.metadata import MAX_PROFILE_BYTES, Metadata
from odyssey_ros.pictures.rgb_encoding import from_code_points
from picture_files import (
    XMP_TURNED,
    bmp,
    chunk,
    exif,
    file,
    jpeg,
    png,
    profile_segments,
    segment,
    turned,
    upright,
    webp,
)

P3 = rgb_profile(DISPLAY_P3, SRGB_CURVE)
FILES = {
    "JPEG": lambda picture: jpeg(
        picture,
        segment(0xE1, b"Exif\0\0" + exif(turned(6))),
        profile_segments(P3, 60_000),
        segment(0xFE, b"comment"),
        segment(0xED, b"Photoshop 3.0\0"),
    ),
    "PNG": lambda picture: png(
        picture,
        chunk(b"eXIf", exif(turned(6))),
        chunk(b"iCCP", b"x\0\0" + zlib.compress(P3)),
        chunk(b"tEXt", b"comment\0comment"),
    ),
    "WEBP": lambda picture: webp(picture, EXIF=exif(turned(6)), ICCP=P3, flags=0x28),
}


@pytest.mark.parametrize("kind", FILES)
def test_the_pixels_are_left_and_the_metadata_are_read(kind):
    content, metadata = separate(FILES[kind](upright()), kind)
    assert metadata == Metadata(6, P3)
    picture = Image.open(io.BytesIO(content), formats=(kind,))
    assert not {"exif", "icc_profile", "comment", "photoshop"} & set(picture.info)
    assert picture.tobytes() == Image.open(io.BytesIO(file(upright(), kind))).tobytes()
    assert separate(content, kind) == (content, Metadata())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "HEIF"])
def test_a_file_that_is_cut_off_anywhere_raises_nothing(kind):
    content = FILES.get(kind, lambda picture: file(picture, kind))(Image.new("RGB", (8, 8)))
    for length in range(len(content)):
        separate(content[:length], kind)


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
@pytest.mark.parametrize("keep_rgb", [False, True])
def test_the_colours_of_a_jpeg_stay(mode, keep_rgb):
    """They depend on the markers of JFIF and Adobe."""
    picture = Image.new("RGB", (8, 8), (200, 100, 50)).convert(mode)
    content = file(picture, "JPEG", keep_rgb=keep_rgb)
    kept, _ = separate(content, "JPEG")
    pictures = [Image.open(io.BytesIO(data)) for data in (content, kept)]
    assert pictures[0].mode == pictures[1].mode == mode
    assert pictures[0].tobytes() == pictures[1].tobytes()


def test_a_transparent_colour_stays():
    content = png(Image.new("RGB", (4, 4)), transparency=(0, 0, 0))
    assert separate(content, "PNG") == (content, Metadata())


def test_only_the_first_picture_of_an_animation_stays():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    content, _ = separate(file(frames[0], "PNG", save_all=True, append_images=frames[1:]), "PNG")
    assert b"acTL" not in content
    assert b"fdAT" not in content
    assert Image.open(io.BytesIO(content)).convert("RGB").getpixel((0, 0)) == (255, 0, 0)


def test_code_points_have_precedence_over_a_profile():
    chunks = chunk(b"iCCP", b"x\0\0" + zlib.compress(P3)), chunk(b"cICP", bytes([9, 16, 0, 1]))
    _, metadata = separate(png(upright(), *chunks), "PNG")
    assert metadata == Metadata(encoding=from_code_points(9, 16))


def test_exif_has_precedence_over_xmp():
    segments = (
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP_TURNED),
        segment(0xE1, b"Exif\0\0" + exif(turned(3))),
    )
    assert separate(jpeg(upright(), *segments), "JPEG")[1].orientation == 3


def test_a_profile_that_is_too_large_is_empty():
    large = bytes(MAX_PROFILE_BYTES + 1)
    named = b"x\0\0" + zlib.compress(large)
    assert separate(png(upright(), chunk(b"iCCP", named)), "PNG")[1].profile == b""
    assert separate(webp(upright(), ICCP=large, flags=0x20), "WEBP")[1].profile == b""
    assert separate(jpeg(upright(), profile_segments(large, 60_000)), "JPEG")[1].profile == b""
    assert separate(bmp(upright(), large), "BMP")[1].profile == b""


def test_more_chunks_than_are_read_are_left_to_the_decoder():
    content = png(upright(), *[chunk(b"teSt", b"")] * 100_001)
    kept, _ = separate(content, "PNG")
    assert kept.count(b"teSt") < 10
    assert Image.open(io.BytesIO(kept)).convert("RGB").tobytes() == upright().tobytes()


def test_many_texts_and_profiles_take_no_time():
    """A file of this kind with the allowed 25 MB would otherwise take minutes."""
    text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(1_000_000)))
    read = []
    original = containers._inflated
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(containers, "_inflated", lambda *arguments: read.append(1) or original(*arguments))
        separate(png(upright(), *[text] * 1000), "PNG")
    assert len(read) <= 3


def test_a_text_that_is_no_hexadecimal_number_has_no_orientation():
    text = b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 3\n\xff\xffzz\n")
    assert separate(png(upright(), chunk(b"zTXt", text)), "PNG")[1] == Metadata()


def test_fill_bytes_before_a_segment_are_skipped():
    content = jpeg(upright(), b"\xff\xff\xff" + segment(0xE1, b"Exif\0\0" + exif(turned(6))))
    kept, metadata = separate(content, "JPEG")
    assert metadata == Metadata(6)
    assert Image.open(io.BytesIO(kept)).tobytes() == Image.open(io.BytesIO(jpeg(upright()))).tobytes()


def test_the_length_of_a_segment_is_checked():
    content = jpeg(upright())
    for length in (0, 1, 65_535):
        odd = content[:2] + b"\xff\xe1" + struct.pack(">H", length) + content[2:]
        assert separate(odd, "JPEG") == (odd, Metadata())
