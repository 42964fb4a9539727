"""Texts, styles and places of the values of YAML and JSON files; refused files are in test_scalars.py."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.dataset.scripts.node_parsing import read_nodes
from odyssey_ros.dataset.scripts.nodes import ListNode, MappingNode, Node, ScalarNode, Style

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=10,
)


def _read(folder: Path, name: str, text: str) -> Node | None:
    path = folder / name
    path.write_bytes(text.encode())
    return read_nodes(path)


def _scalars(node: Node | None) -> Iterator[ScalarNode]:
    if isinstance(node, ScalarNode):
        yield node
    elif isinstance(node, ListNode):
        for item in node.items:
            yield from _scalars(item)
    elif node is not None:
        for value in node.fields.values():
            yield from _scalars(value)


def test_values_of_yaml(tmp_path: Path) -> None:
    node = _read(tmp_path, "x.yaml", "\ufeffa: [NO, 'NO',\n  007]\nb: |\n  x\nc: !!str 7\nd:\ne: >-\n y\n")
    assert [
        (scalar.text, scalar.style, scalar.place.line, scalar.place.column) for scalar in _scalars(node)
    ] == [
        ("NO", Style.PLAIN, 1, 5),
        ("NO", Style.QUOTED, 1, 9),
        ("007", Style.PLAIN, 2, 3),
        ("x\n", Style.QUOTED, 3, 4),
        ("7", Style.QUOTED, 5, 4),
        ("", Style.PLAIN, 6, 3),
        ("y", Style.QUOTED, 7, 4),
    ]
    assert isinstance(node, MappingNode)
    assert {key: place.line for key, place in node.keys.items()} == {"a": 1, "b": 3, "c": 5, "d": 6, "e": 7}


def test_values_of_json(tmp_path: Path) -> None:
    node = _read(tmp_path, "x.JSON", '\ufeff{"a": [1.0,\r\n\t-2e5, "\\"\\n"],\n\n"b":null, "true"\n:true}')
    assert [
        (scalar.text, scalar.style, scalar.place.line, scalar.place.column) for scalar in _scalars(node)
    ] == [
        ("1.0", Style.LITERAL, 1, 8),
        ("-2e5", Style.LITERAL, 2, 2),
        ('"\n', Style.QUOTED, 2, 8),
        ("null", Style.LITERAL, 4, 5),
        ("true", Style.LITERAL, 5, 2),
    ]
    assert isinstance(node, MappingNode)
    assert {key: place.line for key, place in node.keys.items()} == {"a": 1, "b": 4, "true": 4}


def test_an_empty_file(tmp_path: Path) -> None:
    assert _read(tmp_path, "x.yaml", "# nothing\n") is None


def _plain(node: Node | None) -> Any:
    """Return the values with the types that JSON gives them."""
    if isinstance(node, ListNode):
        return [_plain(item) for item in node.items]
    if isinstance(node, MappingNode):
        return {key: _plain(value) for key, value in node.fields.items()}
    assert isinstance(node, ScalarNode)
    return node.text if node.style is Style.QUOTED else json.loads(node.text)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_json_is_read_as_the_json_module_reads_it(
    tmp_path_factory: pytest.TempPathFactory, value: object, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert _plain(_read(tmp_path_factory.getbasetemp(), "x.json", text)) == value


@pytest.mark.parametrize("name", ["x.yaml", "x.json"])
def test_two_escape_sequences_of_utf_16_are_one_character(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(r'["\ud83e\udd8a"]')
    node = read_nodes(path)
    assert isinstance(node, ListNode)
    [item] = node.items
    assert isinstance(item, ScalarNode)
    assert item.text == "\U0001f98a"
