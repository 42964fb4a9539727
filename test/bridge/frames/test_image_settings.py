"""The settings of the image topics, read from the parameters of a node."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from odyssey_ros.bridge.frames.camera_calibration import CalibrationError
from odyssey_ros.bridge.frames.image_settings import ImageSettings, image_settings

CALIBRATION = """
image_width: 1280
image_height: 704
distortion_model: plumb_bob
camera_matrix: {rows: 3, cols: 3, data: [900, 0, 640, 0, 900, 352, 0, 0, 1]}
distortion_coefficients: {rows: 1, cols: 5, data: [0.1, 0, 0, 0, 0]}
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [900, 0, 640, 0, 0, 900, 352, 0, 0, 0, 1, 0]}
"""


def parameters(url=""):
    return SimpleNamespace(frame_id="eye", encoding="mono8", jpeg_quality=70, camera_info_url=url)


def test_without_a_calibration_the_parameters_are_copied():
    assert image_settings(parameters()) == ImageSettings("eye", "mono8", 70, None)


def test_the_calibration_is_read_from_its_url(tmp_path):
    path = tmp_path / "eye.yaml"
    path.write_text(CALIBRATION)
    calibration = image_settings(parameters(path.as_uri())).calibration
    assert (calibration.width, calibration.height) == (1280, 704)
    assert calibration.k[0] == 900


def test_a_missing_calibration_file_is_an_error(tmp_path):
    with pytest.raises(CalibrationError, match="camera_info_url"):
        image_settings(parameters((tmp_path / "missing.yaml").as_uri()))
