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


def test_the_display_receives_from_reliable_and_from_best_effort_publishers(config):
    (display,) = config["Visualization Manager"]["Displays"]
    assert (display["Class"], display["Enabled"]) == ("rviz_default_plugins/Image", True)
    assert display["Topic"] == {
        "Value": "/odyssey/image_raw",
        "Depth": 5,
        "Durability Policy": "Volatile",
        "History Policy": "Keep Last",
        "Reliability Policy": "Best Effort",
    }


def test_the_fixed_frame_is_that_of_the_images(config):
    from odyssey_ros.bridge.bridge_parameters import SETTINGS

    frame_id = next(setting.default for setting in SETTINGS if setting.name == "frame_id")
    assert config["Visualization Manager"]["Global Options"]["Fixed Frame"] == frame_id


def test_no_transforms_are_expected(config):
    assert config["Visualization Manager"]["Transformation"] == {"Current": {"Class": "rviz_common/Identity"}}


def test_the_panel_of_the_display_is_open(config):
    (display,) = config["Visualization Manager"]["Displays"]
    geometry = config["Window Geometry"]
    assert geometry[display["Name"]] == {"collapsed": False}
    assert (geometry["Hide Left Dock"], geometry["Hide Right Dock"]) == (False, False)
    assert "Displays" not in geometry


def test_the_layout_has_the_panels_of_the_configuration_and_gives_the_image_most_of_the_window(config):
    (display,) = config["Visualization Manager"]["Displays"]
    geometry = config["Window Geometry"]
    layout = geometry["QMainWindow State"]
    assert isinstance(layout, str)  # YAML does not read it as a number
    state = bytes.fromhex(layout)
    assert state.startswith(b"\x00\x00\x00\xff\x00\x00\x00\x00\xfd")  # a layout of version 0 with docks
    for panel in (display["Name"], *(panel["Name"] for panel in config["Panels"])):
        assert panel.encode("utf-16-be") in state
    _docks, _area, width, height = (int.from_bytes(state[at : at + 4], "big") for at in (9, 13, 17, 21))
    assert geometry["Width"] * 0.8 < width < geometry["Width"]
    assert geometry["Height"] * 0.8 < height < geometry["Height"]


@pytest.mark.parametrize("name", ["odyssey", "spectator", "demo"])
@pytest.mark.parametrize(
    ("given", "topic"),
    [
        ({"namespace": "left", "name": "eye", "use_sim_time": "true"}, "/left/eye/image_raw"),
        ({"namespace": "", "name": "odyssey", "use_sim_time": ""}, "/odyssey/image_raw"),
    ],
)
def test_launch_files_remap_the_display_to_the_topic_of_the_node(name, given, topic):
    launch = pytest.importorskip("launch", reason="launch comes with a ROS installation")
    pytest.importorskip("launch_ros", reason="launch_ros comes with a ROS installation")
    from launch.actions import DeclareLaunchArgument, OpaqueFunction
    from launch.launch_description_sources import PythonLaunchDescriptionSource
    from launch.utilities import perform_substitutions
    from launch_ros.actions import Node

    context = launch.LaunchContext()
    source = PythonLaunchDescriptionSource(str(SHARE / "launch" / f"{name}.launch.py"))
    entities = source.get_launch_description(context).entities
    for entity in entities:
        if isinstance(entity, DeclareLaunchArgument):
            entity.execute(context)
    (start,) = (entity for entity in entities if isinstance(entity, OpaqueFunction))
    context.launch_configurations.update(given)

    def windows():
        nodes = [entity for entity in start.execute(context) if isinstance(entity, Node)]
        return [node for node in nodes if (node.node_package, node.node_executable) == ("rviz2", "rviz2")]

    assert windows() == []
    context.launch_configurations["rviz"] = "true"
    (rviz,) = windows()
    (remapping,) = rviz._Node__remappings
    assert [perform_substitutions(context, side) for side in remapping] == ["/odyssey/image_raw", topic]
