"""The player's launch files, where `launch` is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

ORIGIN = "comes with a ROS installation"


@pytest.mark.parametrize(("name", "left_out"), [("player", set()), ("simulate", {"job_id", "stream_id"})])
def test_every_parameter_is_an_argument(name, left_out):
    launch = pytest.importorskip("launch", reason=f"launch {ORIGIN}")
    pytest.importorskip("launch_ros", reason=f"launch_ros {ORIGIN}")
    from ament_index_python.packages import get_package_share_directory
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    from odyssey_ros.bridge.player_parameters import SETTINGS

    path = Path(get_package_share_directory("odyssey_ros")) / "launch" / f"{name}.launch.py"
    description = PythonLaunchDescriptionSource(str(path)).get_launch_description(launch.LaunchContext())
    arguments = {argument.name: argument for argument in description.get_launch_arguments()}
    missing = {setting.name for setting in SETTINGS} - arguments.keys()
    assert missing <= {"job_id", "stream_id", "video_file", "events_file"}
    assert left_out <= missing
    assert bool(missing) == bool(left_out)
    assert all(argument.description for argument in arguments.values())
