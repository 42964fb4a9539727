"""Stale parts: a part of an earlier picture is found, and motion that goes back or repeats itself is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from odyssey_ros.dataset.report.stale_parts import frames_around, stale_parts
from odyssey_ros.dataset.report.thresholds import THRESHOLDS
from synthetic_pictures import measured, pictures, scene

if TYPE_CHECKING:
    from numpy.typing import NDArray


def stale(shown: list[NDArray[np.uint8]]) -> list[int]:
    bands = measured(pictures(shown)).bands
    return np.flatnonzero(stale_parts(bands, np.zeros(len(bands), np.intp), 30, THRESHOLDS)).tolist()


@pytest.mark.parametrize("age", [2, 5, 19])
@pytest.mark.parametrize("upper", [False, True])
def test_a_part_of_an_earlier_picture(age: int, upper: bool) -> None:
    shown = [scene(number) for number in range(60)]
    part = slice(0, 60) if upper else slice(130, None)
    shown[30][part] = shown[30 - age][part]
    assert stale(shown) == [30]


@pytest.mark.parametrize("age", [3, 12])
def test_a_stale_part_for_three_pictures(age: int) -> None:
    shown = [scene(number) for number in range(60)]
    old = shown[30 - age].copy()
    for number, row in ((30, 60), (31, 100), (32, 140)):
        shown[number][row:] = old[row:]
    found = stale(shown)
    assert found
    assert set(found) <= {30, 31, 32}


def test_a_stale_part_in_rain() -> None:
    """No region differs by more than usual from the pictures around, but one is that of an earlier one."""
    shown = _rain(60)
    assert stale(shown) == []
    shown[30][100:] = shown[23][100:]
    assert stale(shown) == [30]


def test_a_stale_part_of_a_noisy_video() -> None:
    rng = np.random.default_rng(3)
    shown = [scene(number) for number in range(60)]
    shown[30][100:] = shown[24][100:]
    noisy = [each + rng.integers(0, 3, each.shape, np.uint8) for each in shown]
    assert stale(noisy) == [30]


@pytest.mark.parametrize("pause", [1, 3])
def test_motion_that_turns_back(pause: int) -> None:
    """A part swings while the other goes on: at each turn, it looks as some frames before."""
    swing = [abs(number % 40 - 20) // pause for number in range(120)]
    shown = [scene(number) for number in range(120)]
    for picture, number in zip(shown, swing, strict=True):
        picture[100:] = scene(number, seed=1)[100:]
    assert stale(shown) == []


@pytest.mark.parametrize("period", [2, 7, 20])
def test_motion_that_repeats_itself(period: int) -> None:
    shown = [scene(number) for number in range(80)]
    for number, picture in enumerate(shown):
        picture[100:] = scene(3 * (number % period), seed=1)[100:]
    assert stale(shown) == []


def test_pictures_that_are_shown_again_as_a_whole_are_not_torn() -> None:
    numbers = [*range(30), *range(24, 60)]
    assert stale([scene(number) for number in numbers]) == []


def test_a_still_picture_has_no_stale_part() -> None:
    assert stale([scene(0)] * 40) == []


def test_a_view_that_jumps_for_one_picture() -> None:
    """The next picture looks as those before it, but for a thing that moves on; then the view pans."""
    shown = [np.roll(scene(0), 2 * (number == 30), axis=0) for number in range(60)]
    for number, picture in enumerate(shown):
        picture[:] = np.roll(picture, 2 * ((number + 13) // 15), axis=1)
        picture[:50] = 60
        picture[20:40, 4 * number : 4 * number + 20] = 255
    assert stale(shown) == []


def test_long_episodes_are_looked_at_in_parts() -> None:
    shown = [scene(number) for number in range(60)]
    shown[30][100:] = shown[22][100:]
    bands = measured(pictures(shown)).bands
    many = np.concatenate([bands] * 22)
    found = np.flatnonzero(stale_parts(many, np.zeros(len(many), np.intp), 29, THRESHOLDS))
    assert found.tolist() == [60 * part + 30 for part in range(22)]


def test_frames_around_are_those_of_the_same_scene() -> None:
    scenes = np.array([0] * 10 + [1] * 20)
    assert frames_around(15, scenes, 8).tolist() == [10, 11, 19, 20, 21, 22, 23]


def test_no_picture_has_no_stale_part() -> None:
    assert stale([]) == []
    assert stale([scene(0)]) == []


def _rain(count: int) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(2)
    shown = []
    for _ in range(count):
        picture = np.full((192, 320, 3), 20, np.uint8)
        for _ in range(80):
            row, column = rng.integers(0, 170), rng.integers(0, 318)
            picture[row : row + 20, column : column + 2] = 230
        shown.append(picture)
    return shown
