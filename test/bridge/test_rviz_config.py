"""What rviz is told to show. rviz itself comes with a ROS installation."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ament_index_python.packages import get_package_share_directory

SHARE = Path(get_package_share_directory("odyssey_ros"))


@pytest.fixture
def config():
    return yaml.safe_load((SHARE / "config" / "odyssey.rviz").read_text())


def test_it_shows_the_bridge_s_pictures_as_they_are_offered(config):
    (display,) = config["Visualization Manager"]["Displays"]
    assert (display["Class"], display["Enabled"]) == ("rviz_default_plugins/Image", True)
    assert display["Topic"] == {
        "Value": "/odyssey/image_raw",
        "Depth": 5,
        "Durability Policy": "Volatile",
        "History Policy": "Keep Last",
        "Reliability Policy": "Reliable",
    }


def test_its_frame_is_the_pictures(config):
    from odyssey_ros.bridge.bridge_parameters import SETTINGS

    frame_id = next(setting.default for setting in SETTINGS if setting.name == "frame_id")
    assert config["Visualization Manager"]["Global Options"]["Fixed Frame"] == frame_id


def test_the_window_s_panel_is_the_display(config):
    (display,) = config["Visualization Manager"]["Displays"]
    assert display["Name"] in config["Window Geometry"]


@pytest.mark.parametrize("name", ["odyssey", "spectator"])
def test_launch_files_remap_it_to_the_node_s_topic(name, tmp_path):
    launch = pytest.importorskip("launch", reason="launch comes with a ROS installation")
    pytest.importorskip("launch_ros", reason="launch_ros comes with a ROS installation")
    from launch.launch_description_sources import PythonLaunchDescriptionSource
    from launch.utilities import perform_substitutions
    from launch_ros.actions import Node

    context = launch.LaunchContext()
    context.launch_configurations.update({"namespace": "left", "name": "eye", "rviz": "true"})
    source = PythonLaunchDescriptionSource(str(SHARE / "launch" / f"{name}.launch.py"))
    rviz = next(
        entity
        for entity in source.get_launch_description(context).entities
        if isinstance(entity, Node) and entity.node_executable == "rviz2"
    )
    (remapping,) = rviz._Node__remappings
    assert [perform_substitutions(context, side) for side in remapping] == [
        "/odyssey/image_raw",
        "left/eye/image_raw",
    ]
    assert rviz.condition.evaluate(context)
