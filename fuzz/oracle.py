"""Checks of what a parser returned or raised."""

from __future__ import annotations

import dataclasses
import enum
import math
import re
from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from odyssey_ros.client.errors import OdysseyError

SECRET = "ody_planted_secret_0123456789"  # noqa: S105 - planted where a parser must not repeat it
"""The key, token or query that an input may repeat and that no result may contain."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_BUT_NEWLINE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_MAX_FLOAT = 1.7e308


class OracleError(Exception):
    """A result or an error text is not what the parser documents. Never a documented exception itself."""


def check(condition: object, what: str) -> None:
    """Raise `OracleError` unless a documented property holds."""
    if not condition:
        raise OracleError(what)


def check_text(text: str, what: str = "a text", *, newlines: bool = False) -> None:
    """Check that a text is fit for a log, a topic and a terminal."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise OracleError(f"{what} holds a lone surrogate: {text[:80]!r}") from None
    unwanted = (_CONTROL_BUT_NEWLINE if newlines else _CONTROL).search(text)
    check(unwanted is None, f"{what} holds a control character: {text[:80]!r}")


def check_error(error: OdysseyError, *secrets: str) -> None:
    """Check every text of an error that the client raises, and that none repeats a secret."""
    for name in ("message", "reason", "action", "action_url", "advice", "details"):
        value = getattr(error, name)
        check_value(value, f"{type(error).__name__}.{name}")
        for secret in secrets:
            check(
                secret not in repr(value), f"{type(error).__name__}.{name} repeats a secret: {value!r:.200}"
            )
    wait_s = error.retry_after_s
    if wait_s is not None:
        check_number(wait_s, "retry_after_s", least=0.0)


def check_number(value: float, what: str, *, least: float = -math.inf, most: float = math.inf) -> None:
    """Check that a number is finite and within the documented range."""
    check(math.isfinite(value), f"{what} is not finite")
    check(least <= value <= most, f"{what} is {value!r}, which is not within {least:g} to {most:g}")


def check_value(value: object, what: str = "the result", *, newlines: bool = False) -> None:
    """Check all texts and numbers of a parsed value: dataclasses, mappings and sequences of them."""
    if isinstance(value, enum.Enum) or value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        check_text(value, what, newlines=newlines)
    elif isinstance(value, float):
        check_number(value, what)
    elif isinstance(value, int):
        check_number(float(value) if abs(value) < _MAX_FLOAT else math.inf, what)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            check_value(name, f"a name of {what}")
            check_value(item, f"{what}[{name!r}]", newlines=newlines)
    elif isinstance(value, (Sequence, Set)) and not isinstance(value, (bytes, bytearray)):
        for item in value:
            check_value(item, f"an item of {what}", newlines=newlines)
    elif dataclasses.is_dataclass(value):
        for entry in dataclasses.fields(value):
            check_value(getattr(value, entry.name), f"{what}.{entry.name}", newlines=newlines)
