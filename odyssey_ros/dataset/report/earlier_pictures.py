"""Differences of a picture from those before it, by bands of rows, to find what is shown again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_LAG: Final = 20
"""A picture is compared with so many pictures before it."""

BANDS: Final = 16
"""Number of bands of rows, of equal heights if the rows suffice."""


class EarlierPictures:
    """Keeps the last pictures of one size, and compares the next one with them. Not thread-safe.

    Args:
        noise_level: Smaller differences of two pixels do not count; of larger ones only the rest.
    """

    def __init__(self, noise_level: int) -> None:
        self._noise = np.uint8(noise_level)
        self._kept = np.empty((MAX_LAG, 0, 0), np.uint8)
        self._scratch = np.empty((2, 0, 0), np.uint8)
        self._count = 0

    def add(self, luma: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Compare a picture with the last ones, and keep it. The first of another size has no earlier ones.

        Args:
            luma: The picture, of at least one pixel.

        Returns:
            `MAX_LAG` x `BANDS`: mean difference in each band from the picture before, the one before that,
            and so on; infinite where there is none.
        """
        if luma.shape != self._kept.shape[1:]:
            self._kept = np.empty((MAX_LAG, *luma.shape), np.uint8)
            self._scratch = np.empty((2, *luma.shape), np.uint8)
            self._count = 0
        result = np.full((MAX_LAG, BANDS), np.inf, np.float16)
        number = min(self._count, MAX_LAG)
        if number:
            lags = (self._count - 1 - np.arange(number)) % MAX_LAG
            result[lags] = self._differences(luma, number)
        self._kept[self._count % MAX_LAG] = luma
        self._count += 1
        return result

    def _differences(self, luma: NDArray[np.uint8], number: int) -> NDArray[np.float64]:
        larger, smaller = self._scratch
        height, width = luma.shape
        highest = luma + np.minimum(self._noise, np.uint8(255) - luma)
        lowest = luma - np.minimum(self._noise, luma)
        sums = np.empty((number, height), np.uint32)
        # One picture after the other, so that what is computed remains in the cache of the processor.
        for place, kept in enumerate(self._kept[:number]):
            np.maximum(kept, highest, out=larger)
            np.minimum(kept, lowest, out=smaller)
            np.subtract(larger, smaller, out=larger)
            larger.sum(axis=1, dtype=np.uint32, out=sums[place])
        sums -= (highest - lowest).sum(axis=1, dtype=np.uint32)
        firsts = np.minimum(np.arange(BANDS) * height // BANDS, height - 1)
        sizes = np.maximum(np.diff(firsts, append=height), 1) * width
        return np.asarray(np.add.reduceat(sums, firsts, axis=1) / sizes)
