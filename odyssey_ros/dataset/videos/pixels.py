"""Conversion of decoded pictures to the data of image messages.

Conversions use one thread: waking FFmpeg's threads takes longer than the conversion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import simplejpeg
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.plane import VideoPlane
    from numpy.typing import NDArray
    from typing_extensions import Buffer


class Rgb8Converter:
    """Converts decoded pictures of any size to packed RGB. For one thread."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def convert(self, frame: VideoFrame) -> tuple[Buffer, int]:
        """Return the pixels, and the length of a row in bytes, which may include padding."""
        rgb = self._reformatter.reformat(frame, format="rgb24", threads=1)
        plane = rgb.planes[0]
        return memoryview(plane)[: plane.line_size * plane.height], plane.line_size


class JpegEncoder:
    """Encodes decoded pictures of any size as JPEG, without a conversion to RGB. For one thread.

    Args:
        quality: 1 to 100.
    """

    def __init__(self, quality: int) -> None:
        self._quality = quality
        self._reformatter = VideoReformatter()

    def encode(self, frame: VideoFrame) -> bytes:
        """Return a picture as JPEG, 4:2:0."""
        # JFIF has full range and the matrix of BT.601; video usually has neither.
        full_range = self._reformatter.reformat(
            frame,
            format="yuvj420p",
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        y, u, v = (_pixels(plane) for plane in full_range.planes)
        jpeg: bytes = simplejpeg.encode_jpeg_yuv_planes(y, u, v, quality=self._quality)
        return jpeg


def _pixels(plane: VideoPlane) -> NDArray[np.uint8]:
    rows: NDArray[np.uint8] = np.frombuffer(memoryview(plane), np.uint8)[: plane.line_size * plane.height]
    return rows.reshape(plane.height, plane.line_size)[:, : plane.width]
