"""Calibration files: loaded by URL, refused with a reason, and published with the images."""

from __future__ import annotations

import os

import pytest
import yaml
from odyssey_ros.msg import FrameInfo
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from odyssey_ros.bridge.frames.camera_calibration import (
    CalibrationError,
    camera_info,
    check_calibration,
    load_calibration,
)

K = [1000.5, 0.0, 640.0, 0.0, 1001.5, 352.0, 0.0, 0.0, 1.0]
R = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
P = [990.0, 0.0, 640.0, 0.0, 0.0, 991.0, 352.0, 0.0, 0.0, 0.0, 1.0, 0.0]
D = [0.1, -0.2, 0.001, 0.002, 0.0]


def document(**changes):
    """A file as camera_calibration writes it."""
    matrices = {
        "camera_matrix": (3, 3, K),
        "distortion_coefficients": (1, 5, D),
        "rectification_matrix": (3, 3, R),
        "projection_matrix": (3, 4, P),
    }
    return {
        "image_width": 1280,
        "image_height": 704,
        "camera_name": "odyssey",
        "distortion_model": "plumb_bob",
        **{name: {"rows": r, "cols": c, "data": data} for name, (r, c, data) in matrices.items()},
        **changes,
    }


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "a camera.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return f"file://{path}".replace(" ", "%20")

    return write


def test_a_calibration_applies_only_to_images_of_its_size(write):
    calibration = load_calibration(write(document()))
    info = camera_info(1280, 704, calibration)
    assert (info.width, info.height, info.distortion_model) == (1280, 704, "plumb_bob")
    assert (list(info.k), list(info.r), list(info.p), list(info.d)) == (K, R, P, D)
    assert camera_info(704, 1280, calibration) == CameraInfo(width=704, height=1280)
    assert load_calibration("") is None
    assert camera_info(1280, 704, None) == CameraInfo(width=1280, height=704)


def test_a_package_s_file_is_found(tmp_path, monkeypatch):
    share = tmp_path / "share" / "rig"
    share.mkdir(parents=True)
    (share / "camera.yaml").write_text(yaml.safe_dump(document()))
    index = tmp_path / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (index / "rig").touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path}:{os.environ['AMENT_PREFIX_PATH']}")
    assert load_calibration("package://rig/camera.yaml").width == 1280


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("/camera.yaml", "must start with file:// or package://"),
        ("http://x/camera.yaml", "must start with file:// or package://"),
        ("file:///nowhere/camera.yaml", "there is no file /nowhere/camera.yaml"),
        ("file:///dev", "there is no file /dev"),
        ("file:///dev/zero", "there is no file /dev/zero"),
        ("file:///%00", "does not name a file"),
        (f"file:///{'x' * 300}", "cannot read /xxx"),
        ("file://[", "is not a URL"),
        ("package://[", "is not a URL"),
        ("package://no_such_package/camera.yaml", "there is no package 'no_such_package'"),
        ("package://../camera.yaml", "there is no package '..'"),
    ],
)
def test_urls_without_a_calibration(url, reason):
    with pytest.raises(CalibrationError, match="camera_info_url") as raised:
        load_calibration(url)
    assert reason in str(raised.value)
    assert check_calibration({"camera_info_url": url}) == str(raised.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "is not YAML"),
        ("", "is not a calibration"),
        ("[1, 2]", "is not a calibration"),
        (document(image_width="wide"), "is not a calibration"),
        (document(image_width=float("inf")), "is not a calibration"),
        (document(camera_matrix={"data": K[:8]}), "a matrix has 8 numbers instead of 9"),
        (document(camera_matrix={"data": [float("nan"), *K[1:]]}), "a number that is not finite"),
        (document(camera_matrix={"data": [10**400, *K[1:]]}), "is not a calibration"),
        (document(projection_matrix=7), "is not a calibration"),
        ({key: value for key, value in document().items() if key != "distortion_model"}, "distortion_model"),
    ],
)
def test_invalid_files(write, content, reason):
    with pytest.raises(CalibrationError) as raised:
        load_calibration(write(content))
    assert reason in str(raised.value)


def test_other_parameters_are_not_checked():
    assert check_calibration({"prompt": "a calm sea"}) is None


# -- on a graph ----------------------------------------------------------------------------------------------


def test_camera_info_has_the_header_of_its_image(start_bridge, probe, wait_until, write):
    kinds = {"image_raw": Image, "image_raw/compressed": CompressedImage, "camera_info": CameraInfo}
    heard = {
        name: probe.listen(kind, f"/odyssey/{name}", 5)
        for name, kind in {**kinds, "frame_info": FrameInfo}.items()
    }
    process = start_bridge({"prompt": "a calm sea", "camera_info_url": write(document())})

    def of_one_frame():
        """Return the four messages of one frame; single messages may have been missed."""
        by_stamp = [
            {(one.header.stamp.sec, one.header.stamp.nanosec): one for one in messages}
            for messages in heard.values()
        ]
        stamps = set.intersection(*(set(messages) for messages in by_stamp))
        return [[messages[stamp] for messages in by_stamp] for stamp in sorted(stamps)]

    wait_until(lambda: len(of_one_frame()) > 5, "five frames on four topics")
    for image, jpeg, info, label in of_one_frame():
        assert image.header == jpeg.header == info.header == label.header
        assert (info.width, info.height, list(info.k), list(info.d)) == (1280, 704, K, D)

    def change(url):
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=url)
        request = SetParameters.Request(parameters=[Parameter(name="camera_info_url", value=value)])
        return probe.call(SetParameters, "/odyssey/set_parameters", request).results[0]

    for url, reason in (
        ("file://[", "is not a URL"),
        ("file:///%00", "does not name a file"),
        ("file:///dev/zero", "no file"),
    ):
        refused = change(url)
        assert (refused.successful, reason in refused.reason) == (False, True), url
    assert change("").successful
    wait_until(lambda: heard["camera_info"][-1].k[0] == 0.0, "uncalibrated")
    assert "Traceback" not in process.text
