"""Conversion of an image message to an image from which a stream can start."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import av
import numpy as np
from sensor_msgs.msg import Image

from odyssey_ros.client import ErrorCode, OdysseyImageError
from odyssey_ros.client.image_limits import MAX_IMAGE_PIXELS, check_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odyssey_ros.bridge.live.cv_bridge_conversion import CvBridgeConversion


MAX_MESSAGE_BYTES: Final = 8 * MAX_IMAGE_PIXELS
"""Maximum size of `data`: that of the largest image with four channels of 16 bits."""


@dataclass(frozen=True, slots=True)
class Plane:
    """The memory layout of one plane of an image.

    Attributes:
        row_bytes: Bytes of a row for each pixel of the image's width.
        steps: The distance between two rows, in units of the message's `step`.
        rows_of_height: The number of image rows that share one row of the plane.
    """

    row_bytes: int
    steps: int = 1
    rows_of_height: int = 1


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """The layout of a sensor_msgs encoding, in terms of libswscale and cv_bridge.

    Attributes:
        little: libav's name of the pixel format.
        big: libav's name of the big-endian pixel format; None when the byte order makes no difference.
        planes: The planes in the order of the message.
        even_width: Whether the width must be even.
        even_height: Whether the height must be even.
        cv_bridge: The name of the encoding in cv_bridge; None when cv_bridge cannot convert it.
    """

    little: str
    big: str | None
    planes: tuple[Plane, ...]
    even_width: bool = False
    even_height: bool = False
    cv_bridge: str | None = None


def _packed(encoding: str, name: str, depth: int) -> dict[str, PixelLayout]:
    return {encoding: PixelLayout(name, None, (Plane(depth),), cv_bridge=encoding)}


def _packed_16(encoding: str, name: str, depth: int) -> dict[str, PixelLayout]:
    return {encoding: PixelLayout(f"{name}le", f"{name}be", (Plane(depth),), cv_bridge=encoding)}


def _bayer(pattern: str) -> dict[str, PixelLayout]:
    name = f"bayer_{pattern}"
    return {
        f"{name}8": PixelLayout(f"{name}8", None, (Plane(1),), True, True, f"{name}8"),
        f"{name}16": PixelLayout(f"{name}16le", f"{name}16be", (Plane(2),), True, True, f"{name}16"),
    }


_UYVY = PixelLayout("uyvy422", None, (Plane(2),), even_width=True, cv_bridge="yuv422")
_YUYV = PixelLayout("yuyv422", None, (Plane(2),), even_width=True, cv_bridge="yuv422_yuy2")

# sensor_msgs/image_encodings.hpp. cv_bridge (3.2 and 3.4 were read) can convert no other encoding to rgb8.
LAYOUTS: dict[str, PixelLayout] = {
    **_packed("rgb8", "rgb24", 3),
    **_packed("bgr8", "bgr24", 3),
    **_packed("rgba8", "rgba", 4),
    **_packed("bgra8", "bgra", 4),
    **_packed("mono8", "gray", 1),
    **_packed_16("rgb16", "rgb48", 6),
    **_packed_16("bgr16", "bgr48", 6),
    **_packed_16("rgba16", "rgba64", 8),
    **_packed_16("bgra16", "bgra64", 8),
    **_packed_16("mono16", "gray16", 2),
    **_bayer("rggb"),
    **_bayer("bggr"),
    **_bayer("gbrg"),
    **_bayer("grbg"),
    "uyvy": _UYVY,
    "yuv422": _UYVY,
    "yuyv": _YUYV,
    "yuv422_yuy2": _YUYV,
    "nv21": PixelLayout("nv21", None, (Plane(1), Plane(1, 1, 2)), True, True),
    "nv24": PixelLayout("nv24", None, (Plane(1), Plane(2, 2))),
}


@dataclass(frozen=True, slots=True)
class ImagePrompt:
    """An image from which the next stream starts: a checked message that is converted later."""

    message: Image

    @classmethod
    def parse(cls, message: Image) -> ImagePrompt:
        """Check a message without converting its pixels.

        Raises:
            OdysseyImageError: The message is not a valid image, or its encoding is not supported
                (`UNSUPPORTED_ENCODING`).
        """
        if not message.data:
            raise OdysseyImageError("the image is empty")
        check_size(message.width, message.height)
        if len(message.data) > MAX_MESSAGE_BYTES:
            raise OdysseyImageError(
                f"data has {len(message.data)} bytes, but may have {MAX_MESSAGE_BYTES}: remove the padding"
            )
        layout = LAYOUTS.get(message.encoding)
        if layout is None:
            raise OdysseyImageError(
                f"the encoding {message.encoding!r} is not supported: use one of {', '.join(LAYOUTS)}",
                code=ErrorCode.UNSUPPORTED_ENCODING,
            )
        _check(message, layout)
        return cls(message)

    def load(self, cv_bridge: CvBridgeConversion | None = None) -> NDArray[np.uint8]:
        """Return the image as RGB, uint8, shape (height, width, 3). Takes milliseconds; for any thread.

        YUV is interpreted as BT.601 with limited range, as in OpenCV. Transparency is dropped, and 16 bits
        are reduced to 8.

        Args:
            cv_bridge: Converts the encodings that it knows; libswscale converts the others, and all of them
                when cv_bridge cannot be used. The results are alike.

        Raises:
            OdysseyImageError: The image cannot be converted.
        """
        layout = LAYOUTS[self.message.encoding]
        if cv_bridge is not None and layout.cv_bridge is not None:
            image = cv_bridge.rgb(_unpadded(self.message, layout, layout.cv_bridge))
            if image is not None:
                return image
        return _by_libswscale(self.message, layout)


def _check(message: Image, layout: PixelLayout) -> None:
    width, height = message.width, message.height
    if (layout.even_width and width % 2) or (layout.even_height and height % 2):
        raise OdysseyImageError(f"a {message.encoding} image cannot have the size {width}x{height}")
    row = max(plane.row_bytes * width // plane.steps for plane in layout.planes)
    if message.step < row:
        raise OdysseyImageError(f"step is {message.step}, but a row has {row} bytes")
    needed = sum(plane.steps * message.step * height // plane.rows_of_height for plane in layout.planes)
    # The padding of the last row may be missing.
    if len(message.data) < needed - (message.step - row):
        raise OdysseyImageError(f"data has {len(message.data)} bytes, but the image needs {needed}")


def _unpadded(message: Image, layout: PixelLayout, encoding: str) -> Image:
    """Return a message with one plane as cv_bridge needs it: no row padding, and the machine's byte order.

    cv_bridge shears an image whose padding is no multiple of a pixel, and the byte order of the other machine
    raises an exception with numpy 2.
    """
    width = layout.planes[0].row_bytes * message.width
    rows = _rows(message, 0, message.height, message.step, width)
    if layout.big is not None and bool(message.is_bigendian) != (sys.byteorder == "big"):
        rows = np.ascontiguousarray(rows).view(np.uint16).byteswap().view(np.uint8)
    return Image(
        height=message.height,
        width=message.width,
        encoding=encoding,
        is_bigendian=sys.byteorder == "big",
        step=width,
        data=rows.tobytes(),
    )


def _rows(message: Image, start: int, rows: int, stride: int, width: int) -> NDArray[np.uint8]:
    """Return the rows of a plane without their padding, and without a copy."""
    # The buffer is checked to hold the last byte; the padding of the last row may be missing.
    return np.ndarray((rows, width), np.uint8, message.data, start, (stride, 1))


def _by_libswscale(message: Image, layout: PixelLayout) -> NDArray[np.uint8]:
    name = layout.big if message.is_bigendian and layout.big else layout.little
    try:
        frame = av.VideoFrame(message.width, message.height, name)
        start = 0
        for plane, target in zip(layout.planes, frame.planes, strict=True):
            rows, stride = message.height // plane.rows_of_height, plane.steps * message.step
            width = plane.row_bytes * message.width
            pixels: NDArray[np.uint8] = np.frombuffer(memoryview(target), np.uint8)
            pixels = pixels.reshape(-1, target.line_size)
            pixels[:rows, :width] = _rows(message, start, rows, stride, width)
            start += rows * stride
        return np.asarray(frame.reformat(format="rgb24").to_ndarray(), np.uint8)
    except (av.error.FFmpegError, ValueError, MemoryError) as error:
        raise OdysseyImageError(f"the image cannot be converted: {error}") from None
