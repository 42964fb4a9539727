"""Fits an image to the size of a stream, and reduces it before every step that needs a copy."""

# ruff: noqa: PLC0415 - Pillow is optional, see `odyssey_ros.client.images`

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

_ORIENTATION: Final = 0x0112  # the tag of EXIF

# Mixing pixels of the other modes needs a conversion first: palettes, bits, and angles of hue.
_RESIZED_AS_THEY_ARE: Final = frozenset(
    ("RGB", "RGBX", "RGBA", "RGBa", "L", "LA", "La", "CMYK", "YCbCr", "I", "F")
)


def fit(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return an image as 8-bit RGB that covers a size: upright, cropped around its centre, and scaled.

    Transparent areas become white. The image is scaled first, so that rotation, transparency and colours
    are handled at the small size. The conversions that must come first make one copy of the image.

    Args:
        picture: An image of any mode; its EXIF orientation is applied.
        size: Width and height in pixels.
    """
    from PIL import Image

    picture.load()
    transpose = Image.Transpose
    turn = {
        2: transpose.FLIP_LEFT_RIGHT,
        3: transpose.ROTATE_180,
        4: transpose.FLIP_TOP_BOTTOM,
        5: transpose.TRANSPOSE,
        6: transpose.ROTATE_270,
        7: transpose.TRANSVERSE,
        8: transpose.ROTATE_90,
    }.get(picture.getexif().get(_ORIENTATION, 1))
    if turn in {transpose.TRANSPOSE, transpose.TRANSVERSE, transpose.ROTATE_90, transpose.ROTATE_270}:
        size = size[::-1]
    box = _cover(picture.size, size)
    small = _flatten(_resizable(picture).resize(size, Image.Resampling.LANCZOS, box=box))
    return small if turn is None else small.transpose(turn)


def _cover(source: tuple[int, int], target: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the largest box of the target's shape around the centre of the source."""
    scale = min(source[0] / target[0], source[1] / target[1])
    width, height = min(target[0] * scale, source[0]), min(target[1] * scale, source[1])
    left, top = (source[0] - width) / 2, (source[1] - height) / 2
    return left, top, min(left + width, source[0]), min(top + height, source[1])


def _resizable(picture: Image.Image) -> Image.Image:
    """Return an image in a mode whose pixels can be mixed."""
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode.startswith("I"):
        return picture if picture.mode == "I" else picture.convert("I")
    if picture.has_transparency_data and (picture.mode not in _RESIZED_AS_THEY_ARE or _has_key(picture)):
        return picture.convert("RGBA")
    return picture if picture.mode in _RESIZED_AS_THEY_ARE else picture.convert("RGB")


def _has_key(picture: Image.Image) -> bool:
    """Return whether one colour of the image means transparency."""
    return picture.mode in {"RGB", "L"} and "transparency" in picture.info


def _flatten(picture: Image.Image) -> Image.Image:
    """Convert an image of any mode to 8-bit RGB, with white behind transparent areas."""
    from PIL import Image

    if picture.mode == "RGB":
        return picture
    if picture.mode == "I":
        # 16-bit grey: Pillow's own conversion clips it to white instead of scaling it.
        levels: NDArray[Any] = np.asarray(picture)
        return Image.fromarray((np.clip(levels, 0, 65535) // 257).astype(np.uint8)).convert("RGB")
    if picture.mode in {"RGBA", "RGBa", "LA", "La"}:
        rgba = (picture.convert("LA") if picture.mode == "La" else picture).convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return picture.convert("RGB")
