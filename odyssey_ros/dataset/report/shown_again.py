"""Which pictures a video shows a second time, as told by their differences from earlier pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from odyssey_ros.dataset.report.earlier_pictures import MAX_LAG
from odyssey_ros.dataset.report.picture_states import MIN_RUN, runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from odyssey_ros.dataset.report.frame_measures import MeasuredFrames
    from odyssey_ros.dataset.report.picture_states import PictureStates
    from odyssey_ros.dataset.report.thresholds import Thresholds

_MIN_USUAL: Final = 8
"""Fewest frames around from which usual changes are known."""

_LEAST_CHANGE: Final = 0.01
"""A smaller difference of two pictures, in levels, is none."""

_MIN_MOVING: Final = 2
"""Fewest pictures of a replay that differ from the one before."""


def time_went_on(
    measured: MeasuredFrames, states: PictureStates, first: int, last: int, thresholds: Thresholds
) -> bool:
    """Return whether the picture after a run of equal ones shows that time went on meanwhile.

    A pause of a slow motion ends with a usual step; a repeated picture hides a part of the motion.

    Args:
        measured: The measures of the pictures.
        states: Their states.
        first: The first picture that is equal to the one before.
        last: The last one.
        thresholds: The thresholds.
    """
    after = last + 1
    lag = after - first + 1
    if after >= len(measured) or lag > MAX_LAG or states.scenes[after] != states.scenes[last]:
        return False
    reach = states.frames_in(thresholds.window_s)
    near = np.arange(max(first - reach, lag), min(last + reach + 1, len(measured)))
    near = near[(near < first) | (near > after)]
    near = near[
        (states.scenes[near] == states.scenes[first]) & (states.scenes[near - lag] == states.scenes[first])
    ]
    bands = measured.bands[:, 0].astype(np.float32)
    far = measured.bands[near, lag - 1].astype(np.float32).mean(axis=1)
    near, far = near[np.isfinite(far)], far[np.isfinite(far)]
    if len(near) < _MIN_USUAL:
        return False
    usual = max(float(np.median(far)), _LEAST_CHANGE)
    if not float(bands[after].mean()) >= thresholds.catch_up_ratio * usual:
        return False
    steps = bands[near].mean(axis=1)
    moving = steps[steps > _LEAST_CHANGE]
    if moving.size and usual <= thresholds.aimless_ratio * float(np.median(moving)):
        return True
    limit = np.percentile(bands[near], 95, axis=0)
    above = np.maximum(bands[near] - limit, 0).mean(axis=1)
    own = float(np.maximum(bands[after] - limit, 0).mean())
    return bool((above < own).mean() >= thresholds.catch_up_rank)


def replays(
    measured: MeasuredFrames, states: PictureStates, thresholds: Thresholds
) -> Iterator[tuple[int, int, int]]:
    """Yield the first and the last picture of each run that was shown before, and after how many frames.

    Views that are alike now and then, at the same distance, are no replay.
    """
    total = measured.bands.astype(np.float32).mean(axis=2)
    change = np.where(np.isfinite(total[:, 0]), total[:, 0], np.float32(0))
    reach = states.frames_in(thresholds.window_s)
    usual = _usual_changes(change, states.scenes, reach)
    found: list[tuple[float, int, int, int]] = []
    for lag in range(2, MAX_LAG + 1):
        again = total[:, lag - 1]
        # NaN and infinite differences are not equal to any.
        equal = (again <= thresholds.replayed_ratio * usual) & (usual >= _LEAST_CHANGE)
        equal[lag:] &= ~(states.black[lag:] | states.black[:-lag])
        moving = change >= np.maximum(usual / 4, _LEAST_CHANGE)
        for start, last in runs(equal):
            first = start
            while first <= last and not moving[first]:
                first += 1
            if last - first + 1 < MIN_RUN or np.count_nonzero(moving[first : last + 1]) < _MIN_MOVING:
                continue
            sums = float(again[first : last + 1].sum()), float(change[first : last + 1].sum())
            low, high = max(first - reach, 0), last + reach + 1
            others = np.count_nonzero((equal & moving)[low:high])
            others -= np.count_nonzero((equal & moving)[first : last + 1])
            if (
                sums[0] <= thresholds.replayed_ratio * sums[1]
                and others <= thresholds.stale_max_share * reach
            ):
                found.append((sums[0] - sums[1], first, last, lag))
    taken = np.zeros(len(measured), np.bool_)
    kept = []
    for _, first, last, lag in sorted(found):
        if not taken[first : last + 1].any():
            taken[first : last + 1] = True
            kept.append((first, last, lag))
    yield from sorted(kept)


def _usual_changes(change: NDArray[np.float32], scenes: NDArray[np.intp], reach: int) -> NDArray[np.float32]:
    """Return the median change of the frames around each frame that change at all; 0 if none does."""
    result = np.zeros(len(change), np.float32)
    for frame in range(len(change)):
        first, last = max(frame - reach, 0), frame + reach + 1
        near = change[first:last][scenes[first:last] == scenes[frame]]
        near = near[near >= _LEAST_CHANGE]
        if near.size:
            result[frame] = np.median(near)
    return result
