"""Placeholders in the texts of a script, and the values that replace them.

A placeholder is a name in braces, as in `{animal}`; `{{` and `}}` are plain braces. Prompts and images become
texts, and `timestamp_ms` becomes a number; all other values are checked with the script.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.scripts import scalars
from odyssey_ros.dataset.scripts.nodes import ListNode, MappingNode, PlacedError, ScalarNode, Style

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from odyssey_ros.dataset.scripts.nodes import Node

_TIME: Final = "timestamp_ms"
_PROMPT: Final = "prompt"
_IMAGE: Final = "image"


def entries_of(where: str, script: Node) -> list[tuple[str, Node]]:
    """Return the entries of a script that is not checked yet, each with its place for messages.

    Args:
        where: The place of the script, as in `scripts[1]`.
        script: The script; anything but a list has no entries.
    """
    if not isinstance(script, ListNode):
        return []
    return [(f"{where}[{at}]", entry) for at, entry in enumerate(script.items)]


def fill(where: str, node: Node, variables: Mapping[str, ScalarNode] | None, name: str = "") -> object:
    """Return an entry of a script as the client takes it, with values in the place of the placeholders.

    Args:
        where: The place of the entry, for messages.
        node: The entry, or a value inside of it.
        variables: The values; every placeholder has one. None leaves braces as they are.
        name: The key of the value.

    Raises:
        PlanError: A brace or a placeholder is malformed, or a value is not of the type that its key needs.
    """
    if name in {_TIME, _PROMPT, _IMAGE}:
        return _typed(where, node, variables, name)
    if isinstance(node, MappingNode):
        return {key: fill(where, value, variables, key) for key, value in node.fields.items()}
    if isinstance(node, ListNode):
        return [fill(where, value, variables) for value in node.items]
    return None if node.is_null else node.text


def _typed(where: str, node: Node, variables: Mapping[str, ScalarNode] | None, name: str) -> object:
    if name == _PROMPT and isinstance(node, ScalarNode) and node.style is Style.LITERAL and not node.is_null:
        # A program wrote a number or a truth value where the service needs a string.
        raise PlacedError(node.place, f"{where}: a prompt is a string: write {node.text} in double quotes")
    if name == _IMAGE and isinstance(node, ScalarNode) and node.is_null:
        return None
    value = node
    if isinstance(node, ScalarNode) and variables is not None:
        value = _filled(where, node, variables)
    label = f"{where}: {name}"
    return scalars.whole_number(label, value) if name == _TIME else scalars.text(label, value)


def _filled(where: str, node: ScalarNode, variables: Mapping[str, ScalarNode]) -> ScalarNode:
    """Return a scalar with values in the place of the placeholders; a single placeholder is the value."""
    pieces = _pieces(where, node)
    if len(pieces) == 1 and not pieces[0][0] and pieces[0][1] is not None:
        return variables[pieces[0][1]]
    text = "".join(text + ("" if name is None else variables[name].text) for text, name in pieces)
    return ScalarNode(text, node.style, node.place)


def placeholders(where: str, node: Node) -> Iterator[tuple[ScalarNode, str]]:
    """Yield each placeholder of an entry: the text that contains it, and its name.

    Raises:
        PlanError: A brace or a placeholder is malformed.
    """
    if isinstance(node, ScalarNode):
        yield from ((node, name) for _, name in _pieces(where, node) if name is not None)
        return
    for value in node.items if isinstance(node, ListNode) else node.fields.values():
        yield from placeholders(where, value)


def _pieces(where: str, node: ScalarNode) -> list[tuple[str, str | None]]:
    """Return a text as literal pieces, each with the name of the placeholder that follows, or None."""
    try:
        parsed = list(string.Formatter().parse(node.text))
    except ValueError as error:
        raise PlacedError(
            node.place, f"{where}: {node.text!r}: {error}; write a literal brace twice"
        ) from error
    for _, name, form, conversion in parsed:
        if name is not None and (not name.isidentifier() or form or conversion):
            raise PlacedError(
                node.place, f"{where}: {node.text!r}: a placeholder is a name in braces, as in {{animal}}"
            )
    return [(text, name) for text, name, _, _ in parsed]
