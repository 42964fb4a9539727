"""Placeholders in the texts of a script, and the values that replace them.

A placeholder is a name in braces, as in `{animal}`; `{{` and `}}` are plain braces. A text that consists of a
single placeholder becomes the value with its type.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import TYPE_CHECKING

from odyssey_ros.dataset.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odyssey_ros.dataset.script_files import Value


def entries_of(where: str, script: object) -> list[tuple[str, object]]:
    """Return the entries of a script that is not checked yet, each with its place for messages.

    Args:
        where: The place of the script, as in `walk.yaml: scripts[1]`.
        script: The script; anything but a list has no entries.
    """
    return [(f"{where}[{at}]", entry) for at, entry in enumerate(script)] if isinstance(script, list) else []


def fill(where: str, template: object, variables: Mapping[str, Value]) -> object:
    """Return a template with the values in the place of the placeholders of every text.

    Args:
        where: The place of the template, for messages.
        template: A text, a mapping, a list, or any other value, which stays as it is.
        variables: The values; every placeholder has one.

    Raises:
        PlanError: A brace or a placeholder is malformed.
    """
    if isinstance(template, Mapping):
        return {key: fill(where, value, variables) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(where, value, variables) for value in template]
    if not isinstance(template, str):
        return template
    pieces = _pieces(where, template)
    if len(pieces) == 1 and not pieces[0][0] and pieces[0][1] is not None:
        return variables[pieces[0][1]]
    return "".join(text + ("" if name is None else str(variables[name])) for text, name in pieces)


def placeholders(where: str, template: object) -> Iterator[tuple[str, str]]:
    """Yield each placeholder of a template: the text that contains it, and its name.

    Raises:
        PlanError: A brace or a placeholder is malformed.
    """
    if isinstance(template, Mapping):
        template = list(template.values())
    if isinstance(template, list):
        for value in template:
            yield from placeholders(where, value)
    elif isinstance(template, str):
        yield from ((template, name) for _, name in _pieces(where, template) if name is not None)


def _pieces(where: str, template: str) -> list[tuple[str, str | None]]:
    """Return a text as literal pieces, each with the name of the placeholder that follows, or None."""
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise PlanError(f"{where}: {template!r}: {error}; write a literal brace twice") from error
    for _, name, form, conversion in parsed:
        if name is not None and (not name.isidentifier() or form or conversion):
            raise PlanError(f"{where}: {template!r}: a placeholder is a name in braces, as in {{animal}}")
    return [(text, name) for text, name, _, _ in parsed]
