"""The metadata of a picture that change how its pixels are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from odyssey_ros.pictures.rgb_encoding import RgbEncoding

MAX_PROFILE_BYTES: Final = 4 * 1024 * 1024
"""Maximum size of a colour profile. Profiles of printers, the largest that are common, have 0.5 to 3 MB."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The orientation and the colours of a picture.

    Attributes:
        orientation: The orientation of EXIF, 1 to 8.
        profile: An ICC profile; None when there is none. A profile that cannot be read is empty.
        encoding: The colours as code points or numbers, for a picture without a profile; None for sRGB.
    """

    orientation: int = 1
    profile: bytes | None = None
    encoding: RgbEncoding | None = None
