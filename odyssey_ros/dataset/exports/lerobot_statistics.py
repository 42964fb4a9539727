"""The statistics that LeRobot stores for each feature, of single episodes and of a whole dataset.

The forms are those of LeRobot: lists of one number for the columns of numbers, and for pictures one number
for each channel in the shape (3, 1, 1), with values from 0 to 1. `count` is the number of samples: frames,
however many pixels of a frame are counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

FeatureStatistics = dict[str, Any]
"""The statistics of a feature: nested lists by the names `min`, `max`, `mean`, `std`, `count`, `q01` ..."""

PICTURE_SHAPE: Final = (3, 1, 1)
"""The shape of the statistics of pictures, but for `count`."""

_QUANTILES: Final = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
_KINDS: Final = {"min", "max", "mean", "std", "count", *_QUANTILES}
_LEVELS: Final = 256

# LeRobot's own sizes: pictures of fewer pixels are counted whole.
_SMALL_SIDE: Final = 300
_SAMPLED_SIDE: Final = 150


class PictureStatistics:
    """Counts the values of the pixels of sampled pictures, by channel. Not thread-safe."""

    def __init__(self) -> None:
        self._counts = np.zeros((3, _LEVELS), np.int64)
        self._pictures = 0
        self._reformatter = VideoReformatter()

    def add(self, frame: VideoFrame) -> None:
        """Count the pixels of a picture, of a large picture only those of a grid."""
        longest = max(frame.width, frame.height)
        step = 1 if longest < _SMALL_SIDE else longest // _SAMPLED_SIDE
        pixels = self._reformatter.reformat(
            frame,
            width=-(-frame.width // step),
            height=-(-frame.height // step),
            format="rgb24",
            interpolation=Interpolation.POINT,
            threads=1,
        ).to_ndarray()
        for channel in range(3):
            self._counts[channel] += np.bincount(pixels[..., channel].ravel(), minlength=_LEVELS)
        self._pictures += 1

    def result(self) -> FeatureStatistics:
        """Return the statistics. At least one picture must have been added."""
        levels = np.arange(_LEVELS) / (_LEVELS - 1)
        found: dict[str, list[float]] = {
            name: [] for name in ("min", "max", "mean", "std", *_QUANTILES)
        }  # fmt: skip
        for counts in self._counts:
            present = np.flatnonzero(counts)
            total = int(counts.sum())
            mean = float(levels @ counts) / total
            up_to = np.cumsum(counts)
            found["min"].append(float(levels[present[0]]))
            found["max"].append(float(levels[present[-1]]))
            found["mean"].append(mean)
            found["std"].append(float(np.sqrt(((levels - mean) ** 2) @ counts / total)))
            for name, share in _QUANTILES.items():
                found[name].append(float(levels[np.searchsorted(up_to, share * total)]))
        statistics: FeatureStatistics = {
            name: [[[value]] for value in values] for name, values in found.items()
        }
        return {**statistics, "count": [self._pictures]}


def number_statistics(values: NDArray[np.generic]) -> FeatureStatistics:
    """Return the statistics of a column of numbers, which must not be empty."""
    numbers = values.astype(np.float64)
    quantiles = np.quantile(numbers, list(_QUANTILES.values()))
    return {
        "min": [float(numbers.min())],
        "max": [float(numbers.max())],
        "mean": [float(numbers.mean())],
        "std": [float(numbers.std())],
        "count": [len(numbers)],
        **{name: [float(value)] for name, value in zip(_QUANTILES, quantiles, strict=True)},
    }


def parsed_statistics(value: object, pictures: str, numbers: Collection[str]) -> dict[str, FeatureStatistics]:
    """Check the statistics of several features that were read from a file.

    Args:
        value: The value of the JSON file.
        pictures: The feature with pictures, which must be there.
        numbers: The features with numbers, which must be there. There must be no others.

    Raises:
        ValueError: A feature, a value or a shape is wrong.
    """
    if not isinstance(value, dict) or set(value) != {pictures, *numbers}:
        raise ValueError("other features have statistics")
    shapes = {pictures: PICTURE_SHAPE}
    return {
        feature: parsed_feature(statistics, shapes.get(feature, (1,)))
        for feature, statistics in value.items()
    }


def parsed_feature(value: object, shape: tuple[int, ...]) -> FeatureStatistics:
    """Check the statistics of one feature that were read from a file.

    Args:
        value: The value of the JSON file.
        shape: The shape of all but `count`.

    Raises:
        ValueError: A value or a shape is wrong.
    """
    if not isinstance(value, dict) or set(value) != _KINDS:
        raise ValueError("a feature has other statistics")
    for kind, values in value.items():
        found = np.asarray(values)
        if found.shape != (shape if kind != "count" else (1,)) or found.dtype.kind not in "if":
            raise ValueError(f"{kind} has another shape")
        if not np.isfinite(found).all():
            raise ValueError(f"{kind} is not finite")
    if value["count"][0] < 1:
        raise ValueError("nothing was counted")
    return value


def combined(
    total: Mapping[str, FeatureStatistics] | None, episode: Mapping[str, FeatureStatistics]
) -> dict[str, FeatureStatistics]:
    """Add the statistics of an episode to those of a dataset, by the rules of LeRobot.

    Quantiles are averaged, weighted with the numbers of samples. Episodes are added one at a time, so that
    the sums do not depend on how many were exported by one run.

    Args:
        total: The statistics of the features of the episodes before; None if there are none.
        episode: The statistics of the features of the episode.
    """
    if total is None:
        return dict(episode)
    return {feature: _combined(total[feature], values) for feature, values in episode.items()}


def _combined(total: FeatureStatistics, episode: FeatureStatistics) -> FeatureStatistics:
    counts = total["count"][0], episode["count"][0]
    count = sum(counts)

    def weighted(values: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        return np.asarray((values[0] * counts[0] + values[1] * counts[1]) / count)

    def both(name: str) -> list[NDArray[np.float64]]:
        return [np.asarray(each[name], np.float64) for each in (total, episode)]

    means = both("mean")
    mean = weighted(means)
    variances = [
        deviation**2 + (part - mean) ** 2 for deviation, part in zip(both("std"), means, strict=True)
    ]
    return {
        "min": np.minimum(*both("min")).tolist(),
        "max": np.maximum(*both("max")).tolist(),
        "mean": mean.tolist(),
        "std": np.sqrt(weighted(variances)).tolist(),
        "count": [count],
        **{name: weighted(both(name)).tolist() for name in _QUANTILES},
    }
