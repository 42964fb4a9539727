"""The captions at the bottom of a frame: the prompt, the stream time and the frame counter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from odyssey_ros.emulator.scene.marker import MARKER_HEIGHT, MARKER_WIDTH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odyssey_ros.emulator.scene.canvas import Planes

__all__ = ["CAPTION_HEIGHT", "Caption"]

CAPTION_HEIGHT = 64 + MARKER_HEIGHT
"""Height, in pixels, of the captions and the marker below them, at the bottom of a frame."""

_BLACK = 16
_BACKGROUND = 26
_TEXT = 225
_RULE = 90
_MARGIN = 14
_CLOCK_WIDTH = 140
_CELL = (14, 26)
_PROMPT_SIZE = 22
_MAX_PROMPT = 400


class Caption:
    """The captions of one prompt.

    The prompt is drawn once; each frame only adds its digits.

    Args:
        prompt: any text; wrapped to two lines and truncated with an ellipsis.
        width: width of the frames, in pixels.
    """

    def __init__(self, prompt: str, width: int) -> None:
        self._glyphs = _glyphs()
        strip = np.full((CAPTION_HEIGHT, width), _BLACK, dtype=np.uint8)
        band = strip[:-MARKER_HEIGHT]
        band[:] = _BACKGROUND
        band[:2] = _RULE
        font = ImageFont.load_default(size=_PROMPT_SIZE)
        room = width - _CLOCK_WIDTH - 2 * _MARGIN
        for index, line in enumerate(_wrap(prompt, font, room)):
            band[6 + 28 * index : 34 + 28 * index, _MARGIN : _MARGIN + room] = _text(line, font, (room, 28))
        strip[-MARKER_HEIGHT:, MARKER_WIDTH:] = _BLACK
        self._strip = strip
        self._clock_left = (width - _CLOCK_WIDTH) // 2 * 2

    def draw(self, target: Planes, time_ms: int, counter: int) -> None:
        """Draw the captions into the lowest `CAPTION_HEIGHT` rows of a frame; the marker's rows become black.

        Args:
            target: planes of the whole frame.
            time_ms: stream time, in milliseconds.
            counter: number of the frame.
        """
        luma = target.y[-CAPTION_HEIGHT:]
        np.copyto(luma, self._strip)
        target.u[-CAPTION_HEIGHT // 2 :] = 128
        target.v[-CAPTION_HEIGHT // 2 :] = 128
        seconds, milliseconds = divmod(time_ms, 1000)
        self._write(luma, 6, f"{seconds // 60:02d}:{seconds % 60:02d}.{milliseconds:03d}")
        self._write(luma, 34, f"#{counter:07d}")

    def _write(self, luma: NDArray[np.uint8], top: int, digits: str) -> None:
        width, height = _CELL
        left = self._clock_left
        for digit in digits[-9:]:
            luma[top : top + height, left : left + width] = self._glyphs[digit]
            left += width


def _glyphs() -> dict[str, NDArray[np.uint8]]:
    font = ImageFont.load_default(size=_PROMPT_SIZE)
    glyphs = {}
    for digit in "0123456789:.#":
        image = Image.new("L", _CELL, _BACKGROUND)
        ImageDraw.Draw(image).text((_CELL[0] / 2, 0), digit, fill=_TEXT, font=font, anchor="ma")
        glyphs[digit] = np.asarray(image)
    return glyphs


def _text(
    text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, size: tuple[int, int]
) -> NDArray[np.uint8]:
    image = Image.new("L", size, _BACKGROUND)
    ImageDraw.Draw(image).text((0, 0), text, fill=_TEXT, font=font)
    return np.asarray(image)


def _wrap(prompt: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: int) -> list[str]:
    """Return at most two lines, each at most `room` pixels wide."""
    # JSON can contain lone surrogates, which cannot be drawn.
    drawable = prompt[:_MAX_PROMPT].encode("utf-8", "replace").decode()
    words = drawable.split()
    first = _fitting_words(words, font, room)
    if len(first) == len(words):
        return [" ".join(words)]
    if not first:
        return [_truncate(" ".join(words), font, room)]
    return [" ".join(first), _truncate(" ".join(words[len(first) :]), font, room)]


def _fitting_words(
    words: list[str], font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: int
) -> list[str]:
    line: list[str] = []
    for word in words:
        if font.getlength(" ".join([*line, word])) > room:
            break
        line.append(word)
    return line


def _truncate(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: int) -> str:
    if font.getlength(text) <= room:
        return text
    length = len(text)
    while length and font.getlength(text[:length] + "…") > room:
        length -= 1
    return text[:length].rstrip() + "…"
