"""URLs of calibration files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from odyssey_ros.bridge.frames.calibration_url import calibration_path
from odyssey_ros.bridge.frames.camera_calibration import CalibrationError


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///a/camera.yaml", "/a/camera.yaml"),
        ("FILE:///a/camera.yaml", "/a/camera.yaml"),
        ("file://localhost/a/camera.yaml", "/a/camera.yaml"),
        ("file:///a%20b/2026-01-01T10:30:00.yaml", "/a b/2026-01-01T10:30:00.yaml"),
        ("file://~/camera.yaml", "/home/robot/camera.yaml"),
        ("file://${ROS_HOME}/camera_info/${NAME}.yaml", "/home/robot/.ros/camera_info/eye.yaml"),
        ("file:///a$b/c.yaml", "/a$b/c.yaml"),
    ],
)
def test_files(url, path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/robot")
    monkeypatch.delenv("ROS_HOME", raising=False)
    assert calibration_path(url, "eye") == Path(path)


def test_the_folder_of_ros_can_be_set(monkeypatch):
    monkeypatch.setenv("ROS_HOME", "/data/ros")
    assert calibration_path("file://${ROS_HOME}/${NAME}.yaml", "eye") == Path("/data/ros/eye.yaml")


def test_a_file_of_a_package(tmp_path, monkeypatch):
    index = tmp_path / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (tmp_path / "share" / "rig").mkdir()
    (index / "rig").touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path}:{os.environ['AMENT_PREFIX_PATH']}")
    assert calibration_path("package://rig/a/${NAME}.yaml", "eye") == tmp_path / "share/rig/a/eye.yaml"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("/camera.yaml", "must start with file:// or package://"),
        ("~/camera.yaml", "must start with file:// or package://"),
        ("file://~no_such_user/camera.yaml", "~no_such_user has no home folder"),
        ("http://x/camera.yaml", "must start with file:// or package://"),
        ("file:///%00", "does not name a file"),
        ("file:///", "does not name a file"),
        ("file://home/camera.yaml", "names the host 'home': write three slashes"),
        ("file://[", "is not a URL"),
        ("package://[", "is not a URL"),
        ("package://rig", "does not name a file of the package"),
        ("package://no_such_package/camera.yaml", "there is no package 'no_such_package'"),
        ("package://../camera.yaml", "there is no package '..'"),
        ("file:///${HOME}/camera.yaml", r"the unknown variable ${HOME}: use ${NAME} or ${ROS_HOME}"),
    ],
)
def test_urls_that_name_no_file(url, reason):
    with pytest.raises(CalibrationError) as raised:
        calibration_path(url, "eye")
    assert reason in str(raised.value)
