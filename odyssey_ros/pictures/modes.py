"""Conversion of the modes of Pillow, with scaling and conversion to sRGB between the steps."""

# ruff: noqa: PLC0415 - Pillow is optional, see `odyssey_ros.pictures`

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from odyssey_ros.pictures.profiles import lab_to_srgb

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

# Mixing pixels of the other modes needs a conversion first: palettes, bits, and angles of hue.
_MIXED_AS_THEY_ARE: Final = frozenset(
    ("RGB", "RGBX", "RGBA", "RGBa", "L", "LA", "La", "CMYK", "YCbCr", "I", "F")
)


def mixable(picture: Image.Image) -> Image.Image:
    """Return an image in a mode whose pixels can be mixed."""
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode == "LAB":
        return lab_to_srgb(picture)
    if picture.mode.startswith("I"):
        return picture if picture.mode == "I" else picture.convert("I")
    if picture.mode in {"RGB", "L"} and "transparency" in picture.info:  # one colour means transparency
        return picture.convert("RGBA" if picture.mode == "RGB" else "LA")
    if picture.has_transparency_data and picture.mode not in _MIXED_AS_THEY_ARE:
        return picture.convert("RGBA")
    return picture if picture.mode in _MIXED_AS_THEY_ARE else picture.convert("RGB")


def eight_bits(picture: Image.Image) -> Image.Image:
    """Return 16-bit grey as 8-bit grey. Pillow's own conversion clips it to white instead of scaling it."""
    from PIL import Image

    if picture.mode != "I":
        return picture
    levels: NDArray[Any] = np.asarray(picture)
    return Image.fromarray((np.clip(levels, 0, 65535) // 257).astype(np.uint8))


def on_white(picture: Image.Image) -> Image.Image:
    """Convert an image with 8 bits to RGB, with white behind transparent areas."""
    from PIL import Image

    if picture.mode == "RGB":
        return picture
    if picture.mode in {"RGBA", "RGBa", "LA", "La"}:
        rgba = (picture.convert("LA") if picture.mode == "La" else picture).convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return picture.convert("RGB")
