"""The modes of Pillow; test_images.py of the client has them in files."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from odyssey_ros.pictures.modes import eight_bits, mixable, on_white


@pytest.mark.parametrize(
    ("mode", "mixed"),
    [
        *((mode, mode) for mode in ("RGB", "RGBA", "RGBa", "RGBX", "L", "LA", "CMYK", "YCbCr", "I", "F")),
        *(("1", "L"), ("P", "RGB"), ("PA", "RGBA"), ("HSV", "RGB"), ("LAB", "RGB"), ("I;16", "I")),
    ],
)
def test_the_mode_in_which_pixels_are_mixed(mode, mixed):
    picture = Image.new(mode, (2, 2))
    converted = mixable(picture)
    assert converted.mode == mixed
    assert (converted is picture) == (mode == mixed)


@pytest.mark.parametrize(
    ("mode", "key", "mixed"), [("RGB", (1, 2, 3), "RGBA"), ("L", 5, "LA"), ("P", 0, "RGBA")]
)
def test_a_colour_that_means_transparency(mode, key, mixed):
    picture = Image.new(mode, (2, 2), key)
    picture.info["transparency"] = key
    converted = mixable(picture)
    assert converted.mode == mixed
    assert converted.getchannel("A").getextrema() == (0, 0)


def test_sixteen_bits_are_scaled():
    levels = Image.fromarray(np.array([[0, 257, 32_896, 65_535]], np.uint16))
    assert np.asarray(eight_bits(mixable(levels))).tolist() == [[0, 1, 128, 255]]
    picture = Image.new("RGB", (1, 1))
    assert eight_bits(picture) is picture


@pytest.mark.parametrize("mode", ["RGBA", "RGBa", "LA", "La"])
def test_transparent_areas_are_white(mode):
    white = on_white(
        Image.new("RGBA", (1, 1), (0, 0, 0, 0)).convert(mode if mode != "La" else "LA").convert(mode)
    )
    assert white.mode == "RGB"
    assert white.getpixel((0, 0)) == (255, 255, 255)
