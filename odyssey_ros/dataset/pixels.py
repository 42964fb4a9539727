"""Decoded pictures as what the image messages hold, by the shortest way.

Conversions take one thread: FFmpeg's own take longer to wake than the work takes.
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
    """Makes packed RGB of decoded pictures. For one thread, and pictures of one size."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def convert(self, frame: VideoFrame) -> tuple[Buffer, int]:
        """Return the pixels, and the length of a row in bytes (which may be padded)."""
        rgb = self._reformatter.reformat(frame, format="rgb24", threads=1)
        plane = rgb.planes[0]
        return memoryview(plane)[: plane.line_size * plane.height], plane.line_size


class JpegEncoder:
    """Makes JPEG of decoded pictures, without a detour over RGB. For one thread.

    Args:
        quality: 1 to 100.
    """

    def __init__(self, quality: int) -> None:
        self._quality = quality
        self._reformatter = VideoReformatter()

    def encode(self, frame: VideoFrame) -> bytes:
        """Encode a picture, 4:2:0."""
        # JFIF has full range and the matrix of BT.601; video has neither, as a rule.
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
