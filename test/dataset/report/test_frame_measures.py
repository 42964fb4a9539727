"""The measures of pictures: each tells the fault that it is for from ordinary motion."""

from __future__ import annotations

import gc
import itertools
import tracemalloc

import av
import numpy as np
import pytest

from odyssey_ros.dataset.reading.stored_episode import LabelledPicture
from odyssey_ros.dataset.report.frame_measures import FrameMeasures, planes_of
from odyssey_ros.dataset.report.thresholds import THRESHOLDS
from synthetic_pictures import labels, measured, pictures, scene


def test_still_pictures_change_nothing_and_moving_ones_do() -> None:
    found = measured(pictures([scene(0), scene(0), scene(1)]))
    assert found.change[0] == found.change[1] == found.moved[1] == 0
    assert found.moved[2] > 0.3
    assert found.change[2] > 10


def test_black_pictures_have_no_bright_pixel() -> None:
    found = measured(pictures([scene(0), np.zeros_like(scene(0))]))
    assert found.bright[0] > 0.8
    assert found.bright[1] == 0


def test_a_torn_picture_differs_from_those_before_and_after() -> None:
    shown = [scene(number) for number in range(9)]
    shown[4][96:] = scene(40, seed=1)[96:]
    found = measured(pictures(shown))
    assert found.torn[4].min() > 20
    assert found.torn_share[4].min() > 0.2
    others = np.delete(found.torn, 4, axis=0)
    assert others.max() < 5


def test_a_view_that_moves_a_little_and_returns_is_not_foreign() -> None:
    shown = [scene(0) for _ in range(9)]
    shown[4] = np.roll(shown[0], 2, axis=1)
    moved = measured(pictures(shown))
    assert moved.torn[4].min() > THRESHOLDS.torn_level
    assert moved.foreign[4].max() == 0
    shown[4] = shown[0].copy()
    shown[4][96:] = scene(40, seed=1)[96:]
    assert measured(pictures(shown)).foreign[4].min() > 0.2


def test_a_picture_is_compared_with_earlier_ones() -> None:
    found = measured(pictures([scene(number) for number in (0, 1, 2, 3, 4, 5, 2, 3)]))
    assert found.bands[6:, 3].max() == 0
    assert found.bands[7, [0, 1, 2, 4, 5, 6]].min() > 1
    assert np.isinf(found.bands[7, 7:]).all()


def test_pictures_of_another_size_are_not_compared() -> None:
    shown = [scene(0), scene(1), scene(2, size=(192, 320)), scene(3, size=(192, 320))]
    found = measured(pictures(shown))
    assert found.resized.tolist() == [False, False, True, False]
    assert found.change[2] == 0
    assert found.change[3] > 0
    assert np.isinf(found.bands[2]).all()
    assert np.isfinite(found.bands[3]).all(axis=1).tolist() == [True] + [False] * 19


@pytest.mark.parametrize("size", [(2, 2), (16, 16), (50, 34), (1280, 704)])
def test_pictures_of_any_size_can_be_measured(size: tuple[int, int]) -> None:
    shown = [scene(number, size=size) for number in range(8)]
    found = measured(pictures(shown))
    assert len(found) == 8
    assert np.isfinite(found.torn).all()
    assert 0 < found.coarse[0].size <= 3 * 400


def test_planes_of_any_format() -> None:
    rgb = av.VideoFrame.from_ndarray(np.full((34, 50, 3), 255, np.uint8), format="rgb24")
    for frame in (rgb, rgb.reformat(format="yuv420p"), rgb.reformat(format="yuv444p")):
        luma, blue, red = planes_of(frame)
        assert luma.shape == (34, 50)
        assert blue.shape == red.shape == (17, 25)
        assert abs(int(luma.max()) - 235) <= 1


def test_no_picture_has_no_measures() -> None:
    found = measured([])
    assert len(found) == 0
    assert found.torn.shape == (0, 3)


def test_memory_does_not_grow_with_the_pictures() -> None:
    """A frame leaves numbers and a coarse picture: about 2 kB, where a picture has 184 kB."""
    frames = [picture.frame for picture in pictures([scene(number) for number in range(4)])]
    measures = FrameMeasures(THRESHOLDS)

    def add(first: int, count: int) -> int:
        for number, frame in zip(range(first, first + count), itertools.cycle(frames), strict=False):
            measures.add(LabelledPicture(labels(number), frame))
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = add(0, 40)
        after = add(40, 200)
    finally:
        tracemalloc.stop()
    assert (after - before) / 200 < 3000
