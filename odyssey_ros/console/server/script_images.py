"""The images of scripts: data URLs and attached pictures, never files of a machine."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.image_limits import MAX_IMAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection

_DATA: Final = "data:"
_PATH_CHARACTERS: Final = ("/", "\\", "~")


class ScriptImageError(Exception):
    """The image of a script cannot be used; the text gives the reason."""


def is_data_url(image: str) -> bool:
    """Return whether an image is written in the text itself."""
    return image[: len(_DATA)].lower() == _DATA


def check_image(image: str, attached: Collection[str]) -> None:
    """Check the image of a script.

    Args:
        image: A data URL, or the name of an attached picture.
        attached: The names of the attached pictures.

    Raises:
        ScriptImageError: It is neither.
    """
    if is_data_url(image):
        data_url_bytes(image)
    elif image not in attached:
        raise ScriptImageError(_refusal(image))


def data_url_bytes(url: str) -> bytes:
    """Return the picture file in a data URL.

    Raises:
        ScriptImageError: The URL is malformed, or the picture is too large.
    """
    header, comma, payload = url.partition(",")
    if not comma or not header.lower().endswith(";base64"):
        raise ScriptImageError("an image data URL must be base64: data:<type>;base64,<data>")
    try:
        content = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise ScriptImageError("the image data URL is not valid base64") from None
    if not content:
        raise ScriptImageError("the image data URL is empty")
    if len(content) > MAX_IMAGE_BYTES:
        raise ScriptImageError(f"the image is larger than {MAX_IMAGE_BYTES // (1024 * 1024)} MB")
    return content


def _refusal(image: str) -> str:
    shown = image if len(image) <= 100 else f"{image[:100]}…"
    if any(character in image for character in _PATH_CHARACTERS):
        return (
            f"image: {shown!r} is a path, and the console reads no files: attach the picture, and write only "
            "its name"
        )
    return f"image: no picture with the name {shown!r} is attached: attach it, or correct the name"
