"""The spectator's launch file, where `launch` is installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_directory


def test_every_parameter_is_an_argument():
    launch = pytest.importorskip("launch", reason="launch comes with a ROS installation")
    pytest.importorskip("launch_ros", reason="launch_ros comes with a ROS installation")
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    from odyssey_ros.bridge.spectator_parameters import SETTINGS

    path = Path(get_package_share_directory("odyssey_ros")) / "launch" / "spectator.launch.py"
    description = PythonLaunchDescriptionSource(str(path)).get_launch_description(launch.LaunchContext())
    arguments = {argument.name: argument for argument in description.get_launch_arguments()}
    assert {setting.name for setting in SETTINGS} <= arguments.keys()
    assert {"name", "namespace", "params_file", "respawn", "log_level", "rviz"} <= arguments.keys()
    assert all(argument.description for argument in arguments.values())
    assert not any("token" in name and "file" not in name for name in arguments)
