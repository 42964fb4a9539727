"""A JSON object from outside, read field by field into typed values."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class MalformedError(ValueError):
    """What came is not what the protocol says. The text names the field, never its value."""


def is_encodable(text: str) -> bool:
    r"""Whether a string can be sent on. JSON's `"\ud800"`, half a character, is a string that cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class JsonObject:
    """A JSON object whose fields are checked as they are read.

    An optional field that is absent or null reads as None. Every reader raises `MalformedError` for a field
    of the wrong type, and, unless it is an optional reader, for one that is missing.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, object]) -> None:
        self._fields = fields

    @classmethod
    def parse(cls, text: str | bytes) -> JsonObject:
        """Read JSON text that must hold an object."""
        try:
            value: object = json.loads(text)
        except (ValueError, RecursionError):
            raise MalformedError("not JSON") from None
        return cls.of(value)

    @classmethod
    def of(cls, value: object) -> JsonObject:
        """Take a decoded JSON value that must be an object."""
        if not isinstance(value, dict):
            raise MalformedError("not a JSON object")
        return cls(value)

    def text(self, name: str) -> str:
        """A string that must be there and not be empty."""
        value = self.optional_text(name)
        if not value:
            raise MalformedError(f"{name} must be a string")
        return value

    def optional_text(self, name: str) -> str | None:
        """A string, or None."""
        value = self._fields.get(name)
        if value is None or (isinstance(value, str) and is_encodable(value)):
            return value
        raise MalformedError(f"{name} must be a string")

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number; `default` when it is absent."""
        value = self.optional_integer(name)
        if value is None:
            value = default
        if value is None:
            raise MalformedError(f"{name} must be a whole number")
        return value

    def optional_integer(self, name: str) -> int | None:
        """A whole number, or None. JSON knows one kind of number, so 5.0 is whole."""
        value = self.optional_number(name)
        if value is None:
            return None
        if value != int(value):
            raise MalformedError(f"{name} must be a whole number")
        return int(value)

    def optional_number(self, name: str) -> float | None:
        """A finite number, or None."""
        value = self._fields.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise MalformedError(f"{name} must be a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise MalformedError(f"{name} must be a finite number")
        return number

    def optional_object(self, name: str) -> JsonObject | None:
        """An object, or None."""
        value = self._fields.get(name)
        return None if value is None else self.of(value)

    def objects(self, name: str) -> Iterator[JsonObject]:
        """The objects of a list; nothing when it is absent."""
        for item in self.items(name):
            yield self.of(item)

    def items(self, name: str) -> list[object]:
        """A list; empty when it is absent."""
        value = self._fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise MalformedError(f"{name} must be a list")
        return value

    def get(self, name: str) -> object:
        """A field as it came; None when it is absent."""
        return self._fields.get(name)

    def to_dict(self) -> dict[str, object]:
        """All fields as they came."""
        return dict(self._fields)
