"""Calibrations in the INI format of Videre, as camera_calibration_parsers writes them."""

from __future__ import annotations

import pytest

from odyssey_ros.bridge.frames.calibration_ini import parse_ini
from odyssey_ros.bridge.frames.camera_calibration import CalibrationError

TEXT = """# Camera intrinsics

[image]

width
640

height
480

[mono_left]

camera matrix
369.34459 0.00000 320.73908
0.00000 367.64770 269.28848
0.00000 0.00000 1.00000

distortion
0.18938 -0.11102 -0.00073 0.00059 0.00000


rectification
1.00000 0.00000 0.00000
0.00000 1.00000 0.00000
0.00000 0.00000 1.00000

projection
261.28729 0.00000 321.29544 0.00000
0.00000 324.19754 275.02225 0.00000
0.00000 0.00000 1.00000 0.00000

[externals]
; not used by ROS
translation
1 2 3
"""


def test_the_values_are_read():
    calibration = parse_ini(TEXT)
    assert (calibration.width, calibration.height, calibration.distortion_model) == (640, 480, "plumb_bob")
    assert calibration.k == (369.34459, 0, 320.73908, 0, 367.6477, 269.28848, 0, 0, 1)
    assert calibration.d == (0.18938, -0.11102, -0.00073, 0.00059, 0)
    assert calibration.r == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert calibration.p == (261.28729, 0, 321.29544, 0, 0, 324.19754, 275.02225, 0, 0, 0, 1, 0)


def test_eight_coefficients_are_a_rational_model():
    calibration = parse_ini(TEXT.replace("0.00059 0.00000", "0.00059 0 6 7 8"))
    assert (calibration.distortion_model, calibration.d[5:]) == ("rational_polynomial", (6, 7, 8))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("width\n", "", "it has no 'width'"),
        ("640", "6_40", "width is '6_40', which is not a whole number"),
        ("269.28848", "26_9", "'camera matrix' contains a text that is not a number"),
        ("640", "wide", "width is 'wide', which is not a whole number"),
        ("projection\n", "", "it has no 'projection'"),
        ("0.18938", "x", "'distortion' contains a text that is not a number: 'x -0.11102"),
        ("367.64770 ", "", "camera_matrix has 8 numbers instead of 9"),
        ("269.28848", "nan", "camera_matrix contains a number that is not finite"),
    ],
)
def test_invalid_texts(old, new, reason):
    with pytest.raises(CalibrationError, match=reason):
        parse_ini(TEXT.replace(old, new))


def test_an_empty_text():
    with pytest.raises(CalibrationError, match="it has no 'distortion'"):
        parse_ini("")
