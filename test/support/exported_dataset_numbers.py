"""Pictures that show their numbers. Needs only NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH, HEIGHT = 64, 48
_BLOCK = 16
_BITS = WIDTH // _BLOCK * (HEIGHT // _BLOCK)


def numbered_picture(number: int) -> NDArray[np.uint8]:
    """Return an RGB picture of 64x48 pixels that shows a number up to 4095, one block of 16 pixels a bit."""
    bits = np.array([number >> bit & 1 for bit in range(_BITS)], np.uint8).reshape(HEIGHT // _BLOCK, -1)
    levels = 40 + 160 * bits.repeat(_BLOCK, 0).repeat(_BLOCK, 1)
    return np.repeat(levels[:, :, None], 3, 2).astype(np.uint8)


def number_of(picture: NDArray[Any]) -> int:
    """Return the number that a picture shows: height, width, 3 or 3, height, width; uint8 or from 0 to 1."""
    grey = picture.astype(np.float64).mean(axis=0 if picture.shape[0] == 3 else 2)
    if picture.dtype != np.uint8:
        grey = grey * 255
    blocks = grey.reshape(HEIGHT // _BLOCK, _BLOCK, WIDTH // _BLOCK, _BLOCK).mean(axis=(1, 3))
    return sum(1 << bit for bit, level in enumerate(blocks.ravel()) if level > 120)
