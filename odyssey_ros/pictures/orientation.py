"""The orientation of a picture: read from EXIF or XMP, and applied.

Only this tag of EXIF is read. Errors anywhere else in EXIF do not matter.
"""

# ruff: noqa: PLC0415 - Pillow is optional, see `odyssey_ros.pictures`

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from PIL import Image

_ORIENTATION: Final = 0x0112
_BYTES_OF_TYPE: Final = {1: 1, 3: 2, 4: 4}  # BYTE, SHORT, LONG
_MAX_ENTRIES: Final = 1000
_IN_XMP: Final = re.compile(rb"""tiff:Orientation(?:\s*=\s*["']|>)\s*([1-8])\b""")

SWAPS_SIDES: Final = frozenset((5, 6, 7, 8))
"""The orientations that exchange width and height."""


def exif_orientation(exif: bytes | memoryview) -> int | None:
    """Return the orientation, 1 to 8, in EXIF data (TIFF 6.0); None when there is no valid one.

    Args:
        exif: The data, with or without the prefix `Exif` and two zeros.
    """
    tiff = exif[6:] if bytes(exif[:6]) == b"Exif\0\0" else exif
    order: Literal["little", "big"]
    if bytes(tiff[:4]) == b"II*\0":
        order = "little"
    elif bytes(tiff[:4]) == b"MM\0*":
        order = "big"
    else:
        return None
    start = int.from_bytes(tiff[4:8], order)
    count = min(int.from_bytes(tiff[start : start + 2], order), _MAX_ENTRIES)
    for at in range(start + 2, min(start + 2 + 12 * count, len(tiff) - 11), 12):
        if int.from_bytes(tiff[at : at + 2], order) != _ORIENTATION:
            continue
        size = _BYTES_OF_TYPE.get(int.from_bytes(tiff[at + 2 : at + 4], order))
        if size is not None and 1 <= (value := int.from_bytes(tiff[at + 8 : at + 8 + size], order)) <= 8:
            return value
    return None


def xmp_orientation(xmp: bytes | memoryview) -> int | None:
    """Return the orientation, 1 to 8, in XMP data (`tiff:Orientation`); None when there is no valid one."""
    found = _IN_XMP.search(xmp)
    return int(found[1]) if found else None


def memory_orientation(picture: Image.Image) -> int:
    """Return the orientation, 1 to 8, of an image that a program has opened with Pillow or has made.

    Pillow reads all of EXIF, so that an error in any tag raises an exception. The orientation is then read
    from the data.
    """
    try:
        value = picture.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 -- Pillow raises many kinds, and the data is read without Pillow instead
        data = picture.info.get("exif")
        value = exif_orientation(data) if isinstance(data, bytes) else None
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def turn(picture: Image.Image, orientation: int) -> Image.Image:
    """Return an image upright.

    Args:
        picture: The image as stored.
        orientation: The orientation of EXIF, 1 to 8.
    """
    from PIL import Image

    transpose = Image.Transpose
    method = {
        2: transpose.FLIP_LEFT_RIGHT,
        3: transpose.ROTATE_180,
        4: transpose.FLIP_TOP_BOTTOM,
        5: transpose.TRANSPOSE,
        6: transpose.ROTATE_270,
        7: transpose.TRANSVERSE,
        8: transpose.ROTATE_90,
    }.get(orientation)
    return picture if method is None else picture.transpose(method)
