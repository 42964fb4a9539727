"""The fitting of images to a size; test_images.py has modes, orientations and memory."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from odyssey_ros.client.image_fitting import fit


def noise(size, channels):
    values = np.random.default_rng(3).integers(0, 256, (size[1], size[0], channels), np.uint8)
    return Image.fromarray(values[..., 0] if channels == 1 else values)


@pytest.mark.parametrize("size", [(64, 36), (100, 300), (37, 11), (1, 1)])
def test_the_result_is_that_of_pillow(size):
    picture = noise(size, 3)
    expected = ImageOps.fit(picture, (32, 18), Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(fit(picture, (32, 18)), int) - np.asarray(expected, int)).max() <= 1


def test_transparency_is_flattened_after_the_reduction():
    picture = noise((64, 36), 4)
    white = Image.new("RGBA", picture.size, "white")
    expected = ImageOps.fit(
        Image.alpha_composite(white, picture).convert("RGB"), (32, 18), Image.Resampling.LANCZOS
    )
    # Premultiplied pixels have 8 bits, and Lanczos clips at a different place.
    assert np.abs(np.asarray(fit(picture, (32, 18)), int) - np.asarray(expected, int)).mean() < 4


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
    assert fit(picture, (32, 18)).mode == "RGB"
    assert set(converted) <= {(32, 18)}
