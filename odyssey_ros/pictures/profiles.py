"""Conversion of pictures with an ICC profile to sRGB, by LittleCMS.

The intent is relative colorimetric with black-point compensation: colours that sRGB has stay exact.
"""

# ruff: noqa: PLC0415 - Pillow is optional, see `odyssey_ros.pictures`

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from PIL import Image, ImageCms

_HEADER_BYTES: Final = 128
_CLASSES: Final = frozenset((b"scnr", b"mntr", b"prtr", b"spac"))
_INVISIBLE: Final = 1  # of 255
_SPACE_OF_MODE: Final = {"RGB": b"RGB ", "L": b"GRAY", "CMYK": b"CMYK"}


class ProfileError(ValueError):
    """The profile cannot be used; the text gives the reason."""


def to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Return an image as sRGB: the same object if its profile is that of sRGB, within 1 of 255.

    Args:
        picture: An image of the mode RGB, L or CMYK.
        profile: Its ICC profile.

    Returns:
        An image of the mode RGB or L, or the argument.

    Raises:
        ProfileError: The profile is damaged, or is for another kind of image.
    """
    from PIL import ImageCms

    space = profile[16:20]
    if len(profile) < _HEADER_BYTES or profile[36:40] != b"acsp" or profile[12:16] not in _CLASSES:
        raise ProfileError("it is damaged")
    if picture.mode == "L" and space == b"RGB ":
        picture = picture.convert("RGB")
    if space != _SPACE_OF_MODE[picture.mode]:
        name = space.decode("ascii", "replace").strip()
        name = name if name.isprintable() and name.isascii() else "unknown"
        raise ProfileError(f"it is for {name} images, but the image is {picture.mode}")
    try:
        transform = _transform(ImageCms.ImageCmsProfile(io.BytesIO(profile)), picture.mode)
        if picture.mode == "L":
            return _grey(transform, picture)
        if picture.mode == "RGB" and _changes_nothing(transform):
            return picture
        return _apply(transform, picture)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        raise ProfileError("it is damaged") from error


def lab_to_srgb(picture: Image.Image) -> Image.Image:
    """Return an image of the mode LAB as sRGB."""
    from PIL import ImageCms

    return _apply(_transform(ImageCms.createProfile("LAB"), "LAB"), picture)


@cache
def _srgb_profile() -> Any:
    from PIL import ImageCms

    return ImageCms.createProfile("sRGB")


def _transform(profile: Any, mode: str) -> ImageCms.ImageCmsTransform:
    from PIL import ImageCms

    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    if mode == "L":
        flags |= ImageCms.Flags.NOOPTIMIZE  # the optimized curve has few points, and errors of 9 of 255
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return ImageCms.buildTransform(profile, _srgb_profile(), mode, "RGB", intent, flags)


def _apply(transform: ImageCms.ImageCmsTransform, picture: Image.Image) -> Image.Image:
    converted: Image.Image = transform.apply(picture)
    return converted


def _grey(transform: ImageCms.ImageCmsTransform, picture: Image.Image) -> Image.Image:
    """Return a grey image in the grey of sRGB."""
    from PIL import Image

    levels = np.arange(256, dtype=np.uint8)
    curve = np.asarray(_apply(transform, Image.fromarray(levels[None])))[0, :, 1]
    if np.abs(curve.astype(np.int16) - levels).max() <= _INVISIBLE:
        return picture
    return picture.point(curve.tolist())


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Return whether a profile is that of sRGB: it changes no colour of a lattice visibly."""
    from PIL import Image

    levels = np.arange(0, 256, 17, dtype=np.uint8)
    lattice = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(16, 256, 3)
    after = np.asarray(_apply(transform, Image.fromarray(lattice)), np.int16)
    return bool(np.abs(after - lattice).max() <= _INVISIBLE)
