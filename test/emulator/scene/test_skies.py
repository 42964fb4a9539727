"""Skies: light, weather and moving sprites."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from odyssey_ros.emulator.scene import skies
from odyssey_ros.emulator.scene.canvas import Planes
from odyssey_ros.emulator.scene.looks import Kind, Light, Look, Weather

WIDTH, HEIGHT = 640, 360
WHITE = Image.new("RGBA", (40, 20), (255, 255, 255, 255))


def look_of(light=Light.DAY, weather=Weather.CLEAR, seed=7):
    return Look(kind=Kind.FOREST, light=light, weather=weather, hue=0.1, seed=seed)


def columns_of(sprite, time_ms):
    """Return the first and the last column, and the first row, that a sprite covers in a black frame."""
    target = Planes.filled(WIDTH, HEIGHT, (0, 0, 0))
    sprite.draw(target, time_ms)
    rows, columns = np.nonzero(target.y > 100)
    return (columns.min(), columns.max(), rows.min()) if columns.size else None


@pytest.mark.parametrize("light", Light)
def test_a_sky_brightens_towards_the_horizon(light):
    look = look_of(light)
    sky, clouds = skies.sky_of(look, skies.palette_of(look), WIDTH, HEIGHT, horizon=0.6)
    assert np.median(sky.y[int(0.55 * HEIGHT)]) > np.median(sky.y[0])
    assert len(clouds) == 3


@pytest.mark.parametrize("weather", [Weather.RAIN, Weather.SNOW])
def test_an_overcast_sky_is_greyer_and_has_more_clouds(weather):
    clear, overcast = look_of(), look_of(weather=weather)
    sky, clouds = skies.sky_of(overcast, skies.palette_of(overcast), WIDTH, HEIGHT, horizon=0.6)
    blue, _ = skies.sky_of(clear, skies.palette_of(clear), WIDTH, HEIGHT, horizon=0.6)
    assert len(clouds) == 5
    assert sky.u.mean() < blue.u.mean()


def test_the_seed_shifts_the_colours_of_the_sky():
    palettes = [skies.palette_of(look_of(seed=seed)) for seed in (1, 2)]
    assert palettes[0].zenith != palettes[1].zenith
    assert palettes[0].tint == palettes[1].tint


def test_distance_fades_a_colour_into_the_haze():
    palette = skies.palette_of(look_of(Light.SUNSET))
    near, middle, far = (palette.lit((10, 200, 10), distance) for distance in (0.0, 0.5, 1.0))
    assert near == pytest.approx([10 * palette.tint[0], 200 * palette.tint[1], 10 * palette.tint[2]])
    assert far == pytest.approx(palette.horizon)
    assert middle[1] == pytest.approx((near[1] + far[1]) / 2)


def test_stars_are_above_the_given_row():
    sky = Planes.filled(WIDTH, HEIGHT, (0, 0, 0))
    skies.stars(sky, np.random.default_rng(1), 100, 200)
    lit = np.flatnonzero((sky.y > 16).any(axis=1))
    assert lit.size
    assert lit.max() <= 100
    assert (sky.y > 16).sum() <= 800


@pytest.mark.parametrize(("speed", "sign"), [(50.0, 1), (-50.0, -1)])
def test_a_drifting_sprite_crosses_the_viewport(speed, sign):
    sprite = skies.drifting_sprite(WHITE, WIDTH, top=30, speed=speed, phase=0.5)
    first, later = columns_of(sprite, 0), columns_of(sprite, 1000)
    assert later[0] - first[0] == sign * 50
    assert first[2] == 30
    places = [columns_of(sprite, time_ms) for time_ms in range(0, 15_000, 200)]
    # The sprite leaves the viewport on one side and enters on the other.
    assert min(place[0] for place in places if place) == 0
    assert max(place[1] for place in places if place) == WIDTH - 1


def test_a_swaying_sprite_stays_near_its_place():
    sprite = skies.swaying_sprite(WHITE, x=100, y=50, sway=(60, 20), seconds=4.0)
    places = [columns_of(sprite, time_ms) for time_ms in range(0, 8000, 100)]
    assert (min(place[0] for place in places), max(place[0] for place in places)) == (100, 160)
    assert min(place[2] for place in places) >= 50
    assert max(place[2] for place in places) <= 70


@pytest.mark.parametrize(("weather", "layers"), [(Weather.CLEAR, 0), (Weather.RAIN, 1), (Weather.SNOW, 2)])
def test_weather_falls(weather, layers):
    falling = skies.weather(look_of(weather=weather), WIDTH, HEIGHT)
    assert len(falling) == layers
    for particles in falling:
        frames = []
        for time_ms in (0, 100):
            target = Planes.filled(WIDTH, HEIGHT, (0, 0, 0))
            particles.draw(target, time_ms)
            frames.append(target.y)
        assert (frames[0] > 16).any()
        assert not np.array_equal(*frames)


def test_an_image_is_darker_at_night():
    image = Planes.gradient(64, 64, [(0, (20, 90, 200)), (1, (240, 220, 60))])
    day, night = (skies.relit(image, look_of(light)) for light in (Light.DAY, Light.NIGHT))
    assert night.y.mean() < 0.6 * day.y.mean()
    assert night.y.min() >= 16
    # The image itself is unchanged.
    assert image.y.max() == 194


@pytest.mark.parametrize(("weather", "count"), [(Weather.CLEAR, 1), (Weather.RAIN, 2), (Weather.SNOW, 3)])
def test_a_prompt_adds_a_balloon_and_the_weather(weather, count):
    drawables = skies.overlays(look_of(weather=weather), WIDTH, HEIGHT)
    assert len(drawables) == count
    target = Planes.filled(WIDTH, HEIGHT, (0, 0, 0))
    drawables[0].draw(target, 0)
    assert (target.u != 128).any()
