"""Decodes input images: a data URL on the wire becomes RGB pixels."""

from __future__ import annotations

import base64
import binascii
import io
import struct
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
        with _open(content) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise InvalidImageError("the image has too many pixels")
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (
        OSError, SyntaxError, ValueError, EOFError, RuntimeError, IndexError, struct.error,
        Image.DecompressionBombError, Image.DecompressionBombWarning,
    ) as error:  # fmt: skip # all exceptions of Pillow and libheif for damaged and oversized images
        if isinstance(error, InvalidImageError):
            raise
        raise InvalidImageError("the image cannot be decoded") from None


def _open(content: bytes) -> Image.Image:
    stream = io.BytesIO(content)
    try:
        return Image.open(stream)
    except UnidentifiedImageError:
        # Pillow cannot decode HEIC and HEIF.
        stream.seek(0)
        image: Image.Image = pillow_heif.open_heif(stream).to_pillow()
        return image
