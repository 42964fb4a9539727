"""JSON requests are read field by field with their expected types."""

from __future__ import annotations

import pytest

from odyssey_ros.emulator.http.json_fields import Fields, InvalidFieldError


def test_fields_of_the_expected_types_are_returned():
    fields = Fields.parse('{"s": "x", "b": true, "i": 3, "f": 1.5, "n": null, "o": {"k": 1}, "a": [1]}')
    assert fields.string("s") == "x"
    assert fields.string("n", "default") == "default"
    assert fields.optional_string("n") is None
    assert fields.boolean("b", default=False) is True
    assert fields.boolean("n", default=True) is True
    assert fields.integer("i") == 3
    assert fields.optional_integer("n") is None
    assert fields.number("i") == 3.0
    assert fields.number("f") == 1.5
    assert fields.integers_by_name("o") == {"k": 1}
    assert fields.integers_by_name("n") == {}
    assert fields.items("a") == [1]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("{", lambda f: f),
        ("3", lambda f: f),
        ("[" * 200_000, lambda f: f),
        ('{"x": 1}', lambda f: f.string("x")),
        ("{}", lambda f: f.string("x")),
        ('{"x": "true"}', lambda f: f.boolean("x", default=True)),
        ('{"x": true}', lambda f: f.integer("x")),
        ('{"x": 1.5}', lambda f: f.integer("x")),
        ('{"x": true}', lambda f: f.number("x")),
        ('{"x": NaN}', lambda f: f.number("x")),
        ('{"x": "1"}', lambda f: f.number("x")),
        ("{}", lambda f: f.items("x")),
        ('{"x": {}}', lambda f: f.items("x")),
        ('{"x": 3}', lambda f: f.fields("x")),
        ('{"x": {"y": 1.5}}', lambda f: f.integers_by_name("x")),
    ],
)
def test_other_fields_are_errors(text, read):
    with pytest.raises(InvalidFieldError):
        read(Fields.parse(text))


def test_an_error_has_the_path_and_not_the_value():
    with pytest.raises(InvalidFieldError) as error:
        Fields.parse('{"o": {"k": "secret"}}').integers_by_name("o")
    assert error.value.path == ("o", "k")
    assert str(error.value) == "o.k: must be an integer"


def test_an_error_shows_unprintable_keys_escaped():
    """The text goes to logs and terminals, and a key may be anything."""
    assert str(InvalidFieldError(("a", 0, "b"), "is wrong")) == "a.0.b: is wrong"
    assert str(InvalidFieldError(("a\x1b[31m\n",), "is wrong")) == r"'a\x1b[31m\n': is wrong"
