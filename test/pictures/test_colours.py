"""The choice between profile and numbers, for every mode; the values are in the tests of these modules."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from colour_values import expected
from icc_profiles import DISPLAY_P3, SRGB, SRGB_CURVE, grey_profile, rgb_profile
from odyssey_ros.pictures.colours import to_srgb
from odyssey_ros.pictures.metadata import Metadata
from odyssey_ros.pictures.rgb_encoding import from_code_points

P3 = Metadata(profile=rgb_profile(DISPLAY_P3, SRGB_CURVE))
GREEN = (50, 150, 90)
GREEN_IN_SRGB = expected("Display P3", np.array([[GREEN]]))[0, 0]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "RGBa", "RGBX", "L", "LA", "La", "CMYK", "YCbCr", "F"])
def test_a_picture_without_metadata_is_returned_as_it_is(mode):
    picture = Image.new(mode, (1, 1))
    assert to_srgb(picture, Metadata(orientation=6)) == (picture, "")


@pytest.mark.parametrize("metadata", [P3, Metadata(encoding=from_code_points(12, 13))])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "RGBX", "YCbCr"])
def test_colours_are_converted_in_every_mode(mode, metadata):
    picture, note = to_srgb(Image.new("RGB", (1, 1), GREEN).convert(mode), metadata)
    assert not note
    assert picture.mode == ("RGBA" if mode == "RGBA" else "RGB")
    within = 4 if mode == "YCbCr" else 1  # its own conversion is off by up to 2
    assert np.abs(np.array(picture.getpixel((0, 0))[:3]) - GREEN_IN_SRGB).max() <= within


def test_premultiplied_colours_are_converted_without_their_transparency():
    picture, _ = to_srgb(Image.new("RGBA", (1, 1), (*GREEN, 128)).convert("RGBa"), P3)
    assert picture.mode == "RGBA"
    assert picture.getpixel((0, 0))[3] == 128
    assert np.abs(np.array(picture.getpixel((0, 0))[:3]) - GREEN_IN_SRGB).max() <= 3


@pytest.mark.parametrize("mode", ["LA", "La"])
def test_grey_with_transparency(mode):
    picture, note = to_srgb(
        Image.new("LA", (1, 1), (60, 100)).convert(mode), Metadata(profile=grey_profile(1.0))
    )
    assert not note
    assert picture.convert("LA").getpixel((0, 0)) == pytest.approx((132, 100), abs=2)


def test_a_picture_in_srgb_is_not_copied():
    picture = Image.new("RGBA", (1, 1), (*GREEN, 128))
    converted, note = to_srgb(picture, Metadata(profile=rgb_profile(SRGB, SRGB_CURVE)))
    assert converted is picture
    assert not note


def test_a_profile_has_precedence_over_numbers():
    both = Metadata(profile=rgb_profile(SRGB, SRGB_CURVE), encoding=from_code_points(12, 13))
    picture = Image.new("RGB", (1, 1), GREEN)
    assert to_srgb(picture, both)[0] is picture


def test_notes():
    picture = Image.new("RGB", (1, 1), GREEN)
    converted, note = to_srgb(picture, Metadata(profile=b""))
    assert converted is picture
    assert note.startswith(
        "its colour profile cannot be used (it is damaged), so its colours are taken as sRGB"
    )
    assert "HDR" in to_srgb(picture, Metadata(encoding=from_code_points(9, 16)))[1]
