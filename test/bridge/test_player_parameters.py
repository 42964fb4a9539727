"""The parameters of the player: what the node declares, its dataclass and the docs agree."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from odyssey_ros.bridge import bridge_parameters
from odyssey_ros.bridge.player_parameters import SETTINGS, PlayerParameters

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "player.md").read_text()


def test_each_setting_is_a_field_of_the_same_type():
    types = {field.name: str(field.type).partition("[")[0] for field in fields(PlayerParameters)}
    assert types == {setting.name: type(setting.default).__name__ for setting in SETTINGS}


def test_the_docs_list_each_parameter_with_its_default():
    table = DOCS.partition("## Parameters")[2].partition("\n## ")[0]
    documented = {
        name: yaml.safe_load(default)
        for names, default in re.findall(r"^\| (`[^|]+`) \| `([^`]*)` \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    own = [setting for setting in SETTINGS if setting.name in documented]
    assert documented == {setting.name: setting.default for setting in own}
    shared = re.search(r"^((?:`\w+`(?:,\s| and )?)+) are the same as for", table, re.MULTILINE)
    names = {setting.name for setting in SETTINGS if setting not in own}
    assert set(re.findall(r"`(\w+)`", shared[1])) == names


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_parameter_that_the_bridge_has_is_the_same(setting):
    assert setting in bridge_parameters.SETTINGS or setting.name not in {
        other.name for other in bridge_parameters.SETTINGS
    }
