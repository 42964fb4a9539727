"""ICC profiles; test_start_pictures.py has them in files of every format."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from colour_values import expected, srgb_levels
from icc_profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    PROPHOTO,
    SRGB,
    SRGB_CURVE,
    cmyk_profile,
    grey_profile,
    rgb_profile,
)
from odyssey_ros.pictures.profiles import ProfileError, lab_to_srgb, to_srgb

P3 = rgb_profile(DISPLAY_P3, SRGB_CURVE)
COLOURS = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)


@pytest.mark.parametrize(
    ("space", "profile"),
    [
        ("Display P3", P3),
        ("Adobe RGB", rgb_profile(ADOBE_RGB, 563 / 256)),
        ("ProPhoto", rgb_profile(PROPHOTO, 1.8)),
        ("linear sRGB", rgb_profile(SRGB, 1.0)),
    ],
)
def test_colours_are_right_within_1(space, profile):
    picture = to_srgb(Image.fromarray(COLOURS), profile)
    assert np.abs(np.asarray(picture) - expected(space, COLOURS)).max() < 1


@pytest.mark.parametrize(
    "profile",
    [
        rgb_profile(SRGB, SRGB_CURVE),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ],
)
def test_a_picture_in_srgb_is_returned_as_it_is(profile):
    picture = Image.fromarray(COLOURS)
    assert to_srgb(picture, profile) is picture


def test_grey_is_right_within_1():
    levels = np.arange(256, dtype=np.uint8)[None]
    picture = to_srgb(Image.fromarray(levels), grey_profile(1.0))
    assert picture.mode == "L"
    assert np.abs(np.asarray(picture) - srgb_levels(levels / 255)).max() < 1
    unchanged = Image.fromarray(levels)
    assert to_srgb(unchanged, grey_profile(SRGB_CURVE)) is unchanged


def test_grey_pictures_may_have_a_profile_for_rgb():
    levels = np.arange(256, dtype=np.uint8)[None]
    picture = to_srgb(Image.fromarray(levels), rgb_profile(SRGB, 1.0))
    assert np.abs(np.asarray(picture)[..., 1] - srgb_levels(levels / 255)).max() < 1


def test_white_paper_becomes_white():
    assert to_srgb(Image.new("CMYK", (1, 1)), cmyk_profile()).getpixel((0, 0)) == (255, 255, 255)


def test_lab():
    lab = Image.frombytes("LAB", (2, 1), bytes([255, 0, 0, 0, 0, 0]))
    assert np.abs(np.asarray(lab_to_srgb(lab), int) - [[[255] * 3, [0] * 3]]).max() <= 1


@pytest.mark.parametrize(
    ("profile", "text"),
    [
        (b"", "damaged"),
        (b"x" * 500, "damaged"),
        (P3[:128], "damaged"),
        (P3[:200], "damaged"),
        (P3[:12] + b"link" + P3[16:], "damaged"),
        (P3[:128] + struct.pack(">I", 2**31) + P3[132:], "damaged"),
        (P3[:132] + bytes(len(P3) - 132), "damaged"),
        (grey_profile(2.2), "it is for GRAY images, but the image is RGB"),
        (cmyk_profile(), "it is for CMYK images, but the image is RGB"),
        (P3[:16] + b"\x1b[31" + P3[20:], "it is for unknown images"),
    ],
)
def test_a_profile_that_cannot_be_used(profile, text):
    with pytest.raises(ProfileError, match=text):
        to_srgb(Image.fromarray(COLOURS), profile)
