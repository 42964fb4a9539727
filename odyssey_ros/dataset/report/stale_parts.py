"""Pictures whose upper or lower part is that of an earlier picture, while the other part went on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from odyssey_ros.dataset.report.earlier_pictures import BANDS, MAX_LAG

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odyssey_ros.dataset.report.thresholds import Thresholds

STALE_STEPS: Final = 3
"""So many pictures after each other may have a stale part."""

_CHUNK: Final = 512
"""Frames that are looked at together, to bound the memory."""

_MIN_USUAL: Final = 5
"""Fewest frames around from which usual values are known."""

_RETURN: Final = 1.2
"""The part differs from the next picture at least by the difference of the pictures around, but for this."""

_OTHER_FITS: Final = 0.7
"""The other part differs from the earlier picture by at least this part of its difference from the last."""

_OTHER_RATIO: Final = 3.0
"""The other part differs from the earlier picture by more than the stale part, at least by this factor."""

_OTHER_STALE: Final = 0.15
"""How much of the other part may be stale, for an area of the same size."""

# The parts above and below each limit between two bands. The band at the limit belongs to neither of them.
_LIMITS: Final = np.arange(1, BANDS - 1)
_SIZES: Final = np.concatenate((_LIMITS, BANDS - 1 - _LIMITS)).astype(np.float32)
_OTHER_SIZES: Final = np.concatenate((BANDS - 1 - _LIMITS, _LIMITS)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Sums of differences over the parts of N pictures.

    Attributes:
        stale: N x lags x parts: the differences of each part.
        other: N x lags x parts: those of the other part of the picture.
    """

    stale: NDArray[np.float32]
    other: NDArray[np.float32]

    @classmethod
    def of(cls, bands: NDArray[np.float32]) -> _Parts:
        sums = np.cumsum(bands, axis=-1)
        upper, lower = sums[..., _LIMITS - 1], sums[..., -1:] - sums[..., _LIMITS]
        return cls(np.concatenate((upper, lower), axis=-1), np.concatenate((lower, upper), axis=-1))


def stale_parts(
    bands: NDArray[np.float16], scenes: NDArray[np.intp], reach: int, thresholds: Thresholds
) -> NDArray[np.bool_]:
    """Return which pictures show a part of an earlier picture, for at most three pictures.

    The part must match one earlier picture, and differ from the pictures around; the rest of the picture must
    not match that earlier picture. Either the part jumps by more than usual, or the scene moves without aim,
    as in rain, where no two pictures are alike. So a view that swings, or motion that repeats, is no fault.

    Args:
        bands: N x `MAX_LAG` x `BANDS`: the differences from earlier pictures.
        scenes: The scene of each frame; only the same scene is compared.
        reach: Number of frames before and after that show what is usual.
        thresholds: The thresholds.
    """
    found = np.zeros(len(bands), np.bool_)
    margin = reach + 2 * STALE_STEPS
    for start in range(0, len(bands), _CHUNK):
        first, last = max(start - margin, 0), min(start + _CHUNK + margin, len(bands))
        part = _stale_parts(bands[first:last].astype(np.float32), scenes[first:last], reach, thresholds)
        end = min(start + _CHUNK, len(bands))
        found[start:end] = part[start - first : end - first]
    return found


def _stale_parts(
    bands: NDArray[np.float32], scenes: NDArray[np.intp], reach: int, thresholds: Thresholds
) -> NDArray[np.bool_]:
    found = np.zeros(len(bands), np.bool_)
    known: NDArray[np.bool_] = np.asarray(np.isfinite(bands).all(axis=2))
    bands = np.where(known[:, :, None], bands, np.float32(0))
    parts = _Parts.of(bands)
    for step in range(1, STALE_STEPS + 1):
        if len(bands) <= 2 * step:
            break
        change = parts.stale[:, step - 1]
        later = np.zeros_like(change)
        across = np.zeros_like(change)
        later[:-step] = change[step:]
        across[:-step] = parts.stale[step:, 2 * step - 1]
        same = np.zeros(len(bands), np.bool_)
        same[step:-step] = scenes[step * 2 :] == scenes[: -step * 2]
        outside = np.minimum(change, later) * (across <= _RETURN * later) * same[:, None]
        lags = slice(step, MAX_LAG)
        match = np.where(known[:, lags, None], parts.stale[:, lags], np.float32(np.inf))
        ratio = thresholds.stale_ratio
        visible = outside / BANDS >= thresholds.stale_change
        candidates = (match <= ratio * outside[:, None]) & visible[:, None]
        nearly = (match <= 2 * ratio * outside[:, None]).any(axis=1) & (
            outside / BANDS >= thresholds.stale_change / 2
        )
        for frame in np.flatnonzero(candidates.any(axis=(1, 2))):
            fits = candidates[frame] & _others_differ(
                parts, bands[frame], int(frame), step, outside[frame], thresholds
            )
            near = frames_around(int(frame), scenes, reach)
            for part in np.flatnonzero(fits.any(axis=0)):
                if len(near) < _MIN_USUAL or nearly[near, part].mean() > thresholds.stale_max_share:
                    continue
                usual = change[near, part]
                jump = max(change[frame, part], later[frame, part])
                moving = near[(near >= 2 * step) & (usual / BANDS >= thresholds.stale_change / 4)]
                aimless = len(moving) >= _MIN_USUAL and thresholds.aimless_ratio >= float(
                    np.median(parts.stale[moving, 2 * step - 1, part] / change[moving, part])
                )
                if aimless or jump >= thresholds.stale_jump * np.percentile(usual, 90):
                    found[frame] = True
                    break
    return found


def _others_differ(
    parts: _Parts,
    bands: NDArray[np.float32],
    frame: int,
    step: int,
    outside: NDArray[np.float32],
    thresholds: Thresholds,
) -> NDArray[np.bool_]:
    """Return for each lag and part whether the other part of the picture is not that of the earlier one."""
    stale, other = parts.stale[frame, step:], parts.other[frame, step:]
    least = np.maximum(_OTHER_RATIO * stale / _SIZES, thresholds.stale_change)
    differ = (other / _OTHER_SIZES >= least) & (other >= _OTHER_FITS * parts.other[frame, step - 1])
    better = np.maximum(bands[step - 1] / 2 - bands[step:], 0)
    gain = (outside - stale) / _SIZES
    return np.asarray(differ & (_Parts.of(better).other / _OTHER_SIZES <= _OTHER_STALE * gain))


def frames_around(frame: int, scenes: NDArray[np.intp], reach: int) -> NDArray[np.intp]:
    """Return the frames of the same scene around a frame, without those that may have the same fault."""
    near = np.arange(max(frame - reach, 0), min(frame + reach + 1, len(scenes)))
    return np.asarray(near[(np.abs(near - frame) > STALE_STEPS) & (scenes[near] == scenes[frame])])
