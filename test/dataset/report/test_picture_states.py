"""States of pictures: they are compared with the same scene, so that slow or noisy scenes are no fault."""

from __future__ import annotations

import numpy as np
import pytest

from odyssey_ros.dataset.report.picture_states import PictureStates, around, coarse_change, runs
from odyssey_ros.dataset.report.thresholds import THRESHOLDS
from synthetic_pictures import measured, pictures, scene


def test_runs_of_true_values() -> None:
    mask = np.array([1, 1, 0, 1, 0, 0, 1], bool)
    assert list(runs(mask)) == [(0, 1), (3, 3), (6, 6)]
    assert list(runs(mask, gap=1)) == [(0, 3), (6, 6)]
    assert list(runs(mask[:0])) == list(runs(~mask[:2])) == []


def test_values_around_a_frame() -> None:
    values = np.array([1, 2, 30, 4, 5], np.float32)
    assert around(values, 1, 100).tolist() == [2, 30, 30, 30, 5]
    assert around(values, 1, 0).tolist() == [1, 1, 2, 4, 4]
    assert around(values, 2, 100, without=1).tolist() == [30, 30, 5, 30, 30]
    assert around(values, 9, 100, scenes=np.array([0, 0, 1, 1, 1])).tolist() == [2, 2, 30, 30, 30]
    assert around(values, 9, 100, scenes=np.array([0, 0, 1, 2, 2]), without=1)[2] == 0


def test_a_noisy_still_picture_is_still_if_it_begins_and_ends_at_once() -> None:
    """An encoder refines a picture: some pixels change in each frame of a freeze."""
    rng = np.random.default_rng(1)
    shown = [scene(number) for number in range(20)]
    for number in range(8, 14):
        shown[number] = shown[7].copy()
        shown[number][rng.integers(0, 192, 500), rng.integers(0, 320, 500)] = 128
    states = PictureStates.of(measured(pictures(shown)), THRESHOLDS)
    assert np.flatnonzero(states.still).tolist() == list(range(8, 14))


def test_rain_is_not_torn() -> None:
    """Each picture has bright strokes at other places, so regions differ from those before and after."""
    rng = np.random.default_rng(2)
    shown = []
    for _ in range(30):
        picture = np.full((192, 320, 3), 20, np.uint8)
        for _ in range(60):
            row, column = rng.integers(0, 170), rng.integers(0, 318)
            picture[row : row + 20, column : column + 2] = 230
        shown.append(picture)
    found = measured(pictures(shown))
    assert found.torn.max() > THRESHOLDS.torn_change
    assert not PictureStates.of(found, THRESHOLDS).torn.any()


def test_times_and_changes() -> None:
    found = measured(pictures([scene(0), scene(0), scene(0, seed=5), scene(0, size=(192, 320))]))
    states = PictureStates.of(found, THRESHOLDS)
    assert states.period_ns == 50_000_000
    assert states.frames_in(0.3) == 6
    assert states.frames_in(0.001) == 1
    assert states.steps[:2].tolist() == [0, 0]
    assert states.steps[2] > 10
    assert states.steps[3] == np.inf
    assert np.isnan(coarse_change(found, 3, 0))
    assert coarse_change(found, 0, 2) == pytest.approx(coarse_change(found, 2, 0))


def test_no_picture_has_no_state() -> None:
    states = PictureStates.of(measured([]), THRESHOLDS)
    assert states.period_ns == 0
    assert states.still.size == states.torn.size == 0
