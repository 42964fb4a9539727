"""The settings of the image topics, read from the parameters of a node."""

from __future__ import annotations

from types import SimpleNamespace

from odyssey_ros.bridge.frames.image_settings import ImageSettings, image_settings


def test_the_parameters_are_copied():
    parameters = SimpleNamespace(frame_id="eye", encoding="mono8", jpeg_quality=70)
    assert image_settings(parameters, None) == ImageSettings("eye", "mono8", 70, None)
    assert image_settings(parameters, "calibration").calibration == "calibration"
