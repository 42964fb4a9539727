"""A JSON object from the service, read field by field into typed values."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.redaction import redact
from odyssey_ros.client.service_text import clean_text, is_plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MAX_VALUES: Final = 200_000
_MAX_DIGITS: Final = 40
_MAX_TEXT: Final = 16_384
_MAX_IDENTIFIER: Final = 512
_MAX_QUANTITY: Final = 2**53  # a float holds every integer up to this


class MalformedError(ValueError):
    """The input does not follow the protocol. The text names the field, never its value."""


def is_encodable(text: str) -> bool:
    r"""Return whether a string can be encoded as UTF-8. A lone surrogate, JSON's `"\ud800"`, cannot."""
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
        """Parse JSON text that must hold an object. Its size must be bounded by the caller.

        A text with more than 200,000 values is malformed, since a value of two bytes takes a hundred bytes of
        memory. An integer of more than 40 digits reads as infinity. NaN and infinity are not JSON, but some
        services write them: the field that holds one is malformed, not the whole text.
        """
        try:
            if _count_values(text) > _MAX_VALUES:
                raise MalformedError("too many values")
            value: object = json.loads(text, parse_int=_parse_integer, parse_constant=float)
        except (ValueError, RecursionError) as error:
            if isinstance(error, MalformedError):
                raise
            raise MalformedError("not JSON") from None
        return cls.of(value)

    @classmethod
    def of(cls, value: object) -> JsonObject:
        """Wrap a decoded JSON value that must be an object."""
        if not isinstance(value, dict):
            raise MalformedError("not a JSON object")
        return cls(value)

    def text(self, name: str) -> str:
        """Return a string that must be present and not empty."""
        value = self.optional_text(name)
        if not value:
            raise MalformedError(f"{name} must be a string")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a string, or None.

        A string with a character that `clean_text` removes, such as a line break, is malformed, and so is one
        of more than 16,384 characters.
        """
        value = self._optional_string(name)
        if value is None or (len(value) <= _MAX_TEXT and is_plain(value)):
            return value
        raise MalformedError(f"{name} must be a string of printable characters")

    def identifier(self, name: str) -> str:
        """Return an identifier, which may be published: at most 512 characters, and no secret."""
        value = self.text(name)
        if len(value) > _MAX_IDENTIFIER or redact(value) != value:
            raise MalformedError(f"{name} must be an identifier")
        return value

    def document(self, name: str) -> str:
        """Return a text of several lines that must be present, such as a session description."""
        value = self._optional_string(name)
        if not value or not is_encodable(value):
            raise MalformedError(f"{name} must be a text")
        return value

    def message(self, name: str) -> str:
        """Return a text for users, cleaned and bounded by `clean_text`; empty when the field is absent."""
        return clean_text(self._optional_string(name) or "")

    def optional_prompt(self, name: str) -> str | None:
        """Return a prompt, cleaned by `clean_text`, or None."""
        value = self._optional_string(name)
        return None if value is None else clean_text(value, is_prompt=True)

    def integer(self, name: str, default: int | None = None) -> int:
        """Return an integer; `default` when the field is absent."""
        value = self.optional_integer(name)
        if value is None:
            value = default
        if value is None:
            raise MalformedError(f"{name} must be an integer")
        return value

    def optional_integer(self, name: str) -> int | None:
        """Return an integer, or None. JSON has one number type, so 5.0 is an integer."""
        value = self.optional_number(name)
        if value is None:
            return None
        if value != int(value):
            raise MalformedError(f"{name} must be an integer")
        return int(value)

    def optional_number(self, name: str) -> float | None:
        """Return a finite number, or None."""
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

    def optional_count(self, name: str) -> int | None:
        """Return an integer from 0 to 2^53; None for any other value, such as a negative or enormous one."""
        number = self.optional_quantity(name)
        return None if number is None or number != int(number) else int(number)

    def optional_quantity(self, name: str) -> float | None:
        """Return a number from 0 to 2^53; None for any other value."""
        value = self._fields.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MAX_QUANTITY:
            return None
        return float(value)

    def optional_object(self, name: str) -> JsonObject | None:
        """Return an object, or None."""
        value = self._fields.get(name)
        return None if value is None else self.of(value)

    def objects(self, name: str) -> Iterator[JsonObject]:
        """Yield the objects of a list; none when the field is absent."""
        for item in self.items(name):
            yield self.of(item)

    def items(self, name: str) -> list[object]:
        """Return a list; empty when the field is absent."""
        value = self._fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise MalformedError(f"{name} must be a list")
        return value

    def get(self, name: str) -> object:
        """Return a field unchecked; None when it is absent."""
        return self._fields.get(name)

    def to_dict(self) -> dict[str, object]:
        """Return all fields unchecked."""
        return dict(self._fields)

    def details(self, name: str) -> dict[str, object]:
        """Return the strings, numbers and booleans of an object; empty when the field is absent.

        Names and strings are cleaned by `clean_text`; nested values are left out.
        """
        value = self.optional_object(name)
        return {
            clean_text(key): clean_text(fact) if isinstance(fact, str) else fact
            for key, fact in ({} if value is None else value.to_dict()).items()
            if fact is None
            or isinstance(fact, (str, int))
            or (isinstance(fact, float) and math.isfinite(fact))
        }

    def _optional_string(self, name: str) -> str | None:
        value = self._fields.get(name)
        if value is None or isinstance(value, str):
            return value
        raise MalformedError(f"{name} must be a string")


def _count_values(text: str | bytes) -> int:
    """Return an upper bound of the number of values in a JSON text."""
    if isinstance(text, str):
        return text.count(",") + text.count("[") + text.count("{") + 1
    return text.count(b",") + text.count(b"[") + text.count(b"{") + 1


def _parse_integer(digits: str) -> int | float:
    return math.inf if len(digits) > _MAX_DIGITS else int(digits)
