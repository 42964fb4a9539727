"""The values of a calibration, and the camera info of images."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sensor_msgs.msg import CameraInfo, RegionOfInterest

from odyssey_ros.bridge.frames.camera_calibration import (
    Calibration,
    CalibrationError,
    Region,
    calibration_of,
    camera_info,
)

K = (1000.5, 0.0, 640.0, 0.0, 1001.5, 352.0, 0.0, 0.0, 1.0)
R = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
P = (990.0, 0.0, 640.0, 0.0, 0.0, 991.0, 352.0, 0.0, 0.0, 0.0, 1.0, 0.0)
D = (0.1, -0.2, 0.001, 0.002, 0.0)
CALIBRATION = Calibration(1280, 704, "plumb_bob", D, K, R, P, 2, 3, Region(4, 5, 6, 7, True))


def test_a_calibration_applies_only_to_images_of_its_size():
    info = camera_info(1280, 704, CALIBRATION)
    assert (info.width, info.height, info.distortion_model) == (1280, 704, "plumb_bob")
    assert (tuple(info.k), tuple(info.r), tuple(info.p), tuple(info.d)) == (K, R, P, D)
    assert (info.binning_x, info.binning_y) == (2, 3)
    assert info.roi == RegionOfInterest(x_offset=4, y_offset=5, height=6, width=7, do_rectify=True)
    assert camera_info(704, 1280, CALIBRATION) == CameraInfo(width=704, height=1280)
    assert camera_info(1280, 704, None) == CameraInfo(width=1280, height=704)


def test_a_message_is_read_back():
    assert calibration_of(camera_info(1280, 704, CALIBRATION)) == CALIBRATION


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"width": 0}, "the size 0x704 is not the size of an image"),
        ({"height": 1 << 32}, "is not the size of an image"),
        ({"k": K[:8]}, "camera_matrix has 8 numbers instead of 9"),
        ({"p": (float("nan"), *P[1:])}, "projection_matrix contains a number that is not finite"),
        ({"d": (float("inf"),)}, "distortion_coefficients contains a number that is not finite"),
        ({"d": (0.0,) * 101}, "101 distortion coefficients: too many"),
        ({"distortion_model": "x" * 101}, "distortion_model is not the name"),
        ({"distortion_model": "a\nb"}, "distortion_model is not the name"),
        ({"binning_x": -1}, "-1 is not valid for the binning"),
        ({"roi": Region(width=1 << 32)}, "not valid for the binning or the region"),
    ],
)
def test_invalid_values(changes, reason):
    with pytest.raises(CalibrationError, match=reason):
        replace(CALIBRATION, **changes)


def test_a_message_with_very_many_coefficients_is_refused():
    with pytest.raises(CalibrationError, match="1000000 distortion coefficients: too many"):
        calibration_of(CameraInfo(width=1280, height=704, d=[0.0] * 1_000_000))
