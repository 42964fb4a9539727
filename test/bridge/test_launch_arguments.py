"""Launch arguments and the nodes that they start, where `launch` is installed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from odyssey_ros.bridge.runtime.parameter_table import Change, Setting

launch = pytest.importorskip("launch", reason="launch comes with a ROS installation")
pytest.importorskip("launch_ros", reason="launch_ros comes with a ROS installation")

from odyssey_ros.bridge import launch_arguments  # noqa: E402 -- needs launch

FLAG = Setting("flag", False, "A flag.", Change.ALWAYS)
COUNT = Setting("count", 3, "A count.", Change.ALWAYS)
RATE = Setting("rate", 1.5, "A rate.", Change.ALWAYS)
NAME = Setting("title", "", "A name.", Change.ALWAYS)


@pytest.fixture
def context():
    """A launch context in which the arguments of a node have their default values."""
    context = launch.LaunchContext()
    for argument in (
        *launch_arguments.node_arguments("player", "player"),
        *launch_arguments.parameter_arguments([RATE, NAME]),
    ):
        argument.execute(context)
    return context


def read(context):
    return launch_arguments.NodeArguments.read(context, "player", [RATE, NAME])


def parameter_files(node, context):
    """Return the parameter files of a node, in the order in which it reads them."""
    node._perform_substitutions(context)
    return [Path(path) for path, is_file in node._Node__expanded_parameter_arguments if is_file]


def test_parameters_are_those_arguments_that_are_given():
    context = launch.LaunchContext()
    context.launch_configurations.update({"flag": "yes", "count": "", "rate": "3", "title": ""})
    given = launch_arguments.given_parameters(context, [FLAG, COUNT, RATE, NAME])
    assert given == {"flag": True, "rate": 3.0}


def test_an_argument_describes_its_parameter():
    (argument,) = launch_arguments.parameter_arguments([COUNT])
    assert argument.name == "count"
    assert argument.description == "A count. (Default: as in params_file, else 3.)"


@pytest.mark.parametrize(
    ("choice", "value"),
    [
        ("FASTRTPS_DEFAULT_PROFILES_FILE", "/mine.xml"),
        ("FASTDDS_DEFAULT_PROFILES_FILE", "/mine.xml"),
        ("FASTDDS_BUILTIN_TRANSPORTS", "UDPv4"),
    ],
)
def test_the_fastdds_profile_is_set_unless_the_user_has_one(monkeypatch, choice, value):
    variables = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
    for variable in (*variables, "FASTDDS_BUILTIN_TRANSPORTS"):
        monkeypatch.delenv(variable, raising=False)
    profile = launch_arguments.fastdds_profile()
    assert set(profile) == set(variables)
    assert all(Path(path).is_file() for path in profile.values())
    monkeypatch.setenv(choice, value)
    assert launch_arguments.fastdds_profile() == {}


def test_a_node_gets_the_file_and_then_the_arguments(context):
    context.launch_configurations.update({"rate": "2", "title": "1e3", "use_sim_time": "true"})
    node = read(context).node()
    assert (node.node_package, node.node_executable) == ("odyssey_ros", "player")
    packaged, given = parameter_files(node, context)
    assert packaged.samefile(launch_arguments.share_file("config", "odyssey.yaml"))
    (section,) = yaml.safe_load(given.read_text()).values()
    assert section == {"ros__parameters": {"rate": 2.0, "title": "1e3", "use_sim_time": True}}


def test_without_arguments_a_node_gets_only_the_file(context):
    assert len(parameter_files(read(context).node(), context)) == 1


def test_defaults_are_before_the_file_of_the_user_and_fixed_values_at_the_end(context, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("")
    context.launch_configurations.update({"params_file": str(mine), "title": "given"})
    node = read(context).node(defaults={"rate": 5.0}, fixed={"title": "fixed"})
    defaults, user, given = parameter_files(node, context)
    assert [*yaml.safe_load(defaults.read_text()).values()] == [{"ros__parameters": {"rate": 5.0}}]
    assert user == mine
    assert "fixed" in given.read_text()


def test_defaults_are_behind_the_file_of_this_package(context):
    node = read(context).node(defaults={"rate": 5.0})
    packaged, defaults = parameter_files(node, context)
    assert packaged.samefile(launch_arguments.share_file("config", "odyssey.yaml"))
    assert "5.0" in defaults.read_text()


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("respawn", "maybe", "respawn:=maybe has to be true or false"),
        ("use_sim_time", "2", "use_sim_time:=2 has to be true or false"),
        ("rate", "fast", "rate:=fast has to be a number"),
        ("log_level", "loud", "log_level:=loud has to be one of: debug, info, warn, error, fatal"),
        ("params_file", "/no/such.yaml", "params_file:=/no/such.yaml is not a file"),
    ],
)
def test_an_invalid_argument_is_refused(context, name, text, reason):
    context.launch_configurations[name] = text
    with pytest.raises(ValueError, match=reason):
        read(context)


@pytest.mark.parametrize("level", ["debug", "WARN", "player:=debug"])
def test_log_levels(context, level):
    context.launch_configurations["log_level"] = level
    assert read(context).log_level == level


@pytest.mark.parametrize(
    ("pushed", "namespace", "absolute"),
    [
        (None, "", "/"),
        (None, "left", "/left"),
        (None, "/left/", "/left"),
        ("/robot", "", "/robot"),
        ("/robot", "left", "/robot/left"),
        ("/robot", "/left", "/left"),
    ],
)
def test_a_namespace_is_below_that_of_the_launch_file(context, pushed, namespace, absolute):
    if pushed is not None:
        context.launch_configurations["ros_namespace"] = pushed
    context.launch_configurations["namespace"] = namespace
    assert launch_arguments.node_namespace(context) == absolute


def test_output_is_collected_into_lines():
    output = launch_arguments.OutputLines()
    assert output.add(b"ready at http://") == []
    assert output.add(b"host:1\nnext\nla") == ["ready at http://host:1", "next"]
    assert output.add(b"st\n") == ["last"]


def test_failing_gives_the_reason():
    with pytest.raises(RuntimeError, match="no video"):
        launch_arguments.fail("no video").execute(launch.LaunchContext())
