"""Conversion of an image message to an image from which a stream can start."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import numpy as np

from odyssey_ros.client import ErrorCode, OdysseyImageError
from odyssey_ros.client.images import MAX_IMAGE_PIXELS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sensor_msgs.msg import Image


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
    """The layout of a sensor_msgs encoding, in terms of libswscale.

    Attributes:
        little: libav's name of the pixel format.
        big: libav's name of the big-endian pixel format; None when the byte order makes no difference.
        planes: The planes in the order of the message.
        even_width: Whether the width must be even.
        even_height: Whether the height must be even.
    """

    little: str
    big: str | None
    planes: tuple[Plane, ...]
    even_width: bool = False
    even_height: bool = False


def _packed(name: str, depth: int) -> PixelLayout:
    return PixelLayout(name, None, (Plane(depth),))


def _packed_16(name: str, depth: int) -> PixelLayout:
    return PixelLayout(f"{name}le", f"{name}be", (Plane(depth),))


def _bayer(pattern: str) -> dict[str, PixelLayout]:
    name = f"bayer_{pattern}"
    return {
        f"{name}8": PixelLayout(f"{name}8", None, (Plane(1),), True, True),
        f"{name}16": PixelLayout(f"{name}16le", f"{name}16be", (Plane(2),), True, True),
    }


_UYVY = PixelLayout("uyvy422", None, (Plane(2),), even_width=True)
_YUYV = PixelLayout("yuyv422", None, (Plane(2),), even_width=True)

# sensor_msgs/image_encodings.hpp
LAYOUTS: dict[str, PixelLayout] = {
    "rgb8": _packed("rgb24", 3),
    "bgr8": _packed("bgr24", 3),
    "rgba8": _packed("rgba", 4),
    "bgra8": _packed("bgra", 4),
    "mono8": _packed("gray", 1),
    "rgb16": _packed_16("rgb48", 6),
    "bgr16": _packed_16("bgr48", 6),
    "rgba16": _packed_16("rgba64", 8),
    "bgra16": _packed_16("bgra64", 8),
    "mono16": _packed_16("gray16", 2),
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
        width, height = message.width, message.height
        if not width or not height or not message.data:
            raise OdysseyImageError("the image is empty")
        if width * height > MAX_IMAGE_PIXELS:
            raise OdysseyImageError(f"the image has too many pixels: {width}x{height}")
        layout = LAYOUTS.get(message.encoding)
        if layout is not None:
            _check(message, layout)
        elif not has_cv_bridge():
            raise OdysseyImageError(
                f"the encoding {message.encoding!r} is not supported: use one of {', '.join(LAYOUTS)}",
                code=ErrorCode.UNSUPPORTED_ENCODING,
            )
        return cls(message)

    def load(self) -> NDArray[np.uint8]:
        """Return the image as RGB, uint8, shape (height, width, 3). Takes milliseconds; for any thread.

        YUV is interpreted as BT.601 with limited range, as in OpenCV. Transparency is dropped, and 16 bits
        are reduced to 8.

        Raises:
            OdysseyImageError: cv_bridge, which converts encodings that are not in `LAYOUTS`, fails.
        """
        layout = LAYOUTS.get(self.message.encoding)
        return _by_cv_bridge(self.message) if layout is None else _by_libswscale(self.message, layout)


def has_cv_bridge() -> bool:
    """Return whether cv_bridge is installed, without importing it, which takes long."""
    return importlib.util.find_spec("cv_bridge") is not None


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


def _by_libswscale(message: Image, layout: PixelLayout) -> NDArray[np.uint8]:
    name = layout.big if message.is_bigendian and layout.big else layout.little
    frame = av.VideoFrame(message.width, message.height, name)
    data = np.frombuffer(message.data, np.uint8)
    start = 0
    for plane, target in zip(layout.planes, frame.planes, strict=True):
        rows, stride = message.height // plane.rows_of_height, plane.steps * message.step
        width = plane.row_bytes * message.width
        source = data[start : start + rows * stride]
        source = np.pad(source, (0, rows * stride - len(source))).reshape(rows, stride)
        pixels: NDArray[np.uint8] = np.frombuffer(memoryview(target), np.uint8).reshape(-1, target.line_size)
        pixels[:rows, :width] = source[:, :width]
        start += rows * stride
    try:
        return np.asarray(frame.reformat(format="rgb24").to_ndarray(), np.uint8)
    except (av.error.FFmpegError, ValueError) as error:
        raise OdysseyImageError(f"the image cannot be converted: {error}") from None


def _by_cv_bridge(message: Image) -> NDArray[np.uint8]:
    try:
        from cv_bridge import CvBridge  # noqa: PLC0415 -- optional and slow to import

        return np.ascontiguousarray(CvBridge().imgmsg_to_cv2(message, "rgb8"), np.uint8)
    except Exception as error:  # noqa: BLE001 -- OpenCV and numpy raise many kinds
        raise OdysseyImageError(
            f"cv_bridge cannot convert {message.encoding!r} to RGB: {error}",
            code=ErrorCode.UNSUPPORTED_ENCODING,
        ) from None
