"""Limits of images as errors of the client; `odyssey_ros.pictures.limits` has the numbers."""

from __future__ import annotations

from odyssey_ros.client.errors import OdysseyImageError
from odyssey_ros.pictures import limits
from odyssey_ros.pictures.limits import (
    MAX_HEIF_PIXELS,
    MAX_IMAGE_BYTES,
    MAX_IMAGE_PIXELS,
    MAX_JPEG_PIXELS,
)

__all__ = ["MAX_HEIF_PIXELS", "MAX_IMAGE_BYTES", "MAX_IMAGE_PIXELS", "MAX_JPEG_PIXELS", "check_size"]


def check_size(width: int, height: int, *, max_pixels: int = MAX_IMAGE_PIXELS) -> None:
    """Check the size of an image before it is decoded or converted.

    Raises:
        OdysseyImageError: The image is empty, too large, or too narrow; the text says what is allowed.
    """
    try:
        limits.check_size(width, height, max_pixels=max_pixels)
    except limits.ImageLimitError as error:
        raise OdysseyImageError(str(error)) from None
