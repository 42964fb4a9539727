"""The fitting of images to a size; test_images.py has modes, orientations and memory."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from icc_profiles import DISPLAY_P3, SRGB_CURVE, rgb_profile
from odyssey_ros.client.image_fitting import fit
from odyssey_ros.pictures.colours import to_srgb
from odyssey_ros.pictures.metadata import Metadata


def noise(size, channels):
    values = np.random.default_rng(3).integers(0, 256, (size[1], size[0], channels), np.uint8)
    return Image.fromarray(values[..., 0] if channels == 1 else values)


def fitted(picture):
    image, note = fit(picture, Metadata(), (32, 18))
    assert not note
    return image


@pytest.mark.parametrize("size", [(64, 36), (100, 300), (37, 11), (1, 1)])
def test_the_result_is_that_of_pillow(size):
    picture = noise(size, 3)
    expected = ImageOps.fit(picture, (32, 18), Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(fitted(picture), int) - np.asarray(expected, int)).max() <= 1


def test_transparency_is_flattened_after_the_reduction():
    picture = noise((64, 36), 4)
    white = Image.new("RGBA", picture.size, "white")
    expected = ImageOps.fit(
        Image.alpha_composite(white, picture).convert("RGB"), (32, 18), Image.Resampling.LANCZOS
    )
    # Premultiplied pixels have 8 bits, and Lanczos clips at a different place.
    assert np.abs(np.asarray(fitted(picture), int) - np.asarray(expected, int)).mean() < 4


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "I", "F", "CMYK"])
def test_only_a_small_copy_is_converted(mode, monkeypatch):
    picture = Image.new(mode, (640, 360))
    converted = []
    convert = Image.Image.convert

    def record(image, *arguments, **options):
        if arguments[0] not in {"RGBa", "La"}:  # the premultiplied copy of `resize`
            converted.append(image.size)
        return convert(image, *arguments, **options)

    monkeypatch.setattr(Image.Image, "convert", record)
    assert fitted(picture).mode == "RGB"
    assert set(converted) <= {(32, 18)}


def test_colours_and_orientation_are_applied_at_the_small_size():
    picture = noise((640, 360), 3)
    metadata = Metadata(6, rgb_profile(DISPLAY_P3, SRGB_CURVE))
    image, note = fit(picture, metadata, (18, 32))
    expected = to_srgb(fitted(picture), metadata)[0].transpose(Image.Transpose.ROTATE_270)
    assert not note
    assert np.array_equal(np.asarray(image), np.asarray(expected))


def test_nothing_of_the_file_is_left_in_the_result():
    picture = noise((64, 36), 3)
    picture.info |= {"comment": b"x" * 70_000, "icc_profile": b"x", "exif": b"x"}
    image, note = fit(picture, Metadata(profile=b"x"), (32, 18))
    assert image.info == {}
    assert "colours are taken as sRGB" in note
    assert picture.info["comment"]
