"""Fits an image to the size of a stream, and reduces it before every step that needs a copy."""

# ruff: noqa: PLC0415 - Pillow is optional, see `odyssey_ros.client.images`

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.pictures.colours import to_srgb
from odyssey_ros.pictures.modes import eight_bits, mixable, on_white
from odyssey_ros.pictures.orientation import SWAPS_SIDES, turn

if TYPE_CHECKING:
    from PIL import Image

    from odyssey_ros.pictures.metadata import Metadata


def fit(picture: Image.Image, metadata: Metadata, size: tuple[int, int]) -> tuple[Image.Image, str]:
    """Return an image as sRGB that covers a size: upright, cropped around its centre, and scaled.

    Transparent areas become white. The image is scaled first, so that rotation, transparency and colours
    are handled at the small size. The conversions that must come first make one copy of the image.

    Args:
        picture: An image of any mode.
        metadata: Its orientation and colours.
        size: Width and height in pixels.

    Returns:
        The image, and a note for the user; the note is empty when all of the metadata could be used.
    """
    from PIL import Image

    picture.load()
    if metadata.orientation in SWAPS_SIDES:
        size = size[::-1]
    box = _cover(picture.size, size)
    small = eight_bits(mixable(picture).resize(size, Image.Resampling.LANCZOS, box=box))
    converted, note = to_srgb(small, metadata)
    upright = turn(on_white(converted), metadata.orientation)
    upright.info.clear()  # a comment of the file would be written into the result
    return upright, note


def _cover(source: tuple[int, int], target: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the largest box of the target's shape around the centre of the source."""
    scale = min(source[0] / target[0], source[1] / target[1])
    width, height = min(target[0] * scale, source[0]), min(target[1] * scale, source[1])
    left, top = (source[0] - width) / 2, (source[1] - height) / 2
    return left, top, min(left + width, source[0]), min(top + height, source[1])
