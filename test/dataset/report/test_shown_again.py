"""Pictures that are shown again: what hides a part of the motion is told from a pause of the motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from odyssey_ros.dataset.report.picture_states import PictureStates
from odyssey_ros.dataset.report.shown_again import replays, time_went_on
from odyssey_ros.dataset.report.thresholds import THRESHOLDS
from synthetic_pictures import measured, pictures, scene

if TYPE_CHECKING:
    from numpy.typing import NDArray


def went_on(shown: list[NDArray[np.uint8]], first: int, last: int) -> bool:
    found = measured(pictures(shown))
    return time_went_on(found, PictureStates.of(found, THRESHOLDS), first, last, THRESHOLDS)


def replayed(shown: list[NDArray[np.uint8]]) -> list[tuple[int, int, int]]:
    found = measured(pictures(shown))
    return list(replays(found, PictureStates.of(found, THRESHOLDS), THRESHOLDS))


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_motion_that_a_repeated_picture_hides_is_seen_after_it(count: int) -> None:
    numbers = [*range(20), *[19] * count, *range(20 + count, 50)]
    assert went_on([_slow(number) for number in numbers], 20, 19 + count)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_after_a_pause_the_motion_goes_on_as_usual(count: int) -> None:
    numbers = [*range(20), *[19] * count, *range(20, 50)]
    assert not went_on([_slow(number) for number in numbers], 20, 19 + count)


def test_no_time_is_known_at_the_end_and_before_a_cut() -> None:
    shown = [_slow(number) for number in [*range(20), 19, 19]]
    assert not went_on(shown, 20, 21)
    assert not went_on([*shown, *(scene(number, seed=1) for number in range(20))], 20, 21)


def test_pictures_that_are_played_again() -> None:
    numbers = [*range(20), *range(15, 40)]
    assert replayed([scene(number) for number in numbers]) == [(20, 24, 5)]


def test_pictures_of_motion_in_steps_that_are_played_again() -> None:
    """Each second picture is equal to the one before, as where things move slowly."""
    numbers = [*range(24), *range(16, 50)]
    assert replayed([scene(number // 2) for number in numbers]) == [(24, 31, 8)]


def test_views_that_are_often_alike_are_not_played_again() -> None:
    """The view jumps to and fro between some places."""
    places = np.random.default_rng(1).integers(0, 3, 80)
    assert replayed([scene(number) for number in places]) == []


def test_motion_to_and_fro_and_still_pictures_are_not_played_again() -> None:
    numbers = [*range(20), *range(18, 0, -1), *range(20), *[20] * 20]
    assert replayed([scene(number) for number in numbers]) == []
    assert replayed([]) == []


def _slow(number: int) -> NDArray[np.uint8]:
    """Return a picture of which a part moves by two pixels a picture."""
    picture = scene(0)
    picture[40:160] = np.roll(scene(0)[40:160], 2 * number, axis=1)
    return picture
