"""Reading of JSON objects field by field."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.client.json_object import JsonObject, MalformedError

READERS = (
    "text",
    "optional_text",
    "integer",
    "optional_integer",
    "optional_number",
    "optional_object",
    "items",
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@given(anything, st.sampled_from(READERS))
def test_every_reader_returns_its_type_or_raises(value, reader):
    kinds = {
        "text": str,
        "integer": int,
        "items": list,
        "optional_number": (int, float),
        "optional_integer": int,
    }
    try:
        result = getattr(JsonObject({"x": value}), reader)("x")
    except MalformedError as error:
        assert str(value) not in str(error) or len(str(value)) < 8  # noqa: PT017 - not every input raises
        return
    if reader.startswith("optional"):
        assert result is None or isinstance(result, kinds.get(reader, (str, JsonObject)))
    else:
        assert isinstance(result, kinds[reader])
    if isinstance(result, float):
        assert math.isfinite(result)


@given(st.text() | st.binary() | anything.map(json.dumps))
def test_any_input_is_an_object_or_refused(text):
    try:
        JsonObject.parse(text)
    except MalformedError:
        return
    assert isinstance(json.loads(text), dict)


def test_deep_nesting_is_refused():
    with pytest.raises(MalformedError):
        JsonObject.parse("[" * 100_000)


def test_defaults_and_lists():
    fields = JsonObject({"n": None, "list": [{"a": 1}, {}], "five": 5.0, "large": 10**400, "half": 0.5})
    assert fields.integer("n", default=3) == 3
    assert fields.integer("five") == 5
    assert [item.to_dict() for item in fields.objects("list")] == [{"a": 1}, {}]
    for name, reader in (
        ("n", "integer"),
        ("large", "optional_number"),
        ("half", "integer"),
        ("five", "items"),
    ):
        with pytest.raises(MalformedError):
            getattr(fields, reader)(name)
