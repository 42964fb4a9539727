"""Conversion of decoded pictures; test_bags.py compares whole videos."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
from PIL import Image

from flat_colours import COLOUR_CASES, COLOURS, ColourCase, flat_frame
from odyssey_ros.dataset.videos.pixels import JpegEncoder, Rgb8Converter

RED = (200, 30, 40)


def _picture(width: int, height: int) -> av.VideoFrame:
    rgb = np.full((height, width, 3), RED, np.uint8)
    return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")


@pytest.mark.parametrize(("width", "height"), [(64, 48), (66, 50)])
def test_rgb8_with_padded_rows(width: int, height: int) -> None:
    pixels, step = Rgb8Converter().convert(_picture(width, height))
    assert step >= width * 3
    rows = np.frombuffer(pixels, np.uint8).reshape(height, step)[:, : width * 3]
    assert np.abs(rows.reshape(height, width, 3).astype(int) - RED).max() <= 4


@pytest.mark.parametrize(("width", "height"), [(64, 48), (66, 50)])
def test_jpeg(width: int, height: int) -> None:
    data = JpegEncoder(95).encode(_picture(width, height))
    picture = np.asarray(Image.open(io.BytesIO(data)))
    assert picture.shape == (height, width, 3)
    assert np.abs(picture.astype(int) - RED).max() <= 6


def test_a_lower_quality_gives_fewer_bytes() -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (48, 64, 3), np.uint8)
    frame = av.VideoFrame.from_ndarray(noise, format="rgb24").reformat(format="yuv420p")
    assert len(JpegEncoder(20).encode(frame)) < len(JpegEncoder(95).encode(frame))


@pytest.mark.parametrize("case", COLOUR_CASES, ids=str)
@pytest.mark.parametrize("colour", COLOURS)
def test_colours_are_those_that_were_encoded(case: ColourCase, colour: tuple[int, int, int]) -> None:
    frame = flat_frame(colour, case)
    pixels, _ = Rgb8Converter().convert(frame)
    assert list(bytes(pixels)[:3]) == pytest.approx(list(colour), abs=3)
    picture = np.asarray(Image.open(io.BytesIO(JpegEncoder(98).encode(frame))))
    assert picture[20, 20] == pytest.approx(np.array(colour), abs=4)


def test_pictures_of_several_sizes() -> None:
    to_rgb, to_jpeg = Rgb8Converter(), JpegEncoder(95)
    kept = []
    for width, height in ((64, 48), (96, 64), (66, 50), (64, 48)):
        pixels, step = to_rgb.convert(_picture(width, height))
        kept.append((pixels, step, width, height))
        assert Image.open(io.BytesIO(to_jpeg.encode(_picture(width, height)))).size == (width, height)
    for pixels, step, width, height in kept:  # each has its own memory
        rows = np.frombuffer(pixels, np.uint8).reshape(height, step)[:, : width * 3]
        assert np.abs(rows.reshape(height, width, 3).astype(int) - RED).max() <= 4
