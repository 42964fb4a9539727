"""Thumbnails: which frames get one, and small JPEG pictures of them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

import numpy as np
import simplejpeg
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.plane import VideoPlane
    from numpy.typing import NDArray

LONGER_EDGE: Final = 160
"""Length of the longer edge of a thumbnail, in pixels."""

MAX_PER_STRIP: Final = 4
"""Thumbnails of a prompt."""

MAX_IN_STRIPS: Final = 200
"""Thumbnails in the strips of an episode. With more prompts than that, each has one."""

_QUALITY: Final = 70


class Thumbnailer:
    """Makes thumbnails of decoded pictures of any size. For one thread."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def thumbnail(self, frame: VideoFrame) -> bytes:
        """Return a picture as a JPEG whose longer edge has at most `LONGER_EDGE` pixels."""
        width, height = thumbnail_size(frame.width, frame.height)
        small = self._reformatter.reformat(
            frame,
            width,
            height,
            format="yuvj420p",
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.AREA,
            threads=1,
        )
        y, u, v = (_pixels(plane) for plane in small.planes)
        jpeg: bytes = simplejpeg.encode_jpeg_yuv_planes(y, u, v, quality=_QUALITY)
        return jpeg


def _pixels(plane: VideoPlane) -> NDArray[np.uint8]:
    rows: NDArray[np.uint8] = np.frombuffer(memoryview(plane), np.uint8)[: plane.line_size * plane.height]
    return np.ascontiguousarray(rows.reshape(plane.height, plane.line_size)[:, : plane.width])


def spread(first: int, last: int, count: int) -> list[int]:
    """Return at most `count` positions from `first` to `last`, both included, at equal distances.

    A single position is in the middle.
    """
    number = min(count, last - first + 1)
    if number == 1:
        return [(first + last) // 2]
    return [first + (last - first) * step // (number - 1) for step in range(number)]


def strip_length(prompts: int) -> int:
    """Return the number of thumbnails of each prompt of an episode with so many prompts."""
    return max(1, min(MAX_PER_STRIP, MAX_IN_STRIPS // max(1, prompts)))


def data_uri(jpeg: bytes) -> str:
    """Return a JPEG as a URI that contains it."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"


def thumbnail_size(width: int, height: int) -> tuple[int, int]:
    """Return the width and height of the thumbnail of a picture, in pixels."""
    edge = max(width, height, LONGER_EDGE)
    # Chroma planes have half the size, so both lengths are even.
    small_width, small_height = (
        2 * max(1, (length * LONGER_EDGE + edge) // (2 * edge)) for length in (width, height)
    )
    return small_width, small_height
