"""Differences from earlier pictures: each lag has the right picture, also when the oldest are forgotten."""

from __future__ import annotations

import numpy as np
import pytest

from odyssey_ros.dataset.report.earlier_pictures import BANDS, MAX_LAG, EarlierPictures


def test_each_lag_is_compared_with_the_picture_so_many_before() -> None:
    earlier = EarlierPictures(0)
    for number in range(50):
        found = earlier.add(np.full((32, 10), 4 * number, np.uint8))
        known = min(number, MAX_LAG)
        assert found.shape == (MAX_LAG, BANDS)
        assert (found[:known] == 4 * np.arange(1, known + 1)[:, None]).all()
        assert np.isinf(found[known:]).all()


def test_the_bands_are_those_of_the_rows() -> None:
    earlier = EarlierPictures(0)
    earlier.add(np.zeros((50, 8), np.uint8))
    picture = np.zeros((50, 8), np.uint8)
    picture[25:] = 100
    assert earlier.add(picture)[0].tolist() == [0] * 8 + [100] * 8


def test_noise_does_not_count() -> None:
    earlier = EarlierPictures(2)
    earlier.add(np.full((16, 4), 100, np.uint8))
    assert (earlier.add(np.full((16, 4), 102, np.uint8))[0] == 0).all()
    assert (earlier.add(np.full((16, 4), 97, np.uint8))[0] == 3).all()
    assert (earlier.add(np.full((16, 4), 97, np.uint8))[2] == 1).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (17, 4)])
def test_pictures_with_few_rows_can_be_compared(size: tuple[int, int]) -> None:
    earlier = EarlierPictures(0)
    earlier.add(np.zeros(size, np.uint8))
    assert (earlier.add(np.full(size, 7, np.uint8))[0] == 7).all()


def test_the_first_picture_of_another_size_has_no_earlier_ones() -> None:
    earlier = EarlierPictures(0)
    earlier.add(np.zeros((20, 20), np.uint8))
    assert np.isinf(earlier.add(np.zeros((20, 30), np.uint8))).all()
    assert (earlier.add(np.zeros((20, 30), np.uint8))[0] == 0).all()
