"""Pictures that pages have uploaded, until a stream starts from them."""

from __future__ import annotations

import io
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from odyssey_ros.client import OdysseyImageError
from odyssey_ros.client.images import colour_note
from odyssey_ros.console.graph.stream_calls import EncodedPicture
from odyssey_ros.pictures.containers import separate
from odyssey_ros.pictures.decoding import image_format
from odyssey_ros.pictures.orientation import SWAPS_SIDES

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_PICTURES: Final = 8
MAX_BYTES: Final = 64 * 1024 * 1024
"""Size of all pictures that are kept."""

MAX_AGE_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class StartPicture:
    """An uploaded picture.

    Attributes:
        content: The file.
        width: Width in pixels, upright.
        height: Height in pixels.
        format: `jpeg`, `png`, `webp`, `gif`, `bmp`, `heif` or `avif`.
    """

    content: bytes
    width: int
    height: int
    format: str

    @classmethod
    def read(cls, content: bytes) -> StartPicture:
        """Read the beginning of a picture file. Blocks.

        Raises:
            OdysseyImageError: It is no picture that a stream can start from; or the package that decodes
                pictures is not installed.
        """
        colour_note(content)  # checks the format and the limits
        from PIL import Image  # noqa: PLC0415 - Pillow is optional

        name = image_format(content) or ""
        pixels, metadata = separate(content, name)
        with Image.open(io.BytesIO(pixels), formats=(name,)) as picture:
            width, height = picture.size
        if metadata.orientation in SWAPS_SIDES:
            width, height = height, width
        return cls(content, width, height, name.lower())

    @property
    def encoded(self) -> EncodedPicture:
        """The picture as a node takes it."""
        return EncodedPicture(self.content, self.format)


class StartPictures:
    """Keeps uploaded pictures in memory, bounded in number, size and time. For the asyncio thread.

    The oldest is dropped when there are too many.

    Args:
        clock: Returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pictures: OrderedDict[str, tuple[float, StartPicture]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pictures)

    def add(self, picture: StartPicture) -> str:
        """Keep a picture; return its id, which cannot be guessed."""
        self._pictures[name := secrets.token_urlsafe(12)] = (self._clock(), picture)
        self._drop()
        return name

    def get(self, name: str) -> StartPicture:
        """Return a picture by its id.

        Raises:
            OdysseyImageError: There is no such picture.
        """
        self._drop()
        if name not in self._pictures:
            raise OdysseyImageError("The start picture is not stored any more: choose it again")
        return self._pictures[name][1]

    def discard(self, name: str) -> None:
        """Drop a picture, which has been used. Idempotent."""
        self._pictures.pop(name, None)

    def _drop(self) -> None:
        oldest = self._clock() - MAX_AGE_S
        while self._pictures:
            added, _ = next(iter(self._pictures.values()))
            size = sum(len(picture.content) for _, picture in self._pictures.values())
            if added >= oldest and len(self._pictures) <= MAX_PICTURES and size <= MAX_BYTES:
                return
            self._pictures.popitem(last=False)
