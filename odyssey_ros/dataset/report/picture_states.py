"""Which pictures of an episode are black, still or torn, by its measures and the thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from odyssey_ros.dataset.report.frame_measures import TORN_STEPS
from odyssey_ros.dataset.report.stale_parts import frames_around, stale_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from odyssey_ros.dataset.report.frame_measures import MeasuredFrames
    from odyssey_ros.dataset.report.thresholds import Thresholds

MIN_RUN: Final = 3
"""Fewest pictures for which the weaker conditions of still and replayed pictures hold."""

_MIN_USUAL: Final = 8
"""Fewest frames of the same scene around a picture from which it is known what is usual."""


@dataclass(frozen=True, slots=True)
class PictureStates:
    """The states of N frames.

    Attributes:
        period_ns: Median distance of two frames in nanoseconds of media time; 0 if there is none.
        black: N bool: the picture is black.
        still: N bool: the picture does not differ from the one before; False for black ones.
        torn: N bool: a region belongs neither to the picture before nor to the next, or is an earlier one.
        stale: N bool: a part of the picture is that of an earlier one.
        scenes: N: number of cuts until each frame.
        motion: N float32: the usual share of pixels that move, around each frame.
        steps: N float32: change of the coarse picture from the frame before; infinite if it is unknown, 0 for
            the first frame.
        usual_steps: N float32: the 90th percentile of `steps` around each frame.
    """

    period_ns: float
    black: NDArray[np.bool_]
    still: NDArray[np.bool_]
    torn: NDArray[np.bool_]
    stale: NDArray[np.bool_]
    scenes: NDArray[np.intp]
    motion: NDArray[np.float32]
    steps: NDArray[np.float32]
    usual_steps: NDArray[np.float32]

    @classmethod
    def of(cls, measured: MeasuredFrames, thresholds: Thresholds) -> PictureStates:
        """Return the states of measured frames."""
        period_ns = _period_ns(measured)
        reach = frames_in(thresholds.window_s, period_ns)
        steps = _steps(measured)
        usual_steps = around(steps, reach, 90, without=1)
        scenes = _scenes(measured, steps, usual_steps, thresholds)
        black = measured.bright <= thresholds.black_share
        moving = np.where(measured.moved > thresholds.still_share, measured.moved, np.float32(np.nan))
        motion = around(moving, reach, 50, scenes=scenes)
        stale = stale_parts(measured.bands, scenes, reach, thresholds)
        torn = stale | _torn(measured, scenes, usual_steps, reach, thresholds)
        return cls(
            period_ns,
            black,
            _still(measured, black, motion, thresholds),
            torn & ~_near(black, TORN_STEPS),
            stale,
            scenes,
            motion,
            steps,
            usual_steps,
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


def _scenes(
    measured: MeasuredFrames,
    steps: NDArray[np.float32],
    usual_steps: NDArray[np.float32],
    thresholds: Thresholds,
) -> NDArray[np.intp]:
    """Return the number of cuts until each frame. A change that lasts for some frames only is no cut."""
    limit = np.maximum(thresholds.cut_ratio * usual_steps, thresholds.cut_change)
    cuts = steps >= limit
    for frame in np.flatnonzero(cuts):
        before = range(max(int(frame) - 1 - TORN_STEPS, 0), int(frame))
        after = range(int(frame), min(int(frame) + 1 + TORN_STEPS, len(measured)))
        same = max(thresholds.cut_change, float(steps[frame]) / 2)
        # The change of pictures of different sizes is not a number.
        cuts[frame] = steps[frame] == np.inf or not any(
            coarse_change(measured, first, last) < same for first in before for last in after
        )
    return np.asarray(np.cumsum(cuts))


def _still(
    measured: MeasuredFrames, black: NDArray[np.bool_], motion: NDArray[np.float32], thresholds: Thresholds
) -> NDArray[np.bool_]:
    comparable = ~(black | np.concatenate(([True], black[:-1])) | measured.resized)
    still = comparable & (measured.moved <= thresholds.still_share)
    # An encoder refines a still picture for some frames. So less motion than usual counts, if it lasts, and
    # begins and ends at once.
    limit = np.minimum(thresholds.still_ratio * motion, thresholds.still_max_share)
    abrupt = thresholds.abrupt_ratio * motion
    for first, last in runs(comparable & (measured.moved <= np.maximum(limit, thresholds.still_share))):
        begins = first <= 1 or measured.moved[first - 1] >= abrupt[first]
        ends = last + 1 >= len(measured) or measured.moved[last + 1] >= abrupt[last]
        lasts = last - first + 1 >= MIN_RUN
        brief = measured.moved[first : last + 1].max() <= thresholds.brief_ratio * motion[first]
        if (lasts or brief) and begins and ends:
            still[first : last + 1] = True
    return np.asarray(still)


def _torn(
    measured: MeasuredFrames,
    scenes: NDArray[np.intp],
    usual_steps: NDArray[np.float32],
    reach: int,
    thresholds: Thresholds,
) -> NDArray[np.bool_]:
    torn = np.zeros(len(measured), np.bool_)
    for step in range(1, TORN_STEPS + 1):
        change, share = measured.torn[:, step - 1], measured.torn_share[:, step - 1]
        usual_change, usual_share = (
            thresholds.torn_ratio * around(values, reach, 90, scenes=scenes, without=TORN_STEPS + 1)
            for values in (change, share)
        )
        found = (change >= np.maximum(usual_change, thresholds.torn_change)) & (
            share >= np.maximum(usual_share, thresholds.torn_share)
        )
        found |= share >= np.maximum(2 * usual_share, thresholds.widely_torn_share)
        found &= measured.foreign[:, step - 1] >= thresholds.torn_share
        for frame in np.flatnonzero(found):
            if len(frames_around(int(frame), scenes, reach)) < _MIN_USUAL:
                continue
            # Where the scene changes, a moving thing differs from both scenes.
            limit = 2 * max(thresholds.cut_change, step * float(usual_steps[frame]))
            same = coarse_change(measured, int(frame) - step, int(frame) + step) < limit
            torn[frame] |= same
    return torn


def _period_ns(measured: MeasuredFrames) -> float:
    distances = np.diff(np.array([each.media_time_ns for each in measured.labels], np.int64))
    distances = distances[distances > 0]
    return float(np.median(distances)) if distances.size else 0.0


def _steps(measured: MeasuredFrames) -> NDArray[np.float32]:
    steps = [coarse_change(measured, frame, max(frame - 1, 0)) for frame in range(len(measured))]
    return np.nan_to_num(np.array(steps, np.float32), nan=np.inf)


def _near(mask: NDArray[np.bool_], distance: int) -> NDArray[np.bool_]:
    """Return which frames are at most so far from a True value."""
    near = mask.copy()
    for shift in range(1, min(distance, len(mask) - 1) + 1):
        near[shift:] |= mask[:-shift]
        near[:-shift] |= mask[shift:]
    return near


def around(
    values: NDArray[np.float32],
    reach: int,
    percentile: float,
    *,
    scenes: NDArray[np.intp] | None = None,
    without: int = 0,
) -> NDArray[np.float32]:
    """Return the percentile of the values around each frame; 0 if there are none.

    Args:
        values: The values of all frames; NaN does not count.
        reach: Number of frames before and after that count.
        percentile: The percentile.
        scenes: The scenes of all frames, if only the same scene counts.
        without: The frame itself and the next ones, up to this distance less one, do not count.
    """
    result = np.zeros(len(values), np.float32)
    if scenes is None:
        scenes = np.zeros(len(values), np.intp)
    starts, ends = np.searchsorted(scenes, scenes, "left"), np.searchsorted(scenes, scenes, "right")
    for frame in range(len(values)):
        start, end = max(frame - reach, int(starts[frame])), min(frame + reach + 1, int(ends[frame]))
        near = values[start:end]
        if without:
            low, high = max(frame - without + 1, start), min(frame + without, end)
            near = np.concatenate((values[start:low], values[high:end]))
        near = np.sort(near[~np.isnan(near)])
        if near.size:
            result[frame] = near[int((near.size - 1) * percentile / 100)]
    return result
