"""The metadata in HEIF and AVIF files."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from icc_profiles import DISPLAY_P3, SRGB_CURVE, rgb_profile
from odyssey_ros.pictures.heif_items import separate
from odyssey_ros.pictures.metadata import MAX_PROFILE_BYTES, Metadata
from odyssey_ros.pictures.rgb_encoding import from_code_points
from picture_files import exif, file, tag, turned, upright, with_code_points

P3 = rgb_profile(DISPLAY_P3, SRGB_CURVE)
NAMED = exif(tag(0x010F, 2, 4, b"abc"), turned(6))


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_exif_and_xmp_are_hidden_and_the_profile_is_read(kind):
    content = file(upright(), kind, exif=NAMED, xmp=b"<x:xmpmeta/>", icc_profile=P3)
    kept, metadata = separate(content)
    assert metadata == Metadata(profile=P3)
    assert len(kept) == len(content)
    picture = Image.open(io.BytesIO(kept), formats=(kind,))
    assert not picture.info.get("xmp")
    assert b"abc" not in (picture.info.get("exif") or b"")
    assert picture.tobytes() == Image.open(io.BytesIO(content)).tobytes()


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_code_points(kind):
    content = file(upright(), kind)
    assert separate(content) == (content, Metadata())
    content = with_code_points(content, 9, 16)
    assert separate(content) == (content, Metadata(encoding=from_code_points(9, 16)))


def test_a_profile_that_is_too_large_is_empty():
    content = file(upright(), "AVIF", icc_profile=P3 + bytes(MAX_PROFILE_BYTES))
    assert separate(content)[1].profile == b""


def test_the_colours_of_another_item_do_not_count():
    """The alpha plane of this file is an item of its own, which has other properties."""
    content = file(upright().convert("RGBA"), "AVIF", icc_profile=P3)
    assert separate(content)[1].profile == P3
    at = content.index(b"pitm") + 8
    other = content[:at] + b"\0\2" + content[at + 2 :]
    assert separate(other)[1] == Metadata()


def test_damaged_files_raise_nothing():
    content = file(Image.new("RGB", (8, 8)), "AVIF", exif=NAMED, icc_profile=P3)
    end = content.index(b"mdat")
    for at in range(end):
        for value in (0, 1, 0xFF):
            separate(content[:at] + bytes([value]) + content[at + 1 :])
