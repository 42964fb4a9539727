"""The README and the shipped file agree with the declared parameters."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from odyssey_ros.bridge.bridge_parameters import SETTINGS

TOP = Path(__file__).resolve().parents[2]
TYPES = {"bool": bool, "int": int, "double": float, "string": str, "list": tuple}


def plain(setting):
    """Return a default value as YAML has it."""
    return list(setting.default) if isinstance(setting.default, tuple) else setting.default


def test_the_readme_has_each_parameter_with_type_and_default():
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| `([^`]*)` \| .+ \|$", (TOP / "README.md").read_text(), re.MULTILINE
    )
    documented = {name: (TYPES[kind], yaml.safe_load(default)) for name, kind, default in rows}
    assert documented == {setting.name: (type(setting.default), plain(setting)) for setting in SETTINGS}


def test_the_shipped_file_has_each_parameter_with_its_default():
    (node,) = yaml.safe_load((TOP / "config" / "odyssey.yaml").read_text()).values()
    assert node["ros__parameters"] == {setting.name: plain(setting) for setting in SETTINGS}
