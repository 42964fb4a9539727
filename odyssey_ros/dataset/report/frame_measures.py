"""Measures of the pictures of an episode, taken in one pass on a reduced picture.

Only the last pictures are kept, reduced, so memory does not grow with the pictures: each frame leaves some
numbers, a coarse colour picture and differences from earlier pictures, of about two kilobytes.
"""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from odyssey_ros.dataset.report.earlier_pictures import BANDS, MAX_LAG, EarlierPictures

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    from odyssey_ros.dataset.reading.stored_episode import FrameLabels, LabelledPicture
    from odyssey_ros.dataset.report.thresholds import Thresholds

_ROWS: Final = 176
_BLOCK: Final = 8
_COARSE: Final = 16
_PLANAR: Final = frozenset(("yuv420p", "yuvj420p"))
TORN_STEPS: Final = 3
"""Torn pictures are found if at most so many follow each other."""

_LAGS: Final = tuple(sorted({lag for step in range(1, TORN_STEPS + 1) for lag in (step, 2 * step)}))


@dataclass(frozen=True, slots=True)
class MeasuredFrames:
    """The measures of N frames, in the order of the bag. Shares are from 0 to 1.

    Attributes:
        labels: The labels of each frame.
        change: N float32: mean absolute difference of luma from the frame before; 0 for the first frame, and
            for the first of another size.
        moved: N float32: share of the pixels whose luma differs from the frame before by more than the
            threshold `moved_level`.
        bright: N float32: share of the pixels with more luma than the threshold `black_level`.
        torn: N x 3 float32: for the steps 1 to 3, by how much the most different region of about 96 x 96
            pixels differs from the frames so many steps before and after, minus the difference of those.
        torn_share: N x 3 float32: share of such regions for which that is more than `torn_level`.
        foreign: N x 3 float32: like `torn_share`, on a smaller picture, without what a motion by a pixel of
            that picture explains; 0 where `torn` and `torn_share` are below the thresholds.
        corrupt: N bool: whether the decoder replaced damaged parts of the picture (H.264).
        key: N bool: whether the picture is a key frame (H.264).
        bands: N x `MAX_LAG` x `BANDS` float16: mean difference of luma beyond `noise_level`, in bands of rows
            of a smaller picture, from the frame before, the one before that, and so on; infinite where there
            is none.
        coarse: N x 660 uint8 or less: mean luma and chroma of a coarse grid; rows of frames of another size
            than the frame before are not comparable.
        resized: N bool: whether the frame has another size than the frame before.
    """

    labels: tuple[FrameLabels, ...]
    change: NDArray[np.float32]
    moved: NDArray[np.float32]
    bright: NDArray[np.float32]
    torn: NDArray[np.float32]
    torn_share: NDArray[np.float32]
    foreign: NDArray[np.float32]
    corrupt: NDArray[np.bool_]
    key: NDArray[np.bool_]
    bands: NDArray[np.float16]
    coarse: tuple[NDArray[np.uint8], ...]
    resized: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.labels)


class FrameMeasures:
    """Measures pictures one after the other. Not thread-safe.

    Args:
        thresholds: The levels of luma that count.
    """

    def __init__(self, thresholds: Thresholds) -> None:
        self._moved_level = np.uint8(thresholds.moved_level)
        self._black_level = np.uint8(thresholds.black_level)
        self._labels: list[FrameLabels] = []
        self._numbers: list[tuple[float, float, float, bool, bool, bool]] = []
        self._outliers = array("f")
        self._thresholds = thresholds
        self._torn_level = thresholds.torn_level
        self._coarse: list[NDArray[np.uint8]] = []
        self._recent: deque[NDArray[np.uint8]] = deque(maxlen=2 * TORN_STEPS)
        self._differences: deque[dict[int, NDArray[np.float32]]] = deque(maxlen=TORN_STEPS + 1)
        self._smaller: deque[NDArray[np.uint8]] = deque(maxlen=2 * TORN_STEPS + 1)
        self._earlier = EarlierPictures(thresholds.noise_level)
        self._bands: list[NDArray[np.float16]] = []

    def add(self, picture: LabelledPicture) -> None:
        """Measure a picture. Pictures come in the order of their positions; some may be missing."""
        planes = planes_of(picture.frame)
        luma = _reduced(planes[0], _step(planes[0]))
        resized = bool(self._recent) and self._recent[-1].shape != luma.shape
        if resized:
            self._recent.clear()
            self._smaller.clear()
            self._differences.clear()
        change = moved = 0.0
        differences: dict[int, NDArray[np.float32]] = {}
        for distance in _LAGS:
            if distance <= len(self._recent):
                difference = _difference(luma, self._recent[-distance])
                differences[distance] = _block_means(difference, _BLOCK)
                if distance == 1:
                    change = float(difference.mean())
                    moved = np.count_nonzero(difference > self._moved_level) / difference.size
        smaller = np.ascontiguousarray(luma[::2, ::2])
        self._smaller.append(smaller)
        self._bands.append(self._earlier.add(smaller))
        bright = np.count_nonzero(luma > self._black_level) / luma.size
        self._labels.append(picture.labels)
        frame = picture.frame
        self._numbers.append((change, moved, bright, frame.is_corrupt, bool(frame.key_frame), resized))
        self._coarse.append(_coarse(planes))
        self._recent.append(luma)
        self._outliers.extend((0.0,) * 3 * TORN_STEPS)
        self._differences.append(differences)
        self._measure_torn()

    def result(self) -> MeasuredFrames:
        """Return the measures of all pictures so far."""
        columns = list(zip(*self._numbers, strict=True)) or [()] * 6
        change, moved, bright, corrupt, key, resized = columns
        outliers = np.array(self._outliers, np.float32).reshape(-1, TORN_STEPS, 3)
        return MeasuredFrames(
            tuple(self._labels),
            np.array(change, np.float32),
            np.array(moved, np.float32),
            np.array(bright, np.float32),
            outliers[:, :, 0],
            outliers[:, :, 1],
            outliers[:, :, 2],
            np.array(corrupt, np.bool_),
            np.array(key, np.bool_),
            np.array(self._bands, np.float16).reshape(-1, MAX_LAG, BANDS),
            tuple(self._coarse),
            np.array(resized, np.bool_),
        )

    def _measure_torn(self) -> None:
        """Compare the pictures before the newest one with their neighbours at the same distance."""
        newest = self._differences[-1]
        for step in range(1, TORN_STEPS + 1):
            if 2 * step in newest:
                before = self._differences[-1 - step][step]
                outlier = _regions(np.minimum(before, newest[step]) - newest[2 * step])
                largest = float(outlier.max())
                share = float((outlier > self._torn_level).mean())
                foreign = self._foreign_part(step) if self._may_be_torn(largest, share) else 0.0
                place = len(self._outliers) - 3 * ((step + 1) * TORN_STEPS - (step - 1))
                self._outliers[place : place + 3] = array("f", (largest, share, foreign))

    def _may_be_torn(self, largest: float, share: float) -> bool:
        thresholds = self._thresholds
        large = largest >= thresholds.torn_change and share >= thresholds.torn_share
        return large or share >= thresholds.widely_torn_share

    def _foreign_part(self, step: int) -> float:
        """Return the share of the regions that differ from the frames around, but for a small motion."""
        before, frame, after = (self._smaller[-1 - each * step] for each in (2, 1, 0))
        size = _BLOCK // 2
        unlike = np.minimum(
            _block_means(_unlike(frame, before), size), _block_means(_unlike(frame, after), size)
        )
        regions = _regions(unlike - _block_means(_difference(before, after), size))
        return float((regions > self._torn_level).mean())


def planes_of(frame: VideoFrame) -> list[NDArray[np.uint8]]:
    """Return the planes Y, U and V of a frame, as views where the frame is planar 4:2:0 already."""
    planar = frame if frame.format.name in _PLANAR else frame.reformat(format="yuv420p")
    sizes = ((planar.height, planar.width),) + (((planar.height + 1) // 2, (planar.width + 1) // 2),) * 2
    return [
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:rows, :columns]  # type: ignore[call-overload]
        for plane, (rows, columns) in zip(planar.planes, sizes, strict=True)
    ]


def _step(luma: NDArray[np.uint8]) -> int:
    return max(1, round(int(min(luma.shape)) / _ROWS))


def _reduced(plane: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Return every n-th pixel. The pixels are not averaged, so that small motion remains visible."""
    return np.ascontiguousarray(plane[step // 2 :: step, step // 2 :: step])


def _difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(np.maximum(a, b) - np.minimum(a, b))


def _unlike(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return by how much each pixel of `a` is outside the range of the pixel of `b` and its neighbours."""
    highest, lowest = _extended(b, np.maximum), _extended(b, np.minimum)
    above, below = np.maximum(a, highest) - highest, lowest - np.minimum(a, lowest)
    return np.asarray(np.maximum(above, below))


def _extended(plane: NDArray[np.uint8], extreme: np.ufunc) -> NDArray[np.uint8]:
    """Return the extreme of each pixel and its eight neighbours."""
    rows = plane.copy()
    extreme(rows[1:], plane[:-1], out=rows[1:])
    extreme(rows[:-1], plane[1:], out=rows[:-1])
    result = rows.copy()
    extreme(result[:, 1:], rows[:, :-1], out=result[:, 1:])
    extreme(result[:, :-1], rows[:, 1:], out=result[:, :-1])
    return result


def _block_means(plane: NDArray[np.uint8], block: int) -> NDArray[np.float32]:
    """Return the means of square blocks; rows and columns that fill no block are left out, if any is full."""
    rows, columns = (max(side // block, 1) for side in plane.shape)
    high, wide = (min(block, side) for side in plane.shape)
    whole = plane[: rows * high, : columns * wide].reshape(rows, high, columns * wide)
    sums = whole.sum(axis=1, dtype=np.uint32).reshape(rows, columns, wide).sum(axis=2, dtype=np.uint32)
    return np.asarray(sums / np.float32(high * wide), np.float32)


def _regions(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the means of all squares of 3 x 3 blocks; that of all blocks if there are fewer."""
    if min(blocks.shape) < 3:
        return np.full((1, 1), blocks.mean(), np.float32)
    rows = blocks[:-2] + blocks[1:-1] + blocks[2:]
    return np.asarray((rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / np.float32(9))


def _coarse(planes: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    step = _step(planes[0])
    cells = [_block_means(_reduced(planes[0], step), _COARSE)]
    cells += [_block_means(_reduced(plane, step), _COARSE // 2) for plane in planes[1:]]
    return np.concatenate([each.ravel() for each in cells]).round().astype(np.uint8)
