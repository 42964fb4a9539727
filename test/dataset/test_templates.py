"""Placeholders found, checked and filled."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.templates import entries_of, fill, placeholders


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{animal} in {weather}", "a fox in rain"),
        ("{{animal}} {animal}", "{animal} a fox"),
        ("{at}", 1500),
        (" {at}", " 1500"),
        ({"prompt": "{animal}", "at": "{at}"}, {"prompt": "a fox", "at": 1500}),
        (["{at}", ["{animal}"]], [1500, ["a fox"]]),
        (3, 3),
        (None, None),
        ("", ""),
    ],
)
def test_values_replace_placeholders(template: Any, filled: Any) -> None:
    assert fill("script[0]", template, {"animal": "a fox", "weather": "rain", "at": 1500}) == filled


def test_placeholders_of_nested_texts() -> None:
    template = {"a": ["{x}", {"b": "{y} and {x}"}], "c": 3}
    assert list(placeholders("script[0]", template)) == [
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
        fill("walk.yaml: script[1]", [template], {"a": "x"})
    assert str(caught.value).startswith("walk.yaml: script[1]: ")


def test_entries_have_their_place() -> None:
    assert entries_of("script", ["a", "b"]) == [("script[0]", "a"), ("script[1]", "b")]
    assert entries_of("script", {"a": 1}) == []


@given(st.text())
def test_a_text_with_doubled_braces_is_itself(text: str) -> None:
    assert fill("script", text.replace("{", "{{").replace("}", "}}"), {}) == text
