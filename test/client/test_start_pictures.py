"""Start pictures of every kind become upright sRGB: in the client's data URL, and in the emulator's decoder.

The emulator decodes both what the client sends and the file itself, as another client may send it.
"""

from __future__ import annotations

import base64
import io
import logging
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

import colour_values
import icc_profiles
from colour_values import PATCHES, expected, srgb_levels
from icc_profiles import ADOBE_RGB, DISPLAY_P3, PROPHOTO, SRGB, SRGB_CURVE, grey_profile, rgb_profile
from odyssey_ros.client.errors import ErrorCode, OdysseyImageError
from odyssey_ros.client.images import prepare_image
from odyssey_ros.emulator.images import decode_data_url
from picture_files import (
    XMP_TURNED,
    bmp,
    chunk,
    exif,
    file,
    is_upright,
    jpeg,
    png,
    profile_segments,
    rational_by_zero,
    segment,
    stored,
    tag,
    turned,
    upright,
    webp,
    with_code_points,
)

P3 = rgb_profile(DISPLAY_P3, SRGB_CURVE)
PROFILES = {
    "Display P3": P3,
    "Adobe RGB": rgb_profile(ADOBE_RGB, 563 / 256),
    "ProPhoto": rgb_profile(PROPHOTO, 1.8),
    "linear sRGB": rgb_profile(SRGB, 1.0),
}


def patches(mode="RGB", pixels=PATCHES):
    """Return an image with a patch for each pixel, in the shape of a landscape stream."""
    return Image.fromarray(pixels).resize((640, 352), Image.Resampling.NEAREST).convert(mode)


def sent(image):
    """Return the picture that the client sends."""
    url = prepare_image(image, portrait=False)
    picture = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    assert picture.format == "JPEG"
    assert not {"icc_profile", "exif", "xmp", "comment"} & set(picture.info)
    return picture


def shown(content):
    """Return the picture that the emulator shows for a file."""
    url = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return Image.fromarray(decode_data_url(url, 25 << 20))


def values(picture, shape=PATCHES.shape):
    """Return the pixels in the middle of the patches of a picture of any size."""
    height, width, _ = shape
    pixels = np.asarray(picture.convert("RGB"), float)
    rows = ((np.arange(height) + 0.5) * picture.height / height).astype(int)
    columns = ((np.arange(width) + 0.5) * picture.width / width).astype(int)
    return pixels[rows][:, columns]


def off_by(picture, wanted):
    """Return the largest difference from the right values, of 255."""
    return np.abs(values(picture, wanted.shape) - wanted).max()


@pytest.mark.parametrize("space", sorted(PROFILES))
def test_pictures_with_a_profile_become_srgb(space):
    content = png(patches(), chunk(b"iCCP", b"any\0\0" + zlib.compress(PROFILES[space])))
    wanted = expected(space)
    assert np.abs(PATCHES - wanted).max() > 40
    assert off_by(sent(content), wanted) <= 2
    assert off_by(shown(content), wanted) <= 2
    opened = Image.open(io.BytesIO(content))
    assert off_by(sent(opened), wanted) <= 2
    assert opened.info["icc_profile"] == PROFILES[space]


P3_FILES = {
    "JPEG": lambda: jpeg(patches(), profile_segments(P3, 60_000)),
    "JPEG, several segments": lambda: jpeg(patches(), profile_segments(P3, 100)),
    "JPEG, segments in another order": lambda: jpeg(
        patches(),
        *(
            segment(0xE2, b"ICC_PROFILE\0" + bytes([n, 2]) + part)
            for n, part in ((2, P3[200:]), (1, P3[:200]))
        ),
    ),
    "PNG, palette": lambda: png(
        patches().quantize(16), chunk(b"iCCP", b"P3\0\0" + zlib.compress(P3)), before=b"PLTE"
    ),
    "PNG, cICP": lambda: png(patches(), chunk(b"cICP", bytes([12, 13, 0, 1]))),
    "PNG, cICP before the profile": lambda: png(
        patches(),
        chunk(b"iCCP", b"x\0\0" + zlib.compress(PROFILES["ProPhoto"])),
        chunk(b"cICP", bytes([12, 13, 0, 1])),
    ),
    "WebP": lambda: webp(patches(), ICCP=P3, flags=0x20),
    "HEIF": lambda: file(patches(), "HEIF", icc_profile=P3),
    "HEIF, code points": lambda: with_code_points(file(patches(), "HEIF"), 12, 13),
    "AVIF": lambda: file(patches(), "AVIF", icc_profile=P3),
    "AVIF, code points": lambda: with_code_points(file(patches(), "AVIF"), 12, 13),
    "BMP": lambda: bmp(patches(), P3),
}


@pytest.mark.parametrize("kind", P3_FILES)
def test_display_p3_is_read_from_every_format(kind):
    content = P3_FILES[kind]()
    lossy = 2 if kind.startswith(("JPEG", "HEIF", "AVIF")) else 0  # the file's own encoder
    assert off_by(sent(content), expected("Display P3")) <= 2 + lossy
    assert off_by(shown(content), expected("Display P3")) <= 2 + lossy


SRGB_FILES = {
    "a profile": lambda: png(
        patches(), chunk(b"iCCP", b"x\0\0" + zlib.compress(rgb_profile(SRGB, SRGB_CURVE)))
    ),
    "sRGB": lambda: png(patches(), chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 100_000))),
    "gAMA 1/2.2": lambda: png(patches(), chunk(b"gAMA", struct.pack(">I", 45_455))),
    "cICP of sRGB": lambda: png(patches(), chunk(b"cICP", bytes([1, 13, 0, 1]))),
    "cHRM of sRGB": lambda: png(
        patches(),
        chunk(b"gAMA", struct.pack(">I", 45_455)),
        chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
    ),
}


@pytest.mark.parametrize("kind", SRGB_FILES)
def test_srgb_pictures_stay_as_they_are(kind):
    assert prepare_image(SRGB_FILES[kind](), portrait=False) == prepare_image(png(patches()), portrait=False)


def test_the_gamma_and_the_primaries_of_a_png_are_used():
    adobe = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
    content = png(patches(), chunk(b"gAMA", struct.pack(">I", 100_000)), chunk(b"cHRM", adobe))
    matrix = np.array(colour_values.TO_LINEAR_SRGB["Adobe RGB"])
    assert off_by(sent(content), srgb_levels(PATCHES / 255 @ matrix.T)) <= 2


@pytest.mark.parametrize("mode", ["L", "I;16", "LA"])
def test_grey_pictures_with_a_profile_become_srgb(mode):
    levels = np.array([[0, 20, 60, 110], [150, 200, 230, 255]], np.uint8)
    picture = Image.fromarray(levels).resize((640, 352), Image.Resampling.NEAREST)
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 257)
    elif mode == "LA":
        picture = picture.convert("LA")
    content = png(picture, chunk(b"iCCP", b"x\0\0" + zlib.compress(grey_profile(1.0))))
    wanted = srgb_levels(np.repeat(levels[..., None] / 255, 3, axis=2))
    assert off_by(sent(content), wanted) <= 2
    assert off_by(shown(content), wanted) <= 2


def test_a_grey_picture_with_an_rgb_profile_becomes_srgb():
    levels = np.array([[10, 60, 110, 250]], np.uint8)
    picture = Image.fromarray(levels).resize((640, 352), Image.Resampling.NEAREST)
    content = jpeg(picture, profile_segments(PROFILES["linear sRGB"], 60_000))
    assert off_by(sent(content), srgb_levels(np.repeat(levels[..., None] / 255, 3, axis=2))) <= 3


def test_a_cmyk_jpeg_with_a_profile_becomes_srgb():
    """Programs of Adobe store inverted values; the marker APP14 says so."""
    inks = np.array([[(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 0, 255)]], np.uint8)
    picture = Image.frombytes("CMYK", (4, 1), inks.tobytes()).resize((640, 352), Image.Resampling.NEAREST)
    content = jpeg(picture, profile_segments(icc_profiles.cmyk_profile(), 60_000))
    assert b"Adobe" in content
    # Lab 100, 0, 0; 75, -40, 0; 75, 40, 0; 75, 0, 0 of the profile, in sRGB by the definition of Lab.
    wanted = np.array([[(255, 255, 255), (80, 204, 185), (251, 155, 186), (185, 185, 185)]])
    for picture in (sent(content), shown(content)):
        pixels = values(picture, wanted.shape)
        assert np.abs(pixels[0, 0] - wanted[0, 0]).max() <= 2
        assert np.abs(pixels[0, 1:] - wanted[0, 1:]).max() <= 6


def test_lab_images_of_a_program_become_srgb():
    lab = Image.frombytes("LAB", (1, 1), bytes([round(75 * 2.55), 40, 0])).resize((640, 352))
    assert np.abs(values(sent(lab), (1, 1, 3)) - (251, 155, 186)).max() <= 3


@pytest.mark.parametrize("kind", ["PNG", "WebP"])
def test_a_profile_leaves_transparency_alone(kind):
    picture = patches("RGBA")
    picture.putalpha(Image.new("L", picture.size, 128))
    if kind == "PNG":
        content = png(picture, chunk(b"iCCP", b"x\0\0" + zlib.compress(P3)))
    else:
        content = webp(picture, ICCP=P3, flags=0x30)
    wanted = expected("Display P3") * (128 / 255) + 255 * (127 / 255)
    assert off_by(sent(content), wanted) <= 3
    assert off_by(shown(content), wanted) <= 3


def test_a_palette_with_transparency_is_shown_on_white():
    picture = patches().quantize(16)
    index = picture.getpixel((1, 1))
    content = png(picture, chunk(b"tRNS", bytes([255] * index + [0])), before=b"IDAT")
    wanted = PATCHES.astype(float)
    wanted[0, 0] = 255
    assert off_by(sent(content), wanted) <= 2
    assert off_by(shown(content), wanted) <= 2


@pytest.mark.parametrize(
    ("curve", "level", "wanted"), [(16, 148, 255), (16, 255, 255), (16, 0, 0), (18, 191, 254), (18, 255, 255)]
)
def test_hdr_is_shown_with_its_white_as_white(curve, level, wanted, caplog):
    """203 cd/m2 have the level 58 % in PQ and 75 % in HLG (BT.2408)."""
    content = png(Image.new("RGB", (640, 352), (level,) * 3), chunk(b"cICP", bytes([9, curve, 0, 1])))
    assert np.abs(values(sent(content), (1, 1, 3)) - wanted).max() <= 2
    assert "HDR" in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        jpeg(patches(), segment(0xE2, b"ICC_PROFILE\0\1\1" + b"x" * 300)),
        jpeg(patches(), segment(0xE2, b"ICC_PROFILE\0\1\2" + P3)),
        jpeg(patches(), segment(0xE2, b"ICC_PROFILE\0\1\1" + P3[:300])),
        jpeg(patches(), segment(0xE2, b"ICC_PROFILE\0")),
        jpeg(patches(), segment(0xE2, b"ICC_PROFILE\0\1\1" + icc_profiles.cmyk_profile())),
        png(patches(), chunk(b"iCCP", b"x\0\0garbage")),
        png(patches(), chunk(b"iCCP", b"x\0\0" + zlib.compress(P3), checksum_error=1)),
        png(patches(), chunk(b"iCCP", b"x\0\0" + zlib.compress(P3 + bytes(5 << 20)))),
        png(patches(), chunk(b"iCCP", b"x\0\0" + zlib.compress(grey_profile(2.2)))),
        webp(patches(), ICCP=b"garbage!", flags=0x20),
        file(patches(), "AVIF", icc_profile=P3[:100] + bytes(500)),
        file(patches(), "HEIF", icc_profile=P3[:100] + bytes(500)),
    ],
)
def test_a_profile_that_cannot_be_used_is_told_and_the_picture_is_taken_as_srgb(content, caplog):
    with caplog.at_level(logging.WARNING, "odyssey_ros.client"):
        picture = sent(content)
    assert off_by(picture, PATCHES.astype(float)) <= 4
    assert off_by(shown(content), PATCHES.astype(float)) <= 4
    (record,) = caplog.records
    assert record.getMessage().startswith("Start image: its colour profile cannot be used (it is ")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_applied_once(orientation):
    picture, data = stored(orientation), exif(turned(orientation))
    for content in (
        jpeg(picture, segment(0xE1, b"Exif\0\0" + data)),
        png(picture, chunk(b"eXIf", data)),
        webp(picture, EXIF=data, flags=8),
        file(picture, "AVIF", exif=data),
        file(picture, "HEIF", exif=data),
    ):
        assert is_upright(sent(content))
        assert is_upright(shown(content))


WRONG_TYPES = exif(
    tag(0x010F, 12, 1, b"abcd"), tag(0x0110, 2, 2**31, b"\xff" * 4), tag(0x0111, 99, 5, b""), turned(6)
)
EXIF = b"Exif\0\0"
GOOD_FILES = {
    "EXIF rational 72/0": lambda: jpeg(stored(6), segment(0xE1, EXIF + rational_by_zero(6))),
    "EXIF of wrong types": lambda: jpeg(stored(6), segment(0xE1, EXIF + WRONG_TYPES)),
    "EXIF that is cut off": lambda: jpeg(stored(6), segment(0xE1, EXIF + exif(turned(6), count=50))),
    "EXIF with an offset outside": lambda: jpeg(upright(), segment(0xE1, EXIF + b"II*\0" + b"\xff" * 4)),
    "EXIF without content": lambda: jpeg(upright(), segment(0xE1, EXIF)),
    "EXIF with garbage": lambda: jpeg(upright(), segment(0xE1, EXIF + b"\x93" * 500)),
    "orientation of the type LONG": lambda: jpeg(
        stored(6), segment(0xE1, EXIF + exif(tag(0x0112, 4, 1, b"\6")))
    ),
    "orientation as a text": lambda: jpeg(upright(), segment(0xE1, EXIF + exif(tag(0x0112, 2, 2, b"6")))),
    "orientation 9": lambda: jpeg(upright(), segment(0xE1, EXIF + exif(turned(9)))),
    "thumbnail outside": lambda: jpeg(
        stored(6),
        segment(0xE1, EXIF + exif(turned(6), tag(0x0201, 4, 1, b"\xff\xff"), tag(0x0202, 4, 1, b"\xff" * 4))),
    ),
    "JFIF without fields": lambda: jpeg(upright(), segment(0xE0, b"JFIF\0")),
    "Adobe without fields": lambda: jpeg(upright(), segment(0xEE, b"Adobe")),
    "IPTC with a wrong size": lambda: jpeg(
        upright(), segment(0xED, b"Photoshop 3.0\0008BIM\x03\xed" + b"\xff" * 5)
    ),
    "MPF with an offset outside": lambda: jpeg(upright(), segment(0xE2, b"MPF\0II*\0\xff\xff\xff\x7f")),
    "JPEG gain map": lambda: (
        jpeg(upright(), segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version="1.0"/>'))
        + jpeg(Image.new("L", (8, 8)))
    ),
    "JPEG with a tail": lambda: jpeg(upright()) + b"\xff\xd8tail" * 50,
    "JPEG with XMP": lambda: jpeg(stored(6), segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP_TURNED)),
    "zTXt of 5 MB": lambda: png(upright(), chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(5 << 20)))),
    "iTXt of 5 MB": lambda: png(upright(), chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(5 << 20)))),
    "70 MB of texts": lambda: png(
        upright(), *[chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1_000_000)))] * 70
    ),
    "tEXt with a wrong checksum": lambda: png(upright(), chunk(b"tEXt", b"a\0b", checksum_error=1)),
    "gAMA with a wrong checksum": lambda: png(
        upright(), chunk(b"gAMA", struct.pack(">I", 9), checksum_error=1)
    ),
    "short chunks": lambda: png(
        upright(), *(chunk(kind, b"") for kind in (b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"acTL", b"cICP"))
    ),
    "zTXt of an unknown method": lambda: png(upright(), chunk(b"zTXt", b"a\0\7x")),
    "eXIf rational 72/0": lambda: png(stored(6), chunk(b"eXIf", rational_by_zero(6))),
    "eXIf after the pixels": lambda: png(stored(6), chunk(b"eXIf", exif(turned(6))), before=b"IEND"),
    "EXIF of ImageMagick": lambda: png(
        stored(6),
        chunk(
            b"zTXt",
            b"Raw profile type exif\0\0"
            + zlib.compress(b"\nexif\n   36\n" + (EXIF + exif(turned(6))).hex().encode() + b"\n"),
        ),
    ),
    "PNG with XMP": lambda: png(stored(6), chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP_TURNED)),
    "PNG with a tail": lambda: png(upright()) + b"tail" * 50,
    "PNG whose last text is cut off": lambda: png(upright())[:-12] + chunk(b"tEXt", bytes(500))[:100],
    "WebP rational 72/0": lambda: webp(stored(6), EXIF=rational_by_zero(6), flags=8),
    "WebP with garbage": lambda: webp(upright(), EXIF=b"garbage", flags=8),
    "WebP with a prefix": lambda: webp(stored(6), EXIF=EXIF + exif(turned(6)), flags=8),
    "WebP with XMP": lambda: webp(stored(6), XMP=XMP_TURNED, flags=4),
    "WebP that announces what it has not": lambda: webp(upright(), flags=0x2C),
    "WebP with a tail": lambda: webp(upright()) + b"tail" * 50,
    "GIF with a long comment": lambda: file(upright(), "GIF", comment=b"x" * 100_000),
    "AVIF rational 72/0": lambda: file(stored(6), "AVIF", exif=rational_by_zero(6)),
    "AVIF with garbage": lambda: file(
        stored(6), "AVIF", exif=exif(tag(0x010F, 2, 4, b"abc"), turned(6))
    ).replace(b"MM\0*", b"xxxx"),
    "AVIF whose XMP disagrees": lambda: file(upright(), "AVIF", xmp=XMP_TURNED),
    "HEIF rational 72/0": lambda: file(stored(6), "HEIF", exif=rational_by_zero(6)),
    "HEIF with garbage": lambda: file(stored(6), "HEIF", exif=exif(turned(6))).replace(b"II*\0", b"xxxx"),
}


@pytest.mark.parametrize("kind", GOOD_FILES)
def test_good_pictures_with_bad_metadata_are_accepted(kind):
    content = GOOD_FILES[kind]()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert is_upright(sent(content))
        assert is_upright(shown(content))


def test_an_opened_image_with_bad_exif_is_accepted():
    """A program may open the file with Pillow, which raises an exception for all of EXIF."""
    opened = Image.open(io.BytesIO(webp(stored(6), EXIF=b"garbage", flags=8)))
    with pytest.raises(SyntaxError):
        opened.getexif()
    assert sent(opened).size == (1280, 704)
    opened = Image.open(io.BytesIO(jpeg(stored(6), segment(0xE1, EXIF + rational_by_zero(6)))))
    assert is_upright(sent(opened))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "HEIF"])
def test_pictures_with_damaged_pixels_are_still_refused(kind):
    content = file(upright(), kind)
    for damaged in (content[: len(content) // 2], content[:60]):
        with pytest.raises(OdysseyImageError) as caught:
            prepare_image(damaged, portrait=False)
        assert caught.value.code is ErrorCode.BAD_IMAGE
        with pytest.raises(ValueError, match="cannot be decoded"):
            shown(damaged)


def test_a_png_with_a_wrong_checksum_of_its_pixels_is_refused():
    content = bytearray(png(upright()))
    content[content.index(b"IDAT") + 20] ^= 0xFF
    with pytest.raises(OdysseyImageError, match="damaged"):
        prepare_image(bytes(content), portrait=False)
