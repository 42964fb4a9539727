"""Launch arguments and their conversion to parameters, where `launch` is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from odyssey_ros.bridge.runtime.parameter_table import Change, Setting

launch = pytest.importorskip("launch", reason="launch comes with a ROS installation")
pytest.importorskip("launch_ros", reason="launch_ros comes with a ROS installation")

from odyssey_ros.bridge import launch_arguments  # noqa: E402 -- needs launch

FLAG = Setting("flag", False, "A flag.", Change.ALWAYS)
COUNT = Setting("count", 3, "A count.", Change.ALWAYS)
RATE = Setting("rate", 1.5, "A rate.", Change.ALWAYS)
NAME = Setting("name", "", "A name.", Change.ALWAYS)


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        (FLAG, "true", True),
        (FLAG, "ON", True),
        (FLAG, "0", False),
        (COUNT, "-7", -7),
        (RATE, "2", 2.0),
        (RATE, "2.5", 2.5),
        (NAME, "5", "5"),
    ],
)
def test_a_text_becomes_a_value_of_the_type_of_the_parameter(setting, text, value):
    parsed = launch_arguments.parse_value(setting, text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("setting", "text", "reason"),
    [
        (FLAG, "perhaps", "flag:=perhaps has to be true or false"),
        (COUNT, "2.5", r"count:=2.5 has to be a number \(int\)"),
        (RATE, "fast", r"rate:=fast has to be a number \(float\)"),
    ],
)
def test_a_text_of_another_type_is_refused(setting, text, reason):
    with pytest.raises(ValueError, match=reason):
        launch_arguments.parse_value(setting, text)


def test_only_an_existing_file_is_a_file(tmp_path):
    path = tmp_path / "parameters.yaml"
    path.write_text("")
    assert launch_arguments.parse_file("params_file", str(path)) == str(path)
    with pytest.raises(ValueError, match="is not a file"):
        launch_arguments.parse_file("params_file", str(tmp_path))


def test_parameters_are_those_arguments_that_are_given():
    context = launch.LaunchContext()
    context.launch_configurations.update({"flag": "yes", "count": "", "rate": "3", "name": ""})
    given = launch_arguments.given_parameters(context, [FLAG, COUNT, RATE, NAME])
    assert given == {"flag": True, "rate": 3.0}


def test_an_argument_describes_its_parameter():
    (argument,) = launch_arguments.parameter_arguments([COUNT])
    assert argument.name == "count"
    assert argument.description == "A count. (Default: as in params_file, else 3.)"


def test_the_fastdds_profile_is_set_unless_the_user_has_one(monkeypatch):
    variables = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
    for variable in variables:
        monkeypatch.delenv(variable, raising=False)
    profile = launch_arguments.fastdds_profile()
    assert set(profile) == set(variables)
    assert all(Path(path).is_file() for path in profile.values())
    monkeypatch.setenv(variables[1], "/mine.xml")
    assert launch_arguments.fastdds_profile() == {}


def test_a_node_is_started_with_the_values_of_its_arguments():
    from launch.actions import DeclareLaunchArgument, OpaqueFunction

    entities = launch_arguments.launch_node("player", "player", [RATE])
    context = launch.LaunchContext()
    for entity in entities:
        if isinstance(entity, DeclareLaunchArgument):
            entity.execute(context)
    context.launch_configurations["rate"] = "2"
    context.launch_configurations["respawn"] = "true"
    (start,) = (entity for entity in entities if isinstance(entity, OpaqueFunction))
    (node,) = start.execute(context)
    assert (node.node_package, node.node_executable) == ("odyssey_ros", "player")
    context.launch_configurations["respawn"] = "maybe"
    with pytest.raises(ValueError, match="respawn:=maybe has to be true or false"):
        start.execute(context)
