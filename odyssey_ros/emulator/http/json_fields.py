"""Reads JSON requests field by field with expected types; an unexpected field raises `InvalidFieldError`."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class InvalidFieldError(ValueError):
    """A field of an incoming object is missing or has the wrong type.

    Attributes:
        path: the keys that lead to the field, outermost first.
        problem: what is wrong with the field, as a sentence fragment.
    """

    def __init__(self, path: tuple[str | int, ...], problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        # The keys are from outside, and the text goes to logs and terminals.
        keys = (str(key) for key in self.path)
        shown = [key if key.isprintable() else repr(key) for key in keys]
        return f"{'.'.join(shown) or 'body'}: {self.problem}"


class InvalidQueryError(InvalidFieldError):
    """A value in the query of a URL is invalid."""


class Fields:
    """One JSON object, read field by field with the expected types.

    Every reader raises `InvalidFieldError` for a field of another type and for a missing required field.

    Args:
        values: the decoded object.
        path: the keys that lead to the object in the whole body, for error messages.
    """

    def __init__(self, values: Mapping[str, object], path: tuple[str | int, ...] = ()) -> None:
        self._values = values
        self._path = path

    @classmethod
    def parse(cls, text: str | bytes) -> Fields:
        """Decode `text`, which must hold one JSON object.

        Raises:
            InvalidFieldError: the text is not JSON, or not an object.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            raise InvalidFieldError((), "not valid JSON") from None
        return cls.of(values)

    @classmethod
    def of(cls, value: object, path: tuple[str | int, ...] = ()) -> Fields:
        """Wrap a decoded value that must be an object.

        Raises:
            InvalidFieldError: the value is no object.
        """
        if not isinstance(value, dict):
            raise InvalidFieldError(path, "must be an object")
        return cls(value, path)

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def names(self) -> frozenset[str]:
        """Return the names of all fields, null fields included."""
        return frozenset(self._values)

    def raw(self, name: str) -> object:
        """Return the unchecked value of a field; None when absent."""
        return self._values.get(name)

    def path_of(self, name: str) -> tuple[str | int, ...]:
        """Return the path of the field `name`, for an error about it."""
        return (*self._path, name)

    def string(self, name: str, default: str | None = None) -> str:
        """Return a string.

        An absent or null field gives `default`, or is an error when that is None.
        """
        value = self._values.get(name)
        if value is None:
            if default is None:
                raise InvalidFieldError(self.path_of(name), "field required")
            return default
        if not isinstance(value, str):
            raise InvalidFieldError(self.path_of(name), "must be a string")
        return value

    def optional_string(self, name: str) -> str | None:
        """Return a string, or None when absent or null."""
        return self.string(name) if name in self else None

    def boolean(self, name: str, *, default: bool) -> bool:
        """Return a boolean; an absent or null field gives `default`."""
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise InvalidFieldError(self.path_of(name), "must be a boolean")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """Return a finite number.

        An absent or null field gives `default`, or is an error when that is None.
        """
        value = self._values.get(name)
        if value is None:
            if default is None:
                raise InvalidFieldError(self.path_of(name), "field required")
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not _is_finite(value):
            raise InvalidFieldError(self.path_of(name), "must be a number")
        return float(value)

    def integer(self, name: str, default: int | None = None) -> int:
        """Return an integer.

        An absent or null field gives `default`, or is an error when that is None.
        """
        value = self._values.get(name)
        if value is None:
            if default is None:
                raise InvalidFieldError(self.path_of(name), "field required")
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidFieldError(self.path_of(name), "must be an integer")
        return value

    def optional_integer(self, name: str) -> int | None:
        """Return an integer, or None when absent or null."""
        return self.integer(name) if name in self else None

    def items(self, name: str) -> list[object]:
        """Return the unchecked items of a required array."""
        value = self._values.get(name)
        if not isinstance(value, list):
            raise InvalidFieldError(
                self.path_of(name), "field required" if value is None else "must be an array"
            )
        return value

    def fields(self, name: str) -> Fields | None:
        """Return a nested object, or None when absent or null."""
        value = self._values.get(name)
        return None if value is None else Fields.of(value, self.path_of(name))

    def integers_by_name(self, name: str) -> dict[str, int]:
        """Return an object whose values are all integers; empty when absent or null."""
        nested = self.fields(name)
        return {} if nested is None else {key: nested.integer(key) for key in nested.names()}


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that is no float
        return False
