"""Frames of one colour, encoded as YUV by the definitions of the standards and not by FFmpeg."""

from __future__ import annotations

from typing import NamedTuple

import av
import numpy as np

COLOURS = [
    (200, 30, 40),
    (30, 180, 60),
    (40, 50, 210),
    (250, 240, 20),
    (255, 255, 255),
    (0, 0, 0),
    (128, 128, 128),
]
# By the value of ISO/IEC 23091-2 (2 is unspecified, which means BT.601 here): the weights of red and blue.
_WEIGHTS = {
    1: (0.2126, 0.0722),
    2: (0.299, 0.114),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
_LIMITED, _FULL = 1, 2


class ColourCase(NamedTuple):
    """How a colour is encoded: pixel format, matrix, and range (0 is unspecified, which means limited)."""

    pixel_format: str
    matrix: int
    colour_range: int

    def __str__(self) -> str:
        return f"{self.pixel_format}-{self.matrix}-{self.colour_range}"


COLOUR_CASES = [
    *(ColourCase("yuv420p", matrix, colour_range) for matrix in _WEIGHTS for colour_range in (0, 1, 2)),
    *(ColourCase("yuvj420p", matrix, _FULL) for matrix in (1, 6)),
    *(ColourCase("yuv420p10le", matrix, colour_range) for matrix in (1, 9) for colour_range in (1, 2)),
    ColourCase("yuv422p", 1, _LIMITED),
    ColourCase("yuv444p", 1, _LIMITED),
]


def flat_frame(colour: tuple[int, int, int], case: ColourCase) -> av.VideoFrame:
    """Return a frame of one colour (R, G, B), 64x48."""
    bits = 10 if "10" in case.pixel_format else 8
    red, green, blue = (value / 255 for value in colour)
    weight_red, weight_blue = _WEIGHTS[case.matrix]
    luma = weight_red * red + (1 - weight_red - weight_blue) * green + weight_blue * blue
    chroma = (blue - luma) / (2 - 2 * weight_blue), (red - luma) / (2 - 2 * weight_red)
    scale, largest = 1 << (bits - 8), (1 << bits) - 1
    if case.colour_range == _FULL:
        values = luma * largest, *(128 * scale + value * largest for value in chroma)
    else:
        values = (16 + 219 * luma) * scale, *((128 + 224 * value) * scale for value in chroma)
    frame = av.VideoFrame(64, 48, case.pixel_format)
    for plane, value in zip(frame.planes, values, strict=True):
        sample = np.uint16 if bits > 8 else np.uint8
        count = plane.buffer_size // np.dtype(sample).itemsize
        plane.update(np.full(count, min(largest, round(value)), sample).tobytes())
    frame.colorspace, frame.color_range = case.matrix, case.colour_range
    return frame
