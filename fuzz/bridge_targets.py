"""Targets of the bridge's files: camera calibrations."""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path

import yaml

from fuzz_target import FuzzTarget
from malformed import damaged_text
from odyssey_ros.bridge.frames.calibration_file import read_calibration
from odyssey_ros.bridge.frames.camera_calibration import CalibrationError, calibration_of, camera_info
from oracle import check, check_text, check_value

DOCUMENT = {
    "image_width": 1280,
    "image_height": 704,
    "camera_name": "camera",
    "camera_matrix": {"rows": 3, "cols": 3, "data": [900.0, 0.0, 640.0, 0.0, 900.0, 352.0, 0.0, 0.0, 1.0]},
    "distortion_model": "plumb_bob",
    "distortion_coefficients": {"rows": 1, "cols": 5, "data": [0.1, -0.2, 0.0, 0.0, 0.0]},
    "rectification_matrix": {"rows": 3, "cols": 3, "data": [1, 0, 0, 0, 1, 0, 0, 0, 1]},
    "projection_matrix": {"rows": 3, "cols": 4, "data": [900, 0, 640, 0, 0, 900, 352, 0, 0, 0, 1, 0]},
    "binning_x": 0,
    "roi": {"x_offset": 0, "y_offset": 0, "height": 0, "width": 0, "do_rectify": False},
}
YAML = (
    yaml.safe_dump(DOCUMENT, sort_keys=False),
    yaml.safe_dump(DOCUMENT, sort_keys=False, default_flow_style=None),
    "%YAML:1.0\n---\n" + yaml.safe_dump(DOCUMENT, sort_keys=False, default_flow_style=None),
)
INI = """# calibration
[image]

width
1280

height
704

[camera]

camera matrix
900.0 0.0 640.0
0.0 900.0 352.0
0.0 0.0 1.0

distortion
0.1 -0.2 0.0 0.0 0.0

rectification
1 0 0
0 1 0
0 0 1

projection
900 0 640 0
0 900 352 0
0 0 1 0
"""
TOKENS = (
    "nan",
    ".inf",
    "-.inf",
    "1e999",
    "&a [*a]",
    "*a",
    "!!opencv-matrix",
    "\t",
    "[[[[",
    "? ",
    "---",
    "[externals]",
)


def _read(suffix: str, data: bytes) -> None:
    path = Path(tempfile.gettempdir(), f"odyssey_fuzz_{os.getpid()}{suffix}")
    path.write_bytes(data)
    try:
        calibration, assumed = read_calibration(path)
    finally:
        path.unlink()
    check_value(calibration)
    for sentence in assumed:
        check_text(sentence, "an assumption")
    message = camera_info(calibration.width, calibration.height, calibration)
    check(calibration_of(message) == calibration, "the message differs from the calibration")


TARGETS = [
    FuzzTarget(
        "calibration_yaml",
        damaged_text(*YAML, tokens=TOKENS),
        functools.partial(_read, ".yaml"),
        (CalibrationError,),
        share=0.5,
    ),
    FuzzTarget(
        "calibration_ini",
        damaged_text(INI, tokens=TOKENS),
        functools.partial(_read, ".ini"),
        (CalibrationError,),
    ),
]
