"""The distances of an episode's frames in media time, as few points for a plot."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_POINTS: Final = 120
"""Points of an episode."""

_NANOSECONDS: Final = 1_000_000_000


def frame_distances(media_times_ns: Sequence[int]) -> tuple[tuple[float, float], ...]:
    """Return distances between frames; of a long episode the longest in each of `MAX_POINTS` parts.

    The longest one of a part is kept because a mean would hide gaps.

    Args:
        media_times_ns: Presentation times of the frames in nanoseconds, in order.

    Returns:
        Pairs: the time of a frame in seconds, and its distance from the frame before in milliseconds.
    """
    distances = [after - before for before, after in pairwise(media_times_ns)]
    size = max(1, -(-len(distances) // MAX_POINTS))
    starts = range(0, len(distances), size)
    longest = (
        max(range(first, min(first + size, len(distances))), key=distances.__getitem__) for first in starts
    )
    return tuple(
        (round(media_times_ns[at + 1] / _NANOSECONDS, 3), round(distances[at] / 1_000_000, 3))
        for at in longest
    )
