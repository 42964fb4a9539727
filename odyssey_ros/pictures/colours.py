"""Conversion of decoded pictures to sRGB, by their profile or by numbers."""

# ruff: noqa: PLC0415 - Pillow is optional, see `odyssey_ros.pictures`

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from odyssey_ros.pictures import profiles

if TYPE_CHECKING:
    from PIL import Image

    from odyssey_ros.pictures.metadata import Metadata

_PROFILE_NOTE: Final = (
    "its colour profile cannot be used ({}), so its colours are taken as sRGB. "
    "If they look wrong, save it in sRGB"
)
_HDR_NOTE: Final = "it is an HDR image, in which everything brighter than its white becomes white"


def to_srgb(picture: Image.Image, metadata: Metadata) -> tuple[Image.Image, str]:
    """Return an image as sRGB with its transparency, and a note for the user, empty when all is exact.

    An image whose profile cannot be used is taken as sRGB, and the note says so.

    Args:
        picture: An image of any mode with 8 bits.
        metadata: Its colours. Without any, the image is returned as it is.

    Returns:
        An image of the mode RGB, RGBA, L or LA, or the argument.
    """
    from PIL import Image

    encoding = metadata.encoding
    if metadata.profile is None and encoding is None:
        return picture, ""
    alpha, note = None, ""
    if picture.mode in {"RGBA", "RGBa", "LA", "La"}:
        straight = picture.convert(picture.mode.upper()) if "a" in picture.mode else picture
        alpha = straight.getchannel("A")
        colours = straight.getchannel("L") if straight.mode == "LA" else straight.convert("RGB")
    else:
        colours = picture if picture.mode in {"RGB", "L", "CMYK"} else picture.convert("RGB")
    if metadata.profile is not None:
        try:
            converted = profiles.to_srgb(colours, metadata.profile)
        except profiles.ProfileError as error:
            return picture, _PROFILE_NOTE.format(error)
    elif encoding is not None:
        converted = Image.fromarray(encoding.to_srgb(np.asarray(colours.convert("RGB"))))
        note = _HDR_NOTE if encoding.hdr else ""
    if converted is colours:
        return picture, note
    if alpha is not None:
        converted.putalpha(alpha)
    return converted, note
