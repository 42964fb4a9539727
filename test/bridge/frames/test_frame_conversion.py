"""Conversion of frames to message bytes."""

from __future__ import annotations

import av
import numpy as np
import pytest
import simplejpeg

from flat_colours import COLOUR_CASES, COLOURS, flat_frame
from odyssey_ros.bridge.frames.frame_conversion import FrameConverter, bytes_per_pixel, image_format

WIDTH, HEIGHT = 70, 36  # a width that libav pads


@pytest.fixture
def image():
    """An RGB image with a different colour in each corner."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[: HEIGHT // 2, : WIDTH // 2] = (255, 0, 0)
    pixels[: HEIGHT // 2, WIDTH // 2 :] = (0, 255, 0)
    pixels[HEIGHT // 2 :, : WIDTH // 2] = (0, 0, 255)
    return pixels


@pytest.fixture
def frame(image):
    return av.VideoFrame.from_ndarray(image, "rgb24")


@pytest.mark.parametrize(("encoding", "depth"), [("rgb8", 3), ("bgr8", 3), ("mono8", 1)])
def test_pixels_have_no_padding(frame, image, encoding, depth):
    assert bytes_per_pixel(encoding) == depth
    pixels = np.frombuffer(FrameConverter().pixels(frame, encoding), np.uint8)
    assert pixels.size == WIDTH * HEIGHT * depth
    if encoding == "mono8":
        red, green, blue = (pixels.reshape(HEIGHT, WIDTH)[y, x] for y, x in ((2, 2), (2, -3), (-3, 2)))
        assert green > red > blue
    else:
        expected = image if encoding == "rgb8" else image[..., ::-1]
        np.testing.assert_array_equal(pixels.reshape(image.shape), expected)


def test_the_buffer_is_reused_for_frames_of_the_same_size(frame):
    converter = FrameConverter()
    first = converter.pixels(frame, "rgb8")
    assert converter.pixels(frame, "bgr8") is first
    assert converter.pixels(frame, "mono8") is not first


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "mono8"])
def test_a_jpeg_has_the_image_whatever_the_encoding_of_the_message(frame, image, encoding):
    data = bytes(FrameConverter().jpeg(frame, encoding, 95))
    decoded = simplejpeg.decode_jpeg(data, "GRAY" if encoding == "mono8" else "RGB")
    assert decoded.shape == (HEIGHT, WIDTH, 1 if encoding == "mono8" else 3)
    if encoding != "mono8":
        assert np.abs(decoded[2, 2].astype(int) - image[2, 2]).max() < 30


def test_a_lower_quality_makes_a_smaller_jpeg():
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    frame = av.VideoFrame.from_ndarray(noise, "rgb24")
    sizes = [len(FrameConverter().jpeg(frame, "rgb8", quality)) for quality in (10, 90)]
    assert sizes[0] < sizes[1]


def test_formats_of_compressed_images():
    assert image_format("rgb8") == "rgb8; jpeg compressed bgr8"
    assert image_format("mono8") == "mono8; jpeg compressed mono8"


@pytest.mark.parametrize("case", COLOUR_CASES, ids=str)
@pytest.mark.parametrize("colour", COLOURS)
def test_colours_are_those_that_were_encoded(case, colour):
    """The live images have the colours of the recorded ones; see test/dataset/videos/test_pixels.py."""
    frame, converter = flat_frame(colour, case), FrameConverter()
    assert list(converter.pixels(frame, "rgb8")[:3]) == pytest.approx(list(colour), abs=3)
    assert list(converter.pixels(frame, "bgr8")[:3]) == pytest.approx(list(colour[::-1]), abs=3)
    picture = simplejpeg.decode_jpeg(bytes(converter.jpeg(frame, "rgb8", 98)))
    assert picture[20, 20] == pytest.approx(np.array(colour), abs=4)
    grey = round(np.dot(colour, (0.299, 0.587, 0.114)))
    assert converter.pixels(frame, "mono8")[0] == pytest.approx(grey, abs=3)
