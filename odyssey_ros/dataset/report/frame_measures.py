"""Measures of the pictures of an episode, taken in one pass on a reduced picture.

A frame is kept only until the next two have been measured, so memory does not grow with the pictures: each
frame leaves some numbers and a coarse colour picture of less than a kilobyte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    from odyssey_ros.dataset.reading.stored_episode import FrameLabels, LabelledPicture

_ROWS: Final = 176
"""Rows or columns of the reduced luma along the shorter side, about."""

_PLANAR: Final = frozenset(("yuv420p", "yuvj420p"))


@dataclass(frozen=True, slots=True)
class MeasuredFrames:
    """The measures of N frames, in the order of the bag.

    Attributes:
        labels: The labels of each frame.
        change: N float32: mean absolute difference of luma from the frame before, 0 for the first.
    """

    labels: tuple[FrameLabels, ...]
    change: NDArray[np.float32]


class FrameMeasures:
    """Measures pictures one after the other. Not thread-safe; it needs 1 to 2 ms for a picture of 1280x704."""

    def __init__(self) -> None:
        self._labels: list[FrameLabels] = []
        self._change: list[float] = []
        self._before: NDArray[np.uint8] | None = None

    def add(self, picture: LabelledPicture) -> None:
        """Measure a picture. Pictures come in the order of their positions; some may be missing."""
        luma = reduced_luma(picture.frame)
        before = self._before
        self._labels.append(picture.labels)
        self._change.append(
            0.0 if before is None or before.shape != luma.shape else float(_difference(luma, before).mean())
        )
        self._before = luma

    def result(self) -> MeasuredFrames:
        """Return the measures of all pictures so far."""
        return MeasuredFrames(tuple(self._labels), np.array(self._change, np.float32))


def planes_of(frame: VideoFrame) -> list[NDArray[np.uint8]]:
    """Return the planes Y, U and V of a frame, as views where the frame is planar 4:2:0 already."""
    planar = frame if frame.format.name in _PLANAR else frame.reformat(format="yuv420p")
    sizes = ((planar.height, planar.width),) + (((planar.height + 1) // 2, (planar.width + 1) // 2),) * 2
    return [
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:rows, :columns]  # type: ignore[call-overload]
        for plane, (rows, columns) in zip(planar.planes, sizes, strict=True)
    ]


def reduced_luma(frame: VideoFrame) -> NDArray[np.uint8]:
    """Return every n-th pixel of the luma, so that the shorter side has about 176."""
    luma = planes_of(frame)[0]
    step = max(1, round(min(luma.shape) / _ROWS))
    return np.ascontiguousarray(luma[step // 2 :: step, step // 2 :: step])


def _difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.maximum(a, b) - np.minimum(a, b)
