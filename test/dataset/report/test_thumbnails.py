"""Thumbnails: their size, their colours, and the frames that get one."""

from __future__ import annotations

import base64

import av
import numpy as np
import pytest
import simplejpeg

from odyssey_ros.dataset.report.thumbnails import (
    MAX_IN_STRIPS,
    Thumbnailer,
    data_uri,
    spread,
    strip_length,
    thumbnail_size,
)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1280, 704), (160, 88)),
        ((704, 1280), (88, 160)),
        ((64, 48), (64, 48)),
        ((4096, 2), (160, 2)),
        ((161, 161), (160, 160)),
        ((1920, 1080), (160, 90)),
    ],
)
def test_the_longer_edge_is_bounded(size: tuple[int, int], expected: tuple[int, int]) -> None:
    width, height = size
    frame = av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), format="rgb24")
    rows, columns, _, _ = simplejpeg.decode_jpeg_header(Thumbnailer().thumbnail(frame))
    assert (columns, rows) == expected == thumbnail_size(width, height)


@pytest.mark.parametrize("pixel_format", ["rgb24", "yuv420p"])
def test_colours_stay(pixel_format: str) -> None:
    colours = np.array([(200, 40, 60), (30, 160, 90), (40, 60, 200), (235, 235, 235)], np.uint8)
    pixels = np.ascontiguousarray(np.broadcast_to(colours.repeat(320, 0), (704, 1280, 3)))
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pixel_format)
    small = simplejpeg.decode_jpeg(Thumbnailer().thumbnail(frame), "RGB")
    found = [small[40:48, 40 * at + 15 : 40 * at + 25].mean((0, 1)) for at in range(4)]
    assert np.abs(np.array(found) - colours).max() < 8


def test_a_noisy_picture_is_small() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (704, 1280, 3), np.uint8)
    jpeg = Thumbnailer().thumbnail(av.VideoFrame.from_ndarray(noise, format="rgb24"))
    assert len(jpeg) < 8000


def test_positions_are_spread_from_the_first_to_the_last() -> None:
    assert spread(10, 19, 4) == [10, 13, 16, 19]
    assert spread(5, 6, 4) == [5, 6]
    assert spread(5, 5, 4) == [5]
    assert spread(0, 10, 1) == [5]


def test_strips_are_shorter_with_many_prompts() -> None:
    assert strip_length(0) == strip_length(1) == strip_length(50) == 4
    assert [strip_length(prompts) for prompts in (51, 100, 101, 1000)] == [3, 2, 1, 1]
    assert all(prompts * strip_length(prompts) <= MAX_IN_STRIPS for prompts in range(1, MAX_IN_STRIPS + 1))


def test_a_data_uri_contains_the_picture() -> None:
    head, _, data = data_uri(b"\xff\xd8jpeg").partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(data) == b"\xff\xd8jpeg"
