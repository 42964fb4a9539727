"""Decodes input images: a data URL on the wire becomes RGB pixels."""

from __future__ import annotations

import base64
import binascii
import io
import struct
import threading
from typing import TYPE_CHECKING

import numpy as np
import pillow_heif
from PIL import Image, ImageOps

from odyssey_ros.avif_size import AvifStructureError, coded_sizes

if TYPE_CHECKING:
    from numpy.typing import NDArray

ACCEPTED_TYPES = frozenset(
    f"image/{name}" for name in ("jpeg", "jpg", "png", "webp", "gif", "bmp", "heic", "heif", "avif")
)
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "HEIF", "AVIF")
_MAX_PIXELS = 25_000_000
"""Most pixels of an image that is decoded at its full size: the largest that clients send as they are."""
_MAX_JPEG_PIXELS = 64_000_000
"""Most pixels of a baseline JPEG image, which is decoded at a reduced size."""
_MAX_AVIF_PIXELS = 75_000_000
"""Most pixels of all pictures of an AVIF file together: colours, transparency, a preview."""
_MAX_SIDE_RATIO = 32
_ENOUGH = 1440
"""Side in pixels of the square that a result covers: the longer side of a frame, with its margin."""
_DECODE_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, RuntimeError, IndexError, struct.error, MemoryError,
    Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip
"""All exceptions of the decoders for damaged and oversized images."""
_DECODING = threading.Lock()
"""Held while an image is decoded, so that the images of several clients do not fill the memory together."""

pillow_heif.register_heif_opener()  # adds HEIC and HEIF to the formats of Pillow


class InvalidImageError(ValueError):
    """An input image is refused; the text gives the reason."""


def decode_data_url(url: str, max_bytes: int) -> NDArray[np.uint8]:
    """Decode a `data:<type>;base64,...` URL; blocks, for up to a second.

    Args:
        url: the data URL of an image of one of `ACCEPTED_TYPES`.
        max_bytes: largest decoded size of the file, bytes.

    Returns:
        H x W x 3 RGB, rotated as the EXIF orientation demands.

    Raises:
        InvalidImageError: the URL is malformed, or the image is too large or cannot be decoded.
    """
    head, comma, body = url.partition(",")
    scheme, _, rest = head.partition(":")
    media_type, *attributes = rest.lower().split(";")
    if not comma or scheme.lower() != "data" or "base64" not in attributes:
        raise InvalidImageError("the image must be a base64 data URL")
    if media_type not in ACCEPTED_TYPES:
        named = media_type[:40] if media_type.isascii() and media_type.isprintable() else ""
        raise InvalidImageError(f"images of type {named or 'unknown'} are not supported")
    if len(body) * 3 // 4 > max_bytes + 2:
        raise InvalidImageError(f"the image is larger than {max_bytes} bytes")
    try:
        content = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidImageError("the image is not valid base64") from None
    if len(content) > max_bytes:
        raise InvalidImageError(f"the image is larger than {max_bytes} bytes")
    try:
        with _DECODING, Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            if image.format == "AVIF":
                _check_avif(content)
            return _pixels(image)
    except InvalidImageError:
        raise
    except _DECODE_ERRORS:
        raise InvalidImageError("the image cannot be decoded") from None


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Return an image as RGB, upright, at no more than the size that a frame needs."""
    baseline = image.format == "JPEG" and not image.info.get("progressive")
    _check_size(image, _MAX_JPEG_PIXELS if baseline else _MAX_PIXELS)
    # A JPEG image is decoded at a half, a quarter or an eighth of its size, and HEIF may have a thumbnail.
    image.draft(None, (_ENOUGH, _ENOUGH))
    _check_size(image, _MAX_PIXELS)
    image.load()
    if (factor := min(image.size) // _ENOUGH) > 1:
        # Before the colours and the orientation, which copy the image. Palettes cannot be averaged.
        image = (image.convert("RGB") if image.mode in {"P", "PA", "1"} else image).reduce(factor)
    return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def _check_avif(content: bytes) -> None:
    """Check the sizes in the AV1 data, which its decoder follows whatever size the file announces."""
    try:
        sizes = coded_sizes(content)
    except AvifStructureError:
        raise InvalidImageError("the image cannot be decoded") from None
    if (
        any(size.width * size.height > _MAX_PIXELS for size in sizes)
        or any(size.possible_pixels > 4 * _MAX_PIXELS for size in sizes)
        or sum(size.width * size.height for size in sizes) > _MAX_AVIF_PIXELS
    ):
        raise InvalidImageError("the image has too many pixels")


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise InvalidImageError("the image has too many pixels")
    if max(width, height) > _MAX_SIDE_RATIO * min(width, height):
        raise InvalidImageError(f"one side of the image is more than {_MAX_SIDE_RATIO} times the other")
