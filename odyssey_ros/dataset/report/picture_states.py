"""Which pictures of an episode are black, still or torn, by its measures and the thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from odyssey_ros.dataset.report.frame_measures import MeasuredFrames
    from odyssey_ros.dataset.report.thresholds import Thresholds

MIN_RUN: Final = 3
"""Fewest pictures for which the weaker conditions of still and replayed pictures hold."""

_TORN_REACH: Final = 3
"""`MeasuredFrames.torn` compares pictures so many frames apart."""


@dataclass(frozen=True, slots=True)
class PictureStates:
    """The states of N frames.

    Attributes:
        period_ns: Median distance of two frames in nanoseconds of media time; 0 if there is none.
        black: N bool: the picture is black.
        still: N bool: the picture does not differ from the one before; False for black ones.
        torn: N bool: a region belongs neither to the picture before nor to the next.
        motion: N float32: the usual share of pixels that move, around each frame.
    """

    period_ns: float
    black: NDArray[np.bool_]
    still: NDArray[np.bool_]
    torn: NDArray[np.bool_]
    motion: NDArray[np.float32]

    @classmethod
    def of(cls, measured: MeasuredFrames, thresholds: Thresholds) -> PictureStates:
        """Return the states of measured frames."""
        period_ns = _period_ns(measured)
        reach = frames_in(thresholds.window_s, period_ns)
        scenes = _scenes(measured, thresholds)
        black = measured.bright <= thresholds.black_share
        motion = _around(measured.moved, scenes, reach, 75)
        usually_torn = _around(measured.torn, scenes, reach, 90, without=_TORN_REACH + 1)
        limit = np.maximum(thresholds.torn_ratio * usually_torn, thresholds.torn_change)
        return cls(
            period_ns,
            black,
            _still(measured, black, motion, thresholds),
            (measured.torn >= limit) & ~_near(black, _TORN_REACH),
            motion,
        )

    def frames_in(self, seconds: float) -> int:
        """Return the number of frames in a time, at least 1."""
        return frames_in(seconds, self.period_ns)


def coarse_change(measured: MeasuredFrames, frame: int, other: int) -> float:
    """Return the mean difference of the coarse pictures of two frames; NaN for those of different sizes."""
    first, last = sorted((frame, other))
    a, b = measured.coarse[first], measured.coarse[last]
    if measured.resized[first + 1 : last + 1].any():
        return float("nan")
    return float(np.abs(a.astype(np.int16) - b).mean())


def frames_in(seconds: float, period_ns: float) -> int:
    """Return the number of frames in a time, at least 1."""
    return max(round(seconds * 1e9 / period_ns), 1) if period_ns else 1


def runs(mask: NDArray[np.bool_], *, gap: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the first and the last index of each run of True values.

    Args:
        mask: The values.
        gap: So many False values do not end a run.
    """
    indexes = np.flatnonzero(mask)
    if not indexes.size:
        return
    first = int(indexes[0])
    for before, after in pairwise(indexes):
        if after - before > gap + 1:
            yield first, int(before)
            first = int(after)
    yield first, int(indexes[-1])


def _still(
    measured: MeasuredFrames, black: NDArray[np.bool_], motion: NDArray[np.float32], thresholds: Thresholds
) -> NDArray[np.bool_]:
    comparable = ~(black | np.concatenate(([True], black[:-1])) | measured.resized)
    still = comparable & (measured.moved <= thresholds.still_share)
    # An encoder refines a still picture for some frames; so less motion than usual counts, if it lasts.
    limit = np.minimum(thresholds.still_ratio * motion, thresholds.still_max_share)
    for first, last in runs(comparable & (measured.moved <= np.maximum(limit, thresholds.still_share))):
        if last - first + 1 >= MIN_RUN:
            still[first : last + 1] = True
    return np.asarray(still)


def _period_ns(measured: MeasuredFrames) -> float:
    distances = np.diff(np.array([each.media_time_ns for each in measured.labels], np.int64))
    distances = distances[distances > 0]
    return float(np.median(distances)) if distances.size else 0.0


def _scenes(measured: MeasuredFrames, thresholds: Thresholds) -> NDArray[np.intp]:
    """Return the number of the scene of each frame: at each sudden change, another scene begins."""
    begins = [
        number > 0 and not coarse_change(measured, number, number - 1) < thresholds.cut_change
        for number in range(len(measured))
    ]
    return np.cumsum(begins)


def _near(mask: NDArray[np.bool_], distance: int) -> NDArray[np.bool_]:
    """Return which frames are at most so far from a True value."""
    near = mask.copy()
    for shift in range(1, min(distance, len(mask) - 1) + 1):
        near[shift:] |= mask[:-shift]
        near[:-shift] |= mask[shift:]
    return near


def _around(
    values: NDArray[np.float32],
    scenes: NDArray[np.intp],
    reach: int,
    percentile: float,
    *,
    without: int = 0,
) -> NDArray[np.float32]:
    """Return the percentile of the values around each frame, in the same scene; 0 if there are none.

    Args:
        values: The values of all frames.
        scenes: The scenes of all frames.
        reach: Number of frames before and after that count.
        percentile: The percentile.
        without: The frame itself and the next ones, up to this distance less one, do not count.
    """
    result = np.zeros(len(values), np.float32)
    starts = np.searchsorted(scenes, scenes, "left")
    ends = np.searchsorted(scenes, scenes, "right")
    for position in range(len(values)):
        start, end = (
            max(position - reach, int(starts[position])),
            min(position + reach + 1, int(ends[position])),
        )
        near = values[start:end]
        if without:
            low, high = max(position - without + 1, start), min(position + without, end)
            near = np.concatenate((values[start:low], values[high:end]))
        if near.size:
            near = np.sort(near)
            result[position] = near[int((near.size - 1) * percentile / 100)]
    return result
