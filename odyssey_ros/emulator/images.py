"""Decodes input images: a data URL on the wire becomes RGB pixels."""

from __future__ import annotations

import base64
import binascii
import threading
from typing import TYPE_CHECKING

import numpy as np
import pillow_heif
from PIL import Image

from odyssey_ros.pictures.colours import to_srgb
from odyssey_ros.pictures.decoding import DECODE_ERRORS, image_format, open_picture
from odyssey_ros.pictures.limits import ImageLimitError
from odyssey_ros.pictures.modes import eight_bits, mixable, on_white
from odyssey_ros.pictures.orientation import turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odyssey_ros.pictures.metadata import Metadata

ACCEPTED_TYPES = frozenset(
    f"image/{name}" for name in ("jpeg", "jpg", "png", "webp", "gif", "bmp", "heic", "heif", "avif")
)
_ENOUGH = 1440
"""Side in pixels of the square that a result covers: the longer side of a frame, with its margin."""
_OVERSIZED = (MemoryError, Image.DecompressionBombError, Image.DecompressionBombWarning)
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
        H x W x 3 sRGB, upright, with white behind transparent areas. An unusable profile is ignored.

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
    name = image_format(content)
    if name is None:
        raise InvalidImageError("the image cannot be decoded")
    try:
        with _DECODING:
            return _pixels(*open_picture(content, name, enough=_ENOUGH))
    except ImageLimitError as error:
        raise InvalidImageError(str(error)) from None
    except (*DECODE_ERRORS, *_OVERSIZED):
        raise InvalidImageError("the image cannot be decoded") from None


def _pixels(image: Image.Image, metadata: Metadata) -> NDArray[np.uint8]:
    """Return an image as sRGB, upright, on white, at no more than the size that a frame needs."""
    image.load()
    image = eight_bits(mixable(image))
    if (factor := min(image.size) // _ENOUGH) > 1:
        image = image.reduce(factor)  # before the colours and the orientation, which copy the image
    image, _ = to_srgb(image, metadata)
    return np.asarray(turn(on_white(image), metadata.orientation))
