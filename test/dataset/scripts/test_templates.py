"""Placeholders found, checked and filled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.scripts.node_parsing import read_nodes
from odyssey_ros.dataset.scripts.nodes import Node, Place, ScalarNode, Style
from odyssey_ros.dataset.scripts.templates import entries_of, fill, placeholders

PLACE = Place(Path("walk.yaml"), 3, 5)


def _scalar(text: str, style: Style = Style.PLAIN) -> ScalarNode:
    return ScalarNode(text, style, PLACE)


def _node(folder: Path, value: object) -> Node:
    path = folder / "walk.json"
    path.write_text(json.dumps(value))
    node = read_nodes(path)
    assert node is not None
    return node


VARIABLES = {
    "animal": _scalar("a fox"),
    "weather": _scalar("rain"),
    "at": _scalar("1500"),
    "n": _scalar("007"),
}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ({"prompt": "{animal} in {weather}"}, {"prompt": "a fox in rain"}),
        ({"prompt": "{{animal}} {animal}"}, {"prompt": "{animal} a fox"}),
        ({"prompt": "{at}", "timestamp_ms": "{at}"}, {"prompt": "1500", "timestamp_ms": 1500}),
        ({"prompt": " {at}"}, {"prompt": " 1500"}),
        ({"prompt": "{n}"}, {"prompt": "007"}),
        (
            {"start": {"prompt": "{animal}", "image": "{n}.png"}},
            {"start": {"prompt": "a fox", "image": "007.png"}},
        ),
        ({"timestamp_ms": 0, "end": {}}, {"timestamp_ms": 0, "end": {}}),
        ({"end": None}, {"end": None}),
        ([["{at}"]], [["{at}"]]),
        ({"prompt": ""}, {"prompt": ""}),
        ({"image": None}, {"image": None}),
    ],
)
def test_values_replace_placeholders(template: Any, filled: Any, tmp_path: Path) -> None:
    assert fill("script[0]", _node(tmp_path, template), VARIABLES) == filled


def test_placeholders_of_nested_texts(tmp_path: Path) -> None:
    template = _node(tmp_path, {"a": ["{x}", {"b": "{y} and {x}"}], "c": 3})
    assert [(node.text, name) for node, name in placeholders("script[0]", template)] == [
        ("{x}", "x"),
        ("{y} and {x}", "y"),
        ("{y} and {x}", "x"),
    ]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{a", "write a literal brace twice"),
        ("a}", "write a literal brace twice"),
        ("{}", "a placeholder is a name in braces"),
        ("{a.b}", "a placeholder is a name in braces"),
        ("{a!r}", "a placeholder is a name in braces"),
        ("{a:3}", "a placeholder is a name in braces"),
    ],
)
def test_malformed_placeholders(template: str, text: str) -> None:
    with pytest.raises(PlanError, match=text) as caught:
        fill("script[1]", _scalar(template), {"a": _scalar("x")}, "prompt")
    assert str(caught.value).startswith("walk.yaml: line 3, column 5: script[1]: ")


def test_an_error_in_a_swept_value_has_the_place_of_the_value() -> None:
    value = ScalarNode("1_000", Style.PLAIN, Place(Path("walk.yaml"), 9, 1))
    with pytest.raises(PlanError, match=r"^walk.yaml: line 9, column 1: script\[1\]: timestamp_ms must be"):
        fill("script[1]", _scalar("{a}", Style.QUOTED), {"a": value}, "timestamp_ms")


def test_entries_have_their_place(tmp_path: Path) -> None:
    assert [where for where, _ in entries_of("script", _node(tmp_path, ["a", "b"]))] == [
        "script[0]",
        "script[1]",
    ]
    assert entries_of("script", _node(tmp_path, {"a": 1})) == []


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_a_text_with_doubled_braces_is_itself(text: str) -> None:
    node = _scalar(text.replace("{", "{{").replace("}", "}}"), Style.QUOTED)
    assert fill("script", node, {}, "prompt") == text
