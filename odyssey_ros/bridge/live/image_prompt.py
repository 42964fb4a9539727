"""A picture from the graph as a picture that a stream can start from."""

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
    """Where the rows of a picture's plane are.

    Attributes:
        row_bytes: Bytes of a row, for each pixel of the picture's width.
        steps: Distance of two rows, in the message's steps.
        rows_of_height: How many rows of the picture share one row of the plane.
    """

    row_bytes: int
    steps: int = 1
    rows_of_height: int = 1


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """An encoding of sensor_msgs as libswscale knows it.

    Attributes:
        little: libav's name of the pixel format.
        big: The same for big-endian pixels; None where that makes no difference.
        planes: The planes, one after the other.
        even_width: Whether pixels come in pairs, side by side.
        even_height: Whether they come in pairs, one above the other.
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
    """A picture that the next stream starts from; its message has been checked, its pixels wait."""

    message: Image

    @classmethod
    def parse(cls, message: Image) -> ImagePrompt:
        """Take a message. Costs nothing to speak of.

        Raises:
            OdysseyImageError: It is no picture, or (UNSUPPORTED_ENCODING) one that nothing here can read.
        """
        width, height = message.width, message.height
        if not width or not height or not message.data:
            raise OdysseyImageError("the picture is empty")
        if width * height > MAX_IMAGE_PIXELS:
            raise OdysseyImageError(f"the picture has too many pixels: {width}x{height}")
        layout = LAYOUTS.get(message.encoding)
        if layout is not None:
            _check(message, layout)
        elif not has_cv_bridge():
            raise OdysseyImageError(
                f"nothing here can read the encoding {message.encoding!r}; known are {', '.join(LAYOUTS)}",
                code=ErrorCode.UNSUPPORTED_ENCODING,
            )
        return cls(message)

    def load(self) -> NDArray[np.uint8]:
        """Return the picture as RGB, uint8, shape (height, width, 3). Takes milliseconds; for any thread.

        YUV is taken as BT.601, limited range, as OpenCV does; transparency is dropped; 16 bits become 8.

        Raises:
            OdysseyImageError: cv_bridge, which is asked for encodings that are not in ``LAYOUTS``, cannot.
        """
        layout = LAYOUTS.get(self.message.encoding)
        return _by_cv_bridge(self.message) if layout is None else _by_libswscale(self.message, layout)


def has_cv_bridge() -> bool:
    """Return whether cv_bridge is installed; importing it takes long, so that waits until it is needed."""
    return importlib.util.find_spec("cv_bridge") is not None


def _check(message: Image, layout: PixelLayout) -> None:
    width, height = message.width, message.height
    if (layout.even_width and width % 2) or (layout.even_height and height % 2):
        raise OdysseyImageError(f"a {message.encoding} picture cannot have the size {width}x{height}")
    row = max(plane.row_bytes * width // plane.steps for plane in layout.planes)
    if message.step < row:
        raise OdysseyImageError(f"step is {message.step}, but a row has {row} bytes")
    needed = sum(plane.steps * message.step * height // plane.rows_of_height for plane in layout.planes)
    # The last row may come without its padding.
    if len(message.data) < needed - (message.step - row):
        raise OdysseyImageError(f"data has {len(message.data)} bytes, but the picture needs {needed}")


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
        raise OdysseyImageError(f"the picture cannot be converted: {error}") from None


def _by_cv_bridge(message: Image) -> NDArray[np.uint8]:
    try:
        from cv_bridge import CvBridge  # noqa: PLC0415 -- it is optional, and slow to import

        return np.ascontiguousarray(CvBridge().imgmsg_to_cv2(message, "rgb8"), np.uint8)
    except Exception as error:  # noqa: BLE001 -- OpenCV raises many kinds, and so do clashes with numpy
        raise OdysseyImageError(
            f"cv_bridge cannot turn {message.encoding!r} into RGB: {error}",
            code=ErrorCode.UNSUPPORTED_ENCODING,
        ) from None
