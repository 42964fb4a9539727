"""The colour space that a camera names in EXIF instead of with a profile.

Cameras that are set to Adobe RGB write JPEG files without a profile. EXIF then has the interoperability index
`R03` (the optional file of DCF 2.0, CIPA DC-009), and no colour space.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from odyssey_ros.pictures.rgb_encoding import ADOBE_RGB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odyssey_ros.pictures.rgb_encoding import RgbEncoding

_EXIF_POINTER: Final = 0x8769
_COLOUR_SPACE: Final = 0xA001
_INTEROPERABILITY_POINTER: Final = 0xA005
_INDEX: Final = 0x0001
_SRGB: Final = 1
_ADOBE_RGB: Final = b"R03\0"
_MAX_ENTRIES: Final = 1000


def exif_encoding(exif: bytes | memoryview) -> RgbEncoding | None:
    """Return Adobe RGB if EXIF data (TIFF 6.0) names it; None otherwise.

    Args:
        exif: The data, with or without the prefix `Exif` and two zeros.
    """
    tiff = bytes(exif[6:] if bytes(exif[:6]) == b"Exif\0\0" else exif)
    order: Literal["little", "big"] = "big" if tiff[:4] == b"MM\0*" else "little"
    if tiff[:4] not in {b"II*\0", b"MM\0*"}:
        return None

    def values(directory: bytes) -> dict[int, bytes]:
        return dict(_entries(tiff, int.from_bytes(directory, order), order))

    photo = values(values(tiff[4:8]).get(_EXIF_POINTER, b""))
    if int.from_bytes(photo.get(_COLOUR_SPACE, b"")[:2], order) == _SRGB:
        return None
    index = values(photo.get(_INTEROPERABILITY_POINTER, b"")).get(_INDEX)
    return ADOBE_RGB if index == _ADOBE_RGB else None


def _entries(tiff: bytes, start: int, order: Literal["little", "big"]) -> Iterator[tuple[int, bytes]]:
    """Yield tag and inline value of each entry of a directory; nothing for offset 0."""
    count = min(int.from_bytes(tiff[start : start + 2], order), _MAX_ENTRIES) if start else 0
    for at in range(start + 2, min(start + 2 + 12 * count, len(tiff) - 11), 12):
        yield int.from_bytes(tiff[at : at + 2], order), tiff[at + 8 : at + 12]
