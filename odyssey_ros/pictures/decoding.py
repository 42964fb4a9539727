"""Opening of input pictures: the format, the limits, and the metadata that matter."""

# ruff: noqa: PLC0415 - Pillow is optional, see `odyssey_ros.pictures`

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Final

from odyssey_ros.pictures.containers import separate
from odyssey_ros.pictures.limits import MAX_HEIF_PIXELS, check_avif, check_size, pixel_limit
from odyssey_ros.pictures.metadata import Metadata
from odyssey_ros.pictures.orientation import exif_orientation

if TYPE_CHECKING:
    from PIL import Image

_HEIF_BRANDS: Final = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
)
_AVIF_BRANDS: Final = frozenset((b"avif", b"avis"))

DECODE_ERRORS: Final = (OSError, SyntaxError, ValueError, EOFError, RuntimeError, IndexError, struct.error)
"""The exceptions of the decoders of Pillow and libheif on damaged input."""


def image_format(data: bytes) -> str | None:
    """Return Pillow's name of an encoded image's format, by its first bytes; None when unsupported."""
    head = data[:32]
    for signature, name in (
        (b"\xff\xd8\xff", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"GIF87a", "GIF"),
        (b"GIF89a", "GIF"),
        (b"BM", "BMP"),
    ):
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        # An AVIF file may have the general major brand mif1, and avif only among the compatible brands.
        brands = {head[at : at + 4] for at in (8, *range(16, 32, 4))}
        if brands & _AVIF_BRANDS:
            return "AVIF"
        if brands & _HEIF_BRANDS:
            return "HEIF"
    return None


def open_picture(data: bytes, name: str, *, enough: int) -> tuple[Image.Image, Metadata]:
    """Open a picture file within the limits; its pixels are decoded later.

    Args:
        data: The file.
        name: Its format, as `image_format` returns it. Pillow must have a decoder for it.
        enough: Side in pixels of the square that the picture must cover. A larger JPEG is decoded at a half,
            a quarter or an eighth of its size, and HEIF may have a thumbnail.

    Raises:
        ImageLimitError: The picture exceeds a limit.
        Exception: One of `DECODE_ERRORS`, or a limit of Pillow: the picture is damaged.
    """
    from PIL import Image

    pixels, metadata = separate(data, name)
    picture = Image.open(io.BytesIO(pixels), formats=(name,))
    check_size(*picture.size, max_pixels=pixel_limit(name, pixels))
    if name == "AVIF":
        check_avif(pixels)
        # Pillow hands over `irot` and `imir` as EXIF.
        turned = exif_orientation(picture.info.get("exif", b"")) or 1
        metadata = Metadata(turned, metadata.profile, metadata.encoding)
    picture.draft(None, (enough, enough))
    check_size(*picture.size, max_pixels=MAX_HEIF_PIXELS)  # a thumbnail may be larger than its HEIF image
    return picture, metadata
