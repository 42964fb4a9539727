"""Nodes of script files: aliases, merge keys and limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.scripts import nodes
from odyssey_ros.dataset.scripts.nodes import (
    ListNode,
    MappingNode,
    NodeBuilder,
    Place,
    ScalarNode,
    Style,
    kind_of,
)

PATH = Path("walk.yaml")


def _place(line: int) -> Place:
    return Place(PATH, line, 1)


def _mapping(builder: NodeBuilder, line: int, *pairs: tuple[str, str], anchor: str | None = None) -> None:
    builder.begin(MappingNode({}, {}, _place(line)), anchor)
    for key, value in pairs:
        builder.scalar(key, Style.PLAIN, _place(line))
        builder.scalar(value, Style.PLAIN, _place(line))
    builder.end()


def test_a_merged_key_does_not_replace_one_of_the_mapping() -> None:
    builder = NodeBuilder()
    builder.begin(ListNode([], _place(1)))
    _mapping(builder, 1, ("a", "1"), ("b", "2"), anchor="x")
    _mapping(builder, 2, ("b", "3"), ("c", "4"), anchor="y")
    builder.begin(MappingNode({}, {}, _place(3)))
    builder.scalar("<<", Style.PLAIN, _place(3))
    builder.begin(ListNode([], _place(3)))
    builder.alias("x", _place(3))
    builder.alias("y", _place(3))
    builder.end()
    builder.scalar("a", Style.PLAIN, _place(4))
    builder.scalar("5", Style.PLAIN, _place(4))
    builder.end()
    builder.end()
    assert isinstance(builder.root, ListNode)
    merged = builder.root.items[2]
    assert isinstance(merged, MappingNode)
    texts = {key: node.text for key, node in merged.fields.items() if isinstance(node, ScalarNode)}
    assert texts == {"a": "5", "b": "2", "c": "4"}
    assert {key: place.line for key, place in merged.keys.items()} == {"a": 4, "b": 1, "c": 2}


def test_a_merge_key_in_quotes_is_a_key() -> None:
    builder = NodeBuilder()
    builder.begin(MappingNode({}, {}, _place(1)))
    builder.scalar("<<", Style.QUOTED, _place(1))
    builder.scalar("x", Style.PLAIN, _place(1))
    builder.end()
    assert isinstance(builder.root, MappingNode)
    assert list(builder.root.fields) == ["<<"]


def test_a_new_anchor_replaces_one_of_the_same_name() -> None:
    builder = NodeBuilder()
    builder.begin(ListNode([], _place(1)))
    builder.scalar("1", Style.PLAIN, _place(1), "x")
    builder.alias("x", _place(1))
    builder.scalar("2", Style.PLAIN, _place(2), "x")
    builder.alias("x", _place(2))
    builder.end()
    assert isinstance(builder.root, ListNode)
    assert [node.text for node in builder.root.items if isinstance(node, ScalarNode)] == ["1", "1", "2", "2"]


def test_values_and_levels_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "MAX_VALUES", 5)
    builder = NodeBuilder()
    builder.begin(ListNode([], _place(1)))
    _mapping(builder, 1, ("a", "1"), anchor="x")
    with pytest.raises(PlanError, match=r"^walk.yaml: line 2, column 1: the file has more than 5 values"):
        builder.alias("x", _place(2))
    monkeypatch.setattr(nodes, "MAX_DEPTH", 2)
    builder = NodeBuilder()
    builder.begin(ListNode([], _place(1)))
    builder.begin(ListNode([], _place(2)))
    with pytest.raises(
        PlanError, match=r"^walk.yaml: line 3, column 1: a value is nested more than 2 levels"
    ):
        builder.begin(ListNode([], _place(3)))


@pytest.mark.parametrize(
    ("text", "style", "null"),
    [
        ("", Style.PLAIN, True),
        ("~", Style.PLAIN, True),
        ("Null", Style.PLAIN, True),
        ("null", Style.LITERAL, True),
        ("null", Style.QUOTED, False),
        ("", Style.QUOTED, False),
        ("nULL", Style.PLAIN, False),
    ],
)
def test_null(text: str, style: Style, null: bool) -> None:
    node = ScalarNode(text, style, _place(1))
    assert node.is_null is null
    assert kind_of(node) == "a text"
