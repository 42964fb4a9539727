"""Objects: their sizes, colours and transparency."""

from __future__ import annotations

import numpy as np
import pytest

from odyssey_ros.emulator.scene import props
from odyssey_ros.emulator.scene.canvas import Planes, yuv

RED = (220.0, 20.0, 20.0)


def rng():
    return np.random.default_rng(3)


IMAGES = {
    "balloon": lambda: props.balloon(120, RED),
    "sailboat": lambda: props.sailboat(120, RED),
    "car": lambda: props.car(160, RED, mirrored=False),
    "car_from_behind": lambda: props.car_from_behind(120, RED),
    "rocket": lambda: props.rocket(160, RED),
    "robot": lambda: props.robot(160, RED),
    "planet": lambda: props.planet(rng(), 120, RED),
    "cloud": lambda: props.cloud(rng(), 161, RED),
}


@pytest.mark.parametrize("name", IMAGES)
def test_an_object_is_opaque_inside_and_transparent_around(name):
    pixels = np.asarray(IMAGES[name]())
    assert pixels.shape[2] == 4
    assert pixels.shape[0] % 2 == pixels.shape[1] % 2 == 0
    assert pixels[..., 3].min() == 0
    assert pixels[..., 3].max() > 180


@pytest.mark.parametrize("name", IMAGES)
def test_an_object_has_its_colour(name):
    pixels = np.asarray(IMAGES[name]()).astype(int)
    opaque = pixels[pixels[..., 3] > 180]
    assert (opaque[:, 0] > opaque[:, 1] + 60).any()


def test_a_mirrored_car_faces_left():
    right, left = (np.asarray(props.car(160, RED, mirrored=mirrored)) for mirrored in (False, True))
    assert np.array_equal(left, right[:, ::-1])


@pytest.mark.parametrize(
    ("hsv", "rgb"), [((0, 1, 1), (255, 0, 0)), ((0.5, 0, 0.2), (51, 51, 51)), ((2 / 3, 1, 1), (0, 0, 255))]
)
def test_hsv_is_converted_to_rgb(hsv, rgb):
    assert props.hsv(*hsv) == pytest.approx(rgb)


def test_a_road_widens_towards_the_viewer():
    meadow, asphalt, dash = (90.0, 130.0, 60.0), (70.0, 70.0, 80.0), (230.0, 230.0, 230.0)
    plain, dashed = (props.road((320, 160), meadow, asphalt, colour) for colour in (None, dash))
    widths = (plain.y == yuv(asphalt)[0]).sum(axis=1)
    assert 0 < widths[10] < widths[80] < widths[150]
    assert (dashed.y == yuv(dash)[0]).any()
    assert not (plain.y == yuv(dash)[0]).any()


def test_floor_boards_are_darker_joints():
    luma = np.full((100, 400), 200, dtype=np.uint8)
    props.floor_boards(luma)
    assert set(np.unique(luma)) == {160, 200}
    assert 0.02 < (luma == 160).mean() < 0.5


def room():
    return Planes.filled(400, 300, (255, 255, 255))


def test_a_frame_surrounds_its_picture():
    planes, picture = room(), Planes.filled(100, 80, (0, 0, 0))
    props.frame(planes, picture, (60, 40), RED)
    assert (planes.y[40:120, 60:160] == 16).all()
    border = yuv(RED)[0]
    assert planes.y[39, 100] == planes.y[120, 100] == planes.y[80, 59] == planes.y[80, 160] == border
    assert planes.y[29, 100] == 235


def test_a_window_shows_the_view_between_its_bars():
    planes, view = room(), Planes.filled(100, 80, (0, 0, 0))
    props.window(planes, view, (60, 40), (1.0, 1.0, 1.0))
    assert planes.y[50, 70] == 16
    assert planes.y[50, 110] > 200
    assert planes.y[80, 70] > 200


def test_a_table_has_a_top_and_two_legs():
    planes = room()
    props.table(planes, (60, 100), 120, (132.0, 92.0, 60.0))
    row = planes.y[140] < 200
    assert np.flatnonzero(np.diff(row.astype(int))).size == 4
    assert (planes.y[105, 60:180] < 200).all()
