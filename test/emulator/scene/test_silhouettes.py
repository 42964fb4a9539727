"""Outlines of land, and the layers painted from them."""

from __future__ import annotations

import numpy as np
import pytest

from odyssey_ros.emulator.scene import silhouettes
from odyssey_ros.emulator.scene.canvas import Planes, even
from odyssey_ros.emulator.scene.looks import Kind, Light, Look, Weather
from odyssey_ros.emulator.scene.skies import palette_of

PERIOD = 960


def rng():
    return np.random.default_rng(3)


def outline(**options):
    values = {"frequency": 2, "octaves": 4, "roughness": 0.5, **options}
    return silhouettes.ridge(rng(), PERIOD, **values)


def test_a_ridge_is_periodic_and_normalised():
    edge = outline()
    assert np.abs(edge).max() == pytest.approx(1)
    assert abs(edge[0] - edge[-1]) < 0.1
    assert edge.dtype == np.float32


def test_a_higher_frequency_has_more_waves():
    slow, fast = outline(octaves=1), outline(octaves=1, frequency=20)
    crossings = [np.count_nonzero(np.diff(np.sign(edge))) for edge in (slow, fast)]
    assert crossings[1] > 5 * crossings[0]


def test_ground_lies_below_its_edge():
    edge = (20 + 10 * outline()).astype(np.float32)
    planes, mask = silhouettes.ground(edge, 60, ((200, 200, 200), (20, 20, 20)))
    assert mask.shape == planes.y.shape == (60, PERIOD)
    assert np.array_equal(mask.sum(axis=0), 60 - np.ceil(edge))
    assert planes.y[0, 0] > planes.y[-1, 0]


def test_relief_changes_the_luma_only():
    edge = np.zeros(PERIOD, dtype=np.float32)
    colours = ((100, 120, 90), (100, 120, 90))
    flat, _ = silhouettes.ground(edge, 42, colours)
    shaded, _ = silhouettes.ground(edge, 42, colours, np.linspace(-20, 20, PERIOD, dtype=np.float32))
    assert np.abs(flat.y.astype(int) - shaded.y).max() >= 19
    assert np.array_equal(flat.u, shaded.u)


def test_a_slope_is_lit_from_the_left():
    # Rows grow downwards, so that an outline that rises to the right has decreasing values.
    rising = np.linspace(200, 0, PERIOD, dtype=np.float32)
    relief = silhouettes.slope(rising, 20.0)
    assert (relief[100:-100] > 0).all()
    assert np.abs(relief).max() <= 20


def test_trees_rise_above_their_ground():
    edge = np.full(PERIOD, 100, dtype=np.float32)
    with_trees = silhouettes.trees(rng(), edge, 30, (20.0, 40.0))
    assert (with_trees <= edge).all()
    assert 60 <= with_trees.min() <= 80
    assert (edge == 100).all()


@pytest.mark.parametrize("width", [704, 1280])
def test_scenery_repeats_after_more_than_a_viewport(width):
    period = silhouettes.period_of(width)
    assert period >= 1.5 * width
    assert period % 16 == 0


def test_a_layer_shows_the_ground_in_the_viewport():
    edge = np.full(PERIOD, 10, dtype=np.float32)
    painted = silhouettes.ground(edge, 40, ((0, 0, 0), (0, 0, 0)))
    target = Planes.filled(640, 100, (255, 255, 255))
    layer = silhouettes.layer(painted, top=60, offset=even, width=640)
    layer.draw(target, PERIOD - 2)
    assert (target.y[:70] == 235).all()
    assert (target.y[70:] == 16).all()


@pytest.mark.parametrize("light", Light)
@pytest.mark.parametrize("depth", [0.0, 0.5, 1.0])
def test_buildings_have_walls_and_windows(light, depth):
    look = Look(Kind.CITY, light, Weather.CLEAR, 0.3, 5)
    planes, mask = silhouettes.buildings(look, palette_of(look), rng(), size=(PERIOD, 300), depth=depth)
    assert mask[-1].all()
    assert 0 < mask.mean() < 1
    assert len(np.unique(planes.y[mask])) > 4


def test_more_windows_are_lit_at_night():
    def share_of_bright_pixels(light):
        look = Look(Kind.CITY, light, Weather.CLEAR, 0.3, 5)
        planes, mask = silhouettes.buildings(look, palette_of(look), rng(), size=(PERIOD, 300), depth=1.0)
        return (planes.y[mask] > planes.y[mask].mean() + 40).mean()

    assert share_of_bright_pixels(Light.NIGHT) > 2 * share_of_bright_pixels(Light.DAY)
