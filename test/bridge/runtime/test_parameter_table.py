"""Declaring, checking and reading parameters."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from odyssey_ros.bridge.runtime.parameter_table import Change, ParameterTable, Setting

SETTINGS = (
    Setting("prompt", "", "Prompt.", Change.ALWAYS, repeatable=True),
    Setting("encoding", "rgb8", "Encoding.", Change.ALWAYS, choices=("rgb8", "mono8")),
    Setting("quality", 85, "Quality.", Change.ALWAYS, bounds=(1, 100)),
    Setting("timeout", 2.5, "Timeout.", Change.UNCONFIGURED, bounds=(0.5, 10.0)),
    Setting("autostart", True, "Autostart.", Change.NEVER),
    Setting("folder", "", "Folder.", Change.ALWAYS, is_path=True),
    Setting("folders", (), "Folders.", Change.ALWAYS, is_path=True),
    Setting(
        "even",
        0,
        "Even.",
        Change.ALWAYS,
        fault=lambda value: "set it to an even number" if value % 2 else None,
    ),
)


@dataclass
class Values:
    prompt: str
    encoding: str
    quality: int
    timeout: float
    autostart: bool
    folder: str
    folders: tuple[str, ...]
    even: int


class Bench:
    """A node with the table, and what the table reported."""

    def __init__(self, context, **overrides):
        self.configured, self.changes = False, []
        self.node = Node(
            "table",
            context=context,
            parameter_overrides=[Parameter(name, value=value) for name, value in overrides.items()],
        )
        self.table = ParameterTable(
            self.node,
            SETTINGS,
            Values,
            lambda: self.configured,
            lambda values, changed: self.changes.append((values, changed)),
            lambda values: "no such quality" if values.get("quality") == 13 else None,
        )

    def set(self, name, value):
        return self.node.set_parameters([Parameter(name, value=value)])[0]


@pytest.fixture
def make(local_graph):
    def make(**overrides):
        bench = Bench(local_graph.context, **overrides)
        local_graph.add(bench.node)
        return bench

    return make


def test_defaults_and_overrides_are_read(make):
    bench = make(quality=50)
    bench.table.declare()
    assert bench.table.current == Values("", "rgb8", 50, 2.5, True, "", (), 0)


@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        ({"encoding": "yuv9"}, InvalidParameterValueException),
        ({"quality": 0}, InvalidParameterValueException),
        ({"even": 3}, InvalidParameterValueException),
        ({"quality": "high"}, InvalidParameterTypeException),
    ],
)
def test_invalid_overrides_are_refused(make, overrides, error):
    with pytest.raises(error):
        make(**overrides).table.declare()


def test_the_table_s_check_is_for_changes(make):
    bench = make(quality=13)
    bench.table.declare()
    assert bench.table.current.quality == 13


def test_the_home_folder_is_expanded_in_paths(make, monkeypatch):
    monkeypatch.setenv("HOME", "/home/robot")
    bench = make(folder="~/videos", prompt="~/no path")
    bench.table.declare()
    assert bench.table.current.folder == "/home/robot/videos"
    assert bench.table.current.prompt == "~/no path"
    assert bench.node.get_parameter("folder").value == "~/videos"
    assert bench.set("folder", "~/videos").successful  # the same value
    assert not bench.changes
    refused = bench.set("folder", "~no-such-user/videos")
    assert "folder is ~no-such-user/videos: ~no-such-user has no home folder" in refused.reason
    assert bench.set("folder", "~").successful
    assert bench.table.current.folder == "/home/robot"


def test_descriptors(make):
    bench = make()
    bench.table.declare()
    described = {setting.name: bench.node.describe_parameter(setting.name) for setting in SETTINGS}
    assert described["encoding"].additional_constraints == "One of: rgb8, mono8"
    assert described["quality"].integer_range[0].to_value == 100
    assert described["timeout"].floating_point_range[0].from_value == 0.5
    assert described["autostart"].read_only
    assert described["timeout"].description == f"Timeout. {Change.UNCONFIGURED.value}"


def test_changes_are_reported_with_the_new_values(make):
    bench = make()
    bench.table.declare()
    assert bench.set("quality", 90).successful
    [(values, changed)] = bench.changes
    assert (values.quality, changed) == (90, {"quality"})
    assert bench.set("quality", 90).successful  # the same value
    assert len(bench.changes) == 1


def test_the_same_prompt_is_reported_again(make):
    bench = make(prompt="a sea")
    bench.table.declare()
    assert bench.set("prompt", "a sea").successful
    assert [changed for _, changed in bench.changes] == [{"prompt"}]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("encoding", "yuv9", "encoding is 'yuv9': set it to one of: rgb8, mono8"),
        ("timeout", 3.0, "run `ros2 lifecycle set /table cleanup` first"),
        ("quality", 13, "no such quality"),
        ("quality", 101, "quality"),
        ("even", 3, "even is 3: set it to an even number"),
        ("autostart", False, "read-only"),
    ],
)
def test_refused_changes(make, name, value, reason):
    bench = make()
    bench.table.declare()
    bench.configured = True
    result = bench.set(name, value)
    assert not result.successful
    assert reason in result.reason
    assert not bench.changes


def test_a_parameter_of_the_connection_changes_while_unconfigured(make):
    bench = make()
    bench.table.declare()
    assert bench.set("timeout", 3.0).successful
    assert bench.table.current.timeout == 3.0


def test_other_parameters_of_the_node_are_ignored(make):
    bench = make()
    bench.table.declare()
    bench.node.declare_parameter("other", 1)
    assert bench.set("other", 2).successful
    assert not bench.changes


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (Parameter("folders", Parameter.Type.NOT_SET, None), ()),  # what rcl makes of an empty list
        (Parameter("folders", value=[]), ()),  # a list of bytes, for rclpy
        (Parameter("folders", Parameter.Type.STRING_ARRAY, ["", "/a", "~/b"]), ("/a", "/home/robot/b")),
    ],
)
def test_a_list_of_folders(make, monkeypatch, given, read):
    monkeypatch.setenv("HOME", "/home/robot")
    bench = make()
    bench.node._parameter_overrides["folders"] = given
    bench.table.declare()
    assert bench.table.current.folders == read
    refused = bench.set("folders", ["/a", "b"])
    assert refused.reason == "folders contains 'b': write absolute paths, or paths from ~"
    assert "has no home folder" in bench.set("folders", ["~no-such-user/b"]).reason
    assert bench.set("folders", ["/c"]).successful
    assert bench.table.current.folders == ("/c",)


def test_a_list_with_a_relative_path_or_another_type_is_refused(make):
    for value in (["a"], "/a"):
        with pytest.raises((InvalidParameterValueException, InvalidParameterTypeException)):
            make(folders=value).table.declare()


def test_long_texts_are_refused_and_not_repeated(make):
    bench = make()
    bench.table.declare()
    assert bench.set("prompt", "a" * 4096).successful
    assert bench.set("prompt", "a" * 4097).reason == "prompt has 4097 characters: set it to at most 4096"
    assert len(bench.set("encoding", "a" * 4000).reason) < 300


def test_an_error_of_a_check_is_a_refusal(make):
    bench = make()
    bench.table.declare()

    def check(_):
        raise RecursionError("too deep")

    bench.table.check = check
    assert bench.set("quality", 20).reason == "internal error: RecursionError('too deep')"
    assert bench.table.current.quality == 85
