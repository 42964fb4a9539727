"""The configuration of rviz, which is part of a ROS installation."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ament_index_python.packages import get_package_share_directory

SHARE = Path(get_package_share_directory("odyssey_ros"))


@pytest.fixture
def config():
    """The installed configuration."""
    return yaml.safe_load((SHARE / "config" / "odyssey.rviz").read_text())


def test_the_display_subscribes_as_the_bridge_publishes(config):
    (display,) = config["Visualization Manager"]["Displays"]
    assert (display["Class"], display["Enabled"]) == ("rviz_default_plugins/Image", True)
    assert display["Topic"] == {
        "Value": "/odyssey/image_raw",
        "Depth": 5,
        "Durability Policy": "Volatile",
        "History Policy": "Keep Last",
        "Reliability Policy": "Reliable",
    }


def test_the_fixed_frame_is_that_of_the_images(config):
    from odyssey_ros.bridge.bridge_parameters import SETTINGS

    frame_id = next(setting.default for setting in SETTINGS if setting.name == "frame_id")
    assert config["Visualization Manager"]["Global Options"]["Fixed Frame"] == frame_id


def test_the_window_has_a_panel_for_the_display(config):
    (display,) = config["Visualization Manager"]["Displays"]
    assert display["Name"] in config["Window Geometry"]


@pytest.mark.parametrize("name", ["odyssey", "spectator"])
def test_launch_files_remap_the_display_to_the_topic_of_the_node(name, tmp_path):
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
