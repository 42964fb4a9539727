"""Input images: a data URL on the wire, RGB pixels inside."""

from __future__ import annotations

import base64
import binascii
import io
from typing import TYPE_CHECKING

import numpy as np
import pillow_heif
from PIL import Image, ImageOps, UnidentifiedImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ACCEPTED_TYPES = frozenset(
    f"image/{name}" for name in ("jpeg", "jpg", "png", "webp", "gif", "bmp", "heic", "heif", "avif")
)
_MAX_PIXELS = 50_000_000


class InvalidImageError(ValueError):
    """An input image that the service refuses; the text says why."""


def decode_data_url(url: str, max_bytes: int) -> NDArray[np.uint8]:
    """Decode a `data:<type>;base64,...` URL; blocks, for up to a second.

    Args:
        url: the data URL of a picture of one of `ACCEPTED_TYPES`.
        max_bytes: largest decoded size of the file.

    Returns:
        H x W x 3 RGB, upright.

    Raises:
        InvalidImageError: it is no such URL, too large, or no picture.
    """
    head, comma, body = url.partition(",")
    scheme, _, rest = head.partition(":")
    media_type, *attributes = rest.lower().split(";")
    if not comma or scheme.lower() != "data" or "base64" not in attributes:
        raise InvalidImageError("the image must be a base64 data URL")
    if media_type not in ACCEPTED_TYPES:
        raise InvalidImageError(f"images of type {media_type[:40] or 'unknown'} are not supported")
    if len(body) * 3 // 4 > max_bytes + 2:
        raise InvalidImageError(f"the image is larger than {max_bytes} bytes")
    try:
        content = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidImageError("the image is not valid base64") from None
    if len(content) > max_bytes:
        raise InvalidImageError(f"the image is larger than {max_bytes} bytes")
    try:
        with _open(content) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise InvalidImageError("the image has too many pixels")
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (
        OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning
    ) as error:  # fmt: skip # all that Pillow raises for damaged and for oversized pictures
        if isinstance(error, InvalidImageError):
            raise
        raise InvalidImageError("the image cannot be decoded") from None


def _open(content: bytes) -> Image.Image:
    stream = io.BytesIO(content)
    try:
        return Image.open(stream)
    except UnidentifiedImageError:
        # HEIC and HEIF are what Pillow lacks.
        stream.seek(0)
        picture: Image.Image = pillow_heif.open_heif(stream).to_pillow()
        return picture
