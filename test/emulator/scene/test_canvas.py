"""Drawing by copying gives the same result as drawing pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from odyssey_ros.emulator.scene.canvas import (
    Backdrop,
    Layer,
    Particles,
    Planes,
    Sprite,
    even,
    mix,
    scaled,
    scroll,
    swing,
    yuv,
)

BLACK, WHITE, RED = (0, 0, 0), (255, 255, 255), (255, 0, 0)


@pytest.mark.parametrize(
    ("colour", "expected"),
    [(BLACK, (16, 128, 128)), (WHITE, (235, 128, 128)), (RED, (82, 90, 240)), ((999, -5, 0), (82, 90, 240))],
)
def test_colours_are_limited_range(
    colour: tuple[float, float, float], expected: tuple[int, int, int]
) -> None:
    assert yuv(colour) == expected


def test_an_rgb_image_has_the_colours_of_single_conversions() -> None:
    image = np.empty((32, 64, 3), dtype=np.uint8)
    image[:] = (30, 180, 90)
    planes = Planes.from_rgb(image)
    for plane, value in zip((planes.y, planes.u, planes.v), yuv((30, 180, 90)), strict=True):
        assert np.abs(plane.astype(int) - value).max() <= 1
    assert (planes.width, planes.height, planes.u.shape) == (64, 32, (16, 32))


@pytest.mark.parametrize("time_ms", [0, 40, 500, 1999, 7000])
def test_a_layer_is_drawn_where_its_mask_is_true(time_ms: int) -> None:
    rng = np.random.default_rng(5)
    period, width, rows = 96, 64, 32
    picture = Planes(
        rng.integers(16, 235, (rows, period), dtype=np.uint8),
        rng.integers(16, 240, (rows // 2, period // 2), dtype=np.uint8),
        rng.integers(16, 240, (rows // 2, period // 2), dtype=np.uint8),
    )
    edge = rng.integers(0, rows // 2, period)
    mask = np.arange(rows)[:, None] >= edge[None, :]
    offset = scroll(30.0, period)
    scrolled = picture.tiled(width)
    expected, target = Planes.filled(width, 48, RED), Planes.filled(width, 48, RED)
    left = offset(time_ms)
    index = (np.arange(width) + left) % period
    half = (np.arange(width // 2) + left // 2) % (period // 2)
    np.copyto(expected.y[10:42], picture.y[:, index], where=mask[:, index])
    np.copyto(expected.u[5:21], picture.u[:, half], where=mask[::2, ::2][:, half])
    np.copyto(expected.v[5:21], picture.v[:, half], where=mask[::2, ::2][:, half])

    layer = Layer(scrolled, 10, offset, np.concatenate((mask, mask[:, :width]), axis=1))
    layer.draw(target, time_ms)
    for drawn, value in zip(
        (target.y, target.u, target.v), (expected.y, expected.u, expected.v), strict=True
    ):
        np.testing.assert_array_equal(drawn, value)
    assert layer.top < layer.solid <= layer.bottom == 42

    clipped = Planes.filled(width, 48, RED)
    layer.clip(20)
    layer.draw(clipped, time_ms)
    np.testing.assert_array_equal(clipped.y[:20], expected.y[:20])
    assert (clipped.y[20:] == yuv(RED)[0]).all()


@pytest.mark.parametrize(
    ("x", "y"), [(4, 6), (-10, 6), (60, 6), (4, -12), (4, 44), (-40, 0), (64, 0), (0, 48)]
)
def test_a_sprite_is_clipped_at_the_sides_of_the_frame(x: int, y: int) -> None:
    image = Image.new("RGBA", (20, 16), (*WHITE, 255))
    target = Planes.filled(64, 48, BLACK)
    Sprite(image, lambda _: x, lambda _: y).draw(target, 0)
    expected = np.zeros((48, 64), dtype=bool)
    expected[max(y, 0) : max(y + 16, 0), max(x, 0) : max(x + 20, 0)] = True
    np.testing.assert_array_equal(target.y == 235, expected)
    assert (target.u == 128).all()


def test_a_sprite_is_blended_by_its_alpha() -> None:
    target = Planes.filled(64, 48, BLACK)
    Sprite(Image.new("RGBA", (20, 16), (*WHITE, 128)), lambda _: 0, lambda _: 0).draw(target, 0)
    assert abs(int(target.y[5, 5]) - (16 + 235) // 2) <= 1


def test_a_backdrop_shows_the_part_at_its_offsets() -> None:
    planes = Planes.gradient(64, 64, [(0, BLACK), (1, WHITE)])
    target = Planes.filled(32, 32, RED)
    Backdrop(planes, swing(20, 2.0), swing(10, 2.0)).draw(target, 1000)
    np.testing.assert_array_equal(target.y, planes.y[10:42, 20:52])


def test_particles_stay_in_their_area() -> None:
    particles = Particles(
        np.random.default_rng(1),
        50,
        area=(64, 48),
        size=(3, 9),
        velocity=(300, 700),
        luma=200,
        slant=0.5,
    )
    for time_ms in range(0, 5000, 333):
        target = Planes.filled(80, 60, BLACK)
        particles.draw(target, time_ms)
        assert 0 < (target.y == 200).sum() <= 50 * 27
        assert (target.y[48:] == 16).all()
        assert (target.y[:, 64:] == 16).all()


def test_offsets_are_even_and_periodic() -> None:
    offsets = [scroll(37.0, 100)(time_ms) for time_ms in range(0, 20_000, 50)]
    assert all(offset % 2 == 0 and 0 <= offset < 100 for offset in offsets)
    swings = [swing(30, 4.0)(time_ms) for time_ms in range(0, 8000, 50)]
    assert (min(swings), max(swings)) == (0, 30)
    assert swings[:80] == swings[80:]
    assert all(value % 2 == 0 for value in swings)


def test_even_rounds_down() -> None:
    assert [even(value) for value in (0, 1.9, 2, 3.7)] == [0, 0, 2, 2]


def test_colours_are_mixed_and_scaled_by_channel() -> None:
    assert mix((0, 100, 200), (100, 100, 0), 0.25) == (25, 100, 150)
    assert scaled((10, 20, 30), (0.5, 1, 2)) == (5, 20, 60)


def test_a_crop_is_a_view() -> None:
    planes = Planes.filled(32, 32, BLACK)
    planes.crop(8, 4, 16, 8).paste(Planes.filled(16, 8, WHITE))
    assert (planes.y[4:12, 8:24] == 235).all()
    assert (planes.y == 235).sum() == 16 * 8


def test_paint_and_blend_change_masked_pixels_only() -> None:
    planes = Planes.filled(32, 32, BLACK)
    mask = np.zeros((32, 32), dtype=bool)
    mask[:16] = True
    planes.paint(mask, RED)
    assert (planes.y[0, 0], planes.u[0, 0], planes.v[0, 0]) == yuv(RED)
    planes.blend(mask[::-1].astype(np.float32) * 0.5, WHITE)
    assert planes.y[0, 0] == yuv(RED)[0]
    assert abs(int(planes.y[31, 0]) - (16 + 235) // 2) <= 1


def test_shading_stays_in_the_limited_range() -> None:
    planes = Planes.filled(32, 32, (128, 128, 128))
    planes.shade(np.linspace(-500, 500, 32)[None, :])
    assert (planes.y.min(), planes.y.max()) == (16, 235)


def test_an_opaque_layer_and_a_clipped_backdrop() -> None:
    layer = Layer(Planes.filled(32, 16, WHITE), 8)
    assert (layer.top, layer.solid, layer.bottom) == (8, 8, 24)
    backdrop = Backdrop(Planes.filled(32, 32, RED))
    backdrop.clip(8)
    target = Planes.filled(32, 32, BLACK)
    backdrop.draw(target, 0)
    layer.draw(target, 0)
    assert [int(target.y[row, 0]) for row in (0, 8, 23, 24)] == [82, 235, 235, 16]
    backdrop.clip(None)
    backdrop.draw(target, 0)
    assert (target.y == 82).all()


def test_an_image_with_odd_sides_loses_a_row_and_a_column() -> None:
    sprite = Sprite(Image.new("RGBA", (21, 17), (*WHITE, 255)), lambda _: 0, lambda _: 0)
    assert (sprite.width, sprite.height) == (20, 16)
