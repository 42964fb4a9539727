"""Types for the values of a script file.

A spelling that YAML, or another reader, would understand as something else is refused, with the place and
the remedy.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final, TypeAlias

from odyssey_ros.dataset.scripts.nodes import Node, PlacedError, ScalarNode, Style, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

Value: TypeAlias = str | int | float | bool

_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,14})")
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,15}")
_KEPT_CONTROLS: Final = "\t\n"


def boolean(name: str, node: Node) -> bool:
    """Return a setting that is `true` or `false`.

    Args:
        name: The name of the setting, for messages.
        node: Its value.

    Raises:
        PlanError: It is something else, such as `yes`, which is true in some versions of YAML only.
    """
    if isinstance(node, ScalarNode) and node.text in _BOOLEANS and node.style is not Style.QUOTED:
        return _BOOLEANS[node.text]
    raise PlacedError(node.place, f"{name} must be true or false{_without_quotes(node, _BOOLEANS)}")


def whole_number(name: str, node: Node) -> int:
    """Return a whole number, which has at most 15 decimal digits.

    Args:
        name: The name of the number, for messages.
        node: Its value.

    Raises:
        PlanError: It is something else, or is spelled in a way that has several meanings, such as `1_000`,
            `0o17`, `017`, `12:30` and `1e3`.
    """
    if isinstance(node, ScalarNode) and node.style is not Style.QUOTED and _WHOLE.fullmatch(node.text):
        return int(node.text)
    quoted = [node.text] if isinstance(node, ScalarNode) and _WHOLE.fullmatch(node.text) else []
    raise PlacedError(
        node.place,
        f"{name} must be a whole number in decimal digits, such as 5000{_without_quotes(node, quoted)}",
    )


def text(name: str, node: Node) -> str:
    """Return a text as it is written.

    Args:
        name: The name of the text, for messages.
        node: Its value.

    Raises:
        PlanError: It is a list, a mapping, null, or has a character that no label can hold.
    """
    if not isinstance(node, ScalarNode):
        raise PlacedError(
            node.place,
            f"{name} must be a text, not {kind_of(node)}: put a text that begins with {{ or [ in quotes",
        )
    if node.is_null:
        written = f"{node.text!r} means that there is none" if node.text else "it is missing"
        quoted = f', or "{node.text}" for this word' if node.text else ""
        raise PlacedError(
            node.place, f'{name} must be a text, but {written}: write "" for an empty text{quoted}'
        )
    for character in node.text:
        if unicodedata.category(character) == "Cc" and character not in _KEPT_CONTROLS:
            raise PlacedError(
                node.place,
                f"{name} has the control character U+{ord(character):04X}, which no label can "
                "hold: remove it",
            )
    return node.text


def json_value(node: ScalarNode) -> Value:
    """Return a value for JSON, which writes it exactly as it is written in the file.

    A number stays a number only if its spelling is that of JSON: 7, but not 007, which is the text "007".
    """
    if node.style is Style.QUOTED:
        return node.text
    if _WHOLE.fullmatch(node.text) and str(int(node.text)) == node.text:
        return int(node.text)
    if _DECIMAL.fullmatch(node.text) and repr(float(node.text)) == node.text:
        return float(node.text)
    return {"true": True, "false": False}.get(node.text, node.text)


def shown(node: Node) -> str:
    """Return a value for a message, in one line."""
    return repr(node.text) if isinstance(node, ScalarNode) else kind_of(node)


def _without_quotes(node: Node, valid: Sequence[str] | dict[str, bool]) -> str:
    if isinstance(node, ScalarNode) and node.style is Style.QUOTED and node.text in valid:
        return f" without quotes, not {node.text!r}"
    return f", not {shown(node)}"
