"""Combinations of variables."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.client.scripts import check_script
from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.scripts.nodes import ListNode, MappingNode, Place, ScalarNode, Style
from odyssey_ros.dataset.scripts.plans import script_of
from odyssey_ros.dataset.scripts.script_files import ScriptFile, ScriptTemplate, SweepMode
from odyssey_ros.dataset.scripts.sweep import combinations

PLACE = Place(Path("walk.yaml"), 1, 1)
WORDS = st.text(st.characters(categories=["L"]), min_size=1, max_size=4)


def _scalar(text: str) -> ScalarNode:
    return ScalarNode(text, Style.QUOTED, PLACE)


def _entry(timestamp_ms: str, action: str, **fields: str) -> MappingNode:
    node = MappingNode({key: _scalar(text) for key, text in fields.items()}, {}, PLACE)
    return MappingNode(
        {"timestamp_ms": ScalarNode(timestamp_ms, Style.PLAIN, PLACE), action: node}, {}, PLACE
    )


def _file(prompt: str, sweep: SweepMode = SweepMode.PRODUCT, **variables: tuple[Any, ...]) -> ScriptFile:
    script = ListNode([_entry("0", "start", prompt=prompt), _entry("2000", "end")], PLACE)
    values = {name: tuple(_scalar(str(value)) for value in column) for name, column in variables.items()}
    return ScriptFile(PLACE.path, (ScriptTemplate("script", script),), variables=values or None, sweep=sweep)


def _points(file: ScriptFile) -> list[dict[str, str]]:
    return [{name: node.text for name, node in (point or {}).items()} for point in combinations(file)]


def test_without_variables_there_is_one_point() -> None:
    assert combinations(_file("{a}")) == [None]


def test_a_product_has_every_combination() -> None:
    assert _points(_file("{a}{b}", a=("x", "y"), b=("1", "2"))) == [
        {"a": "x", "b": "1"},
        {"a": "x", "b": "2"},
        {"a": "y", "b": "1"},
        {"a": "y", "b": "2"},
    ]


def test_zip_combines_values_at_the_same_position() -> None:
    file = _file("{a}{b}", SweepMode.ZIP, a=("x", "y"), b=("1", "2"))
    assert _points(file) == [{"a": "x", "b": "1"}, {"a": "y", "b": "2"}]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (_file("{a}{b}", SweepMode.ZIP, a=(1, 2), b=(1,)), "as many values of each variable"),
        (_file("{a}{b}", a=tuple(range(1000)), b=tuple(range(1000))), "more than 100000 episodes"),
        (_file("{b}", a=("x",)), "names 'b', which is not among the variables a"),
        (_file("{a}", a=("x",), b=("y",)), "the variable 'b' is not used"),
    ],
)
def test_sweeps_that_are_refused(file: ScriptFile, text: str) -> None:
    with pytest.raises(PlanError, match=text):
        combinations(file)


@given(st.dictionaries(st.sampled_from("abc"), st.lists(WORDS, min_size=1, max_size=3), min_size=1), WORDS)
def test_every_point_of_a_sweep_gives_a_valid_script(variables: dict[str, list[str]], text: str) -> None:
    prompt = text + "".join(f"{{{name}}} {{{{{name}}}}}" for name in variables)
    file = _file(prompt, **{name: tuple(values) for name, values in variables.items()})
    points = combinations(file)
    assert len(points) == math.prod(map(len, variables.values()))
    for values in points:
        assert values is not None
        script = script_of(file.path, file.templates[0], values)
        check_script(script)
        expected = text + "".join(f"{value.text} {{{name}}}" for name, value in values.items())
        assert script[0]["start"]["prompt"] == expected
