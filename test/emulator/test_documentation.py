"""docs/emulator.md describes every option, fault, field and endpoint."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from odyssey_ros.emulator.command_line import parser
from odyssey_ros.emulator.faults import ENDPOINTS, FAULTS

PAGE = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.split("|")] for line in PAGE.splitlines() if line.startswith("|")]
FLAGS = {
    option
    for action in parser()._actions
    for option in action.option_strings
    if option.startswith("--") and option not in {"--help", "--verbose"}
}


@pytest.mark.parametrize("flag", sorted(FLAGS))
def test_every_option_is_documented(flag):
    assert f"`{flag}`" in PAGE or f"`{flag} " in PAGE


@pytest.mark.parametrize("kind", FAULTS.values(), ids=FAULTS)
def test_every_fault_is_documented_with_its_mode_and_fields(kind):
    [row] = [row for row in ROWS if f"`{kind.name}`" in row[1]]
    assert row[2] == kind.mode
    for field in dataclasses.fields(kind):
        assert f"`{field.name}`" in row[3]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_endpoint_is_documented(endpoint):
    assert f"`{endpoint}`" in PAGE
