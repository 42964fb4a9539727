"""Values of launch arguments, read back by the YAML parser of ROS. Needs no `launch`."""

from __future__ import annotations

import math

import pytest
import rclpy
from rclpy.context import Context

from odyssey_ros.bridge import bridge_parameters, player_parameters, spectator_parameters
from odyssey_ros.bridge.launch_values import (
    parameter_file,
    parse_bool,
    parse_file,
    parse_float,
    parse_int,
    parse_value,
)
from odyssey_ros.bridge.runtime.parameter_table import Change, Setting

FLAG = Setting("flag", False, "A flag.", Change.ALWAYS)
COUNT = Setting("count", 3, "A count.", Change.ALWAYS)
LIMITED = Setting("limited", 3, "A count.", Change.ALWAYS, bounds=(-1, 10))
RATE = Setting("rate", 1.5, "A rate.", Change.ALWAYS)
SLOW = Setting("slow", 1.5, "A rate.", Change.ALWAYS, bounds=(0.0, 2.0))
NAME = Setting("name", "", "A name.", Change.ALWAYS)
FOLDERS = Setting("folders", (), "Folders.", Change.ALWAYS, is_path=True)
COLOR = Setting("color", "red", "A color.", Change.ALWAYS, choices=("red", "blue"))

# Texts that YAML, in one of its versions, does not read as a string, or cannot read without quotes.
STRINGS = [
    *("1e3", "12e45", "5", "-7", "1.0", "0x1p3", "0x10", "007", "0o17", "1_000", "12:30:45", "+1"),
    *("y", "n", "yes", "on", "OFF", "true", "False", "null", "~", "NULL", ""),
    *("nan", "NaN", ".nan", "inf", "-.inf", "infinity"),
    *("[a]", "{a: b}", "a: b", "- a", "?", "|", "> x", "#x", "a #x", "!x", "!!str x", "&a", "*a", "%x", "@x"),
    *("2026-06-01", "2026-06-01T10:30:00", "2026-06-01 10:30:00Z"),
    *("'single'", '"double"', 'it\'s "both"', "\\n \\", "`x`", "a,b", "a:=b", "--ros-args", "$(env HOME)"),
    *("two\nlines", "\n", " ", "  x  ", "\t", "\r\n", "--- ...", "\x1b[31mred", "\x7f\x85\u2028\ufeff"),
    *("a harbour at dawn, calm water", "é ü 海 \N{WATER WAVE}", "long " * 1000),
]


def read_back(*texts, domain):
    """Return the parameters that a node gets from these parameter files."""
    context = Context()
    arguments = [part for text in texts for part in ("--params-file", str(text))]
    rclpy.init(args=["--ros-args", *arguments], context=context, domain_id=domain)
    node = rclpy.create_node("eye", namespace="/robot", context=context)
    try:
        return {name: parameter.value for name, parameter in node._parameter_overrides.items()}
    finally:
        node.destroy_node()
        context.shutdown()


def test_ros_reads_back_every_string(domain_id, tmp_path):
    path = tmp_path / "parameters.yaml"
    values = {f"p{index}": text for index, text in enumerate(STRINGS)}
    path.write_text(parameter_file("/**", values), encoding="utf-8")
    assert read_back(path, domain=domain_id) == values


@pytest.mark.parametrize("node", ["/**", "/**/**", "/robot/eye"])
def test_ros_reads_back_every_type(domain_id, tmp_path, node):
    path = tmp_path / "parameters.yaml"
    values = {
        "flag": True, "off": False, "count": -7, "most": 2**63 - 1, "least": -(2**63),
        "rate": 2.0, "tiny": 1e-9, "huge": 1e16, "name": "y",
    }  # fmt: skip
    path.write_text(parameter_file(node, values), encoding="utf-8")
    found = read_back(path, domain=domain_id)
    assert found == values
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in values.items()
    }


@pytest.mark.parametrize("order", [("/robot/eye", "/**"), ("/**", "/robot/eye")])
def test_arguments_win_over_every_section_of_a_file_and_defaults_over_none(domain_id, tmp_path, order):
    user, given = tmp_path / "user.yaml", tmp_path / "given.yaml"
    user.write_text("".join(parameter_file(node, {"prompt": 5, "rate": 2.0}) for node in order))
    given.write_text(parameter_file("/**/**", {"prompt": "given"}))
    assert read_back(user, given, domain=domain_id) == {"prompt": "given", "rate": 2.0}
    defaults = tmp_path / "defaults.yaml"
    defaults.write_text(parameter_file("/**/**/**", {"rate": "default", "loop": True}))
    assert read_back(defaults, user, domain=domain_id) == {"prompt": 5, "rate": 2.0, "loop": True}


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        (FLAG, "true", True),
        (FLAG, "ON", True),
        (FLAG, "0", False),
        (COUNT, "-7", -7),
        (COUNT, "007", 7),
        (LIMITED, "10", 10),
        (RATE, "2", 2.0),
        (RATE, "2.5", 2.5),
        (RATE, "1e3", 1000.0),
        (SLOW, "2", 2.0),
        (NAME, "5", "5"),
        (NAME, "nan", "nan"),
        (COLOR, "blue", "blue"),
    ],
)
def test_a_text_becomes_a_value_of_the_type_of_the_parameter(setting, text, value):
    parsed = parse_value(setting, text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("setting", "text", "reason"),
    [
        (FLAG, "perhaps", "flag:=perhaps has to be true or false"),
        (FLAG, "", "flag:= has to be true or false"),
        (COUNT, "2.5", "count:=2.5 has to be a whole number from -9223372036854775808 to 9223372036854"),
        (COUNT, "1e3", "count:=1e3 has to be a whole number"),
        (COUNT, "1_000", "count:=1_000 has to be a whole number"),
        (COUNT, "\u0663", "count:=\u0663 has to be a whole number"),
        (COUNT, "9" * 19, f"count:={'9' * 19} has to be a whole number"),
        (COUNT, "9" * 5000, "has to be a whole number"),
        (LIMITED, "11", "limited:=11 has to be a whole number from -1 to 10"),
        (RATE, "fast", "rate:=fast has to be a number"),
        (RATE, "nan", "rate:=nan has to be a number"),
        (RATE, "-inf", "rate:=-inf has to be a number"),
        (RATE, "1e999", "rate:=1e999 has to be a number"),
        (RATE, "1_0", "rate:=1_0 has to be a number"),
        (RATE, "\u0663", "rate:=\u0663 has to be a number"),
        (SLOW, "2.1", "slow:=2.1 has to be a number from 0 to 2"),
        (COLOR, "green", "color:=green has to be one of: red, blue"),
        (NAME, "\udcff", r"name:='\udcff' has to be UTF-8 text"),
        (FLAG, "two\nlines", r"flag:='two\nlines' has to be true or false"),
    ],
)
def test_another_text_is_refused_in_one_line(setting, text, reason):
    with pytest.raises(ValueError) as refusal:
        parse_value(setting, text)
    assert reason in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_refused_value_is_refused_by_the_node_too():
    """The bounds and choices of the arguments are those of the parameters, and every default is inside."""
    for settings in (bridge_parameters.SETTINGS, spectator_parameters.SETTINGS, player_parameters.SETTINGS):
        for setting in settings:
            default = list(setting.default) if isinstance(setting.default, tuple) else setting.default
            assert parse_value(setting, str(default)) == default


def test_numbers_have_limits():
    assert parse_int("port", "0", 0, 65535) == 0
    assert parse_float("fps", "60", 0.1, 60.0) == 60.0
    assert parse_float("fps", "-3", -math.inf, math.inf) == -3.0
    assert parse_bool("respawn", "Yes") is True


def test_only_an_existing_file_is_a_file(tmp_path, monkeypatch):
    path = tmp_path / "parameters.yaml"
    path.write_text("")
    assert parse_file("params_file", str(path)) == str(path)
    with pytest.raises(ValueError, match="is not a file"):
        parse_file("params_file", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_file("params_file", "~/parameters.yaml") == str(path)
    with pytest.raises(ValueError, match=r"params_file:=~/no\.yaml is not a file"):
        parse_file("params_file", "~/no.yaml")
    with pytest.raises(ValueError, match=r"params_file:=~no_such_user/p\.yaml: ~no_such_user has no home"):
        parse_file("params_file", "~no_such_user/p.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("/a", ["/a"]),
        ("/a:~/b c:/d,e", ["/a", "~/b c", "/d,e"]),
        ("[/a, '~/b:c', /1e3, ~/yes, '']", ["/a", "~/b:c", "/1e3", "~/yes", ""]),
        ("[]", []),
    ],
)
def test_a_list_is_read_back(text, value, domain_id, tmp_path):
    parsed = parse_value(FOLDERS, text)
    assert parsed == value
    (tmp_path / "parameters.yaml").write_text(parameter_file("/**", {"folders": parsed}))
    assert read_back(tmp_path / "parameters.yaml", domain=domain_id) == {"folders": value or [""]}


@pytest.mark.parametrize("text", ["[/a", "[[/a]]", "[{a: b}]", "[" * 10_000, "[a]: b"])
def test_what_is_no_list_is_refused(text):
    with pytest.raises(ValueError, match=r"folders:=\[.* has to be a list of texts"):
        parse_value(FOLDERS, text)


@pytest.mark.parametrize("text", ["a", "/a:b", "[/a, b]", "[1e3]"])
def test_relative_paths_are_refused_before_anything_starts(text):
    with pytest.raises(ValueError, match=r"folders contains .*: write absolute paths, or paths from ~"):
        parse_value(FOLDERS, text)
