"""Conversion of a decoded frame to the bytes of a message."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING

import numpy as np
import simplejpeg
from av.video.reformatter import VideoReformatter

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

# By sensor_msgs encoding: PyAV's pixel format, bytes per pixel, simplejpeg's colour space and subsampling.
PIXEL_FORMATS = {
    "rgb8": ("rgb24", 3, "RGB", "420"),
    "bgr8": ("bgr24", 3, "BGR", "420"),
    "mono8": ("gray", 1, "GRAY", "Gray"),
}


def bytes_per_pixel(encoding: str) -> int:
    """Return the number of bytes per pixel of a sensor_msgs encoding."""
    return PIXEL_FORMATS[encoding][1]


def image_format(encoding: str) -> str:
    """Return the `format` of a CompressedImage, as image_transport writes it."""
    return f"{encoding}; jpeg compressed {'mono8' if encoding == 'mono8' else 'bgr8'}"


class FrameConverter:
    """Converts frames into a buffer of its own: the result of `pixels` is valid until the next call.

    For one thread. libswscale converts without holding the interpreter's lock.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._buffer = array.array("B")

    def pixels(self, frame: av.VideoFrame, encoding: str) -> array.array[int]:
        """Return the pixels of a frame, row by row without padding, for `Image.data`.

        Args:
            frame: A frame of any pixel format.
            encoding: rgb8, bgr8 or mono8.
        """
        rows = self._rows(frame, encoding)
        if len(self._buffer) != rows.size:
            self._buffer = array.array("B", bytes(rows.size))
        np.copyto(np.frombuffer(self._buffer, np.uint8).reshape(rows.shape), rows)
        return self._buffer

    def jpeg(self, frame: av.VideoFrame, encoding: str, quality: int) -> array.array[int]:
        """Return the frame as a JPEG file of the given quality, 1 to 100."""
        _, depth, colorspace, subsampling = PIXEL_FORMATS[encoding]
        rows = self._rows(frame, encoding).reshape(frame.height, frame.width, depth)
        data = simplejpeg.encode_jpeg(
            np.ascontiguousarray(rows),
            quality=quality,
            colorspace=colorspace,
            colorsubsampling=subsampling,
        )
        return array.array("B", data)

    def _rows(self, frame: av.VideoFrame, encoding: str) -> NDArray[np.uint8]:
        pixel_format, depth, _, _ = PIXEL_FORMATS[encoding]
        plane = self._reformatter.reformat(frame, format=pixel_format).planes[0]
        rows: NDArray[np.uint8] = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return rows[: frame.height, : frame.width * depth]
