"""Painted places: every kind in every light and weather."""

from __future__ import annotations

import numpy as np
import pytest

from odyssey_ros.emulator.scene.canvas import Backdrop, Layer, Planes
from odyssey_ros.emulator.scene.landscapes import Painting, paint
from odyssey_ros.emulator.scene.looks import Kind, Light, Look, Weather

SIZES = [(1280, 608), (704, 1184)]


def drawn(painting, width, height, time_ms=0):
    target = Planes.filled(width, height, (255, 0, 255))
    painting.draw(target, time_ms)
    return target


def look_of(kind, light=Light.DAY, weather=Weather.CLEAR, seed=7):
    return Look(kind=kind, light=light, weather=weather, hue=0.1, seed=seed)


@pytest.mark.parametrize("weather", Weather)
@pytest.mark.parametrize("kind", Kind)
def test_every_pixel_is_painted_and_moves_within_bounds(kind, weather):
    width, height = SIZES[0]
    painting = paint(look_of(kind, weather=weather), width, height)
    for time_ms in (0, 1_000, 61_234):
        luma = drawn(painting, width, height, time_ms).y
        assert luma.min() >= 5
        assert luma.max() <= 240
        assert luma.std() > 5


@pytest.mark.parametrize("kind", Kind)
def test_both_orientations_can_be_painted(kind):
    for width, height in SIZES:
        target = drawn(paint(look_of(kind, Light.NIGHT), width, height), width, height)
        assert target.y.shape == (height, width)


@pytest.mark.parametrize("kind", Kind)
def test_a_painting_depends_on_its_look_and_time_only(kind):
    width, height = SIZES[0]
    first, second = (paint(look_of(kind), width, height) for _ in range(2))
    drawn(first, width, height, 5_000)
    assert np.array_equal(drawn(first, width, height, 900).y, drawn(second, width, height, 900).y)


@pytest.mark.parametrize("kind", Kind)
def test_light_changes_the_brightness(kind):
    width, height = SIZES[0]
    day, night = (
        drawn(paint(look_of(kind, light), width, height), width, height).y.mean()
        for light in (Light.DAY, Light.NIGHT)
    )
    assert day > night + 10


@pytest.mark.parametrize("kind", Kind)
def test_the_seed_changes_the_shapes(kind):
    width, height = SIZES[0]
    first, second = (
        drawn(paint(look_of(kind, seed=seed), width, height), width, height).y.astype(int) for seed in (1, 2)
    )
    assert np.abs(first - second).mean() > 1


class Counting:
    """A drawable that counts how often it is drawn."""

    def __init__(self):
        self.drawn = 0

    def draw(self, target, time_ms):
        self.drawn += 1


def test_hidden_rows_are_clipped():
    backdrop = Backdrop(Planes.filled(64, 48, (0, 0, 0)))
    far, near = Layer(Planes.filled(64, 32, (9, 9, 9)), 16), Layer(Planes.filled(64, 16, (99, 99, 99)), 32)
    other = Counting()
    painting = Painting(backdrop, [far, other, near])
    assert far.bottom == near.solid == 32
    target = drawn(painting, 64, 48)
    assert (
        len(np.unique(target.y[:16])) == len(np.unique(target.y[16:32])) == len(np.unique(target.y[32:])) == 1
    )
    assert other.drawn == 1


def test_a_painting_without_layers_shows_its_whole_backdrop():
    target = drawn(Painting(Backdrop(Planes.filled(64, 48, (0, 0, 0))), []), 64, 48)
    assert (target.y == 16).all()
