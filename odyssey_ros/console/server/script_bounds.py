"""The limits of script texts that pages send, checked before a text is expanded to scripts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.scripts import MAX_ENTRIES, MAX_SCRIPTS
from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.scripts.nodes import ListNode, PlacedError, ScalarNode
from odyssey_ros.dataset.scripts.script_files import SweepMode
from odyssey_ros.dataset.scripts.templates import entries_of, placeholders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odyssey_ros.dataset.scripts.nodes import Node
    from odyssey_ros.dataset.scripts.script_files import ScriptFile, ScriptTemplate

MAX_TEXT_BYTES: Final = 1024 * 1024
"""Size of a script text."""

MAX_VALUES: Final = 100_000
"""Values of a script text, keys and aliases included."""

MAX_JOB_BYTES: Final = 64 * 1024 * 1024
"""Size of all texts and images of a job, as the bridge limits it."""

MAX_JOB_VALUES: Final = 500_000
"""Values of all scripts together: 100 scripts of 1000 entries with prompts have fewer."""


def check_text_size(text: str) -> None:
    """Check the size of a script text before it is parsed.

    Raises:
        PlanError: The text is too large.
    """
    if len(text) > MAX_TEXT_BYTES or len(text.encode("utf-8", "replace")) > MAX_TEXT_BYTES:
        raise PlanError(
            "the script text has more than 1 MiB: submit fewer scripts at once, and attach images instead of "
            "writing them as data URLs"
        )


def check_expansion(file: ScriptFile) -> None:
    """Check what a file expands to, without expanding it.

    Raises:
        PlanError: The file asks for too many scripts, or its scripts are too large together.
    """
    points = _points(file)
    scripts = points * file.repeats * len(file.templates)
    if scripts > MAX_SCRIPTS:
        raise PlanError(
            f"the text asks for {scripts} scripts, but a job may have {MAX_SCRIPTS}: submit several jobs"
        )
    longest = {
        name: max(len(value.text) for value in values) for name, values in (file.variables or {}).items()
    }
    values = size = 0
    for template in file.templates:
        _check_entries(template)
        for node in _scalars(template.content):
            # Without variables, braces are text.
            names = [name for _, name in placeholders(template.label, node)] if longest else []
            values += points * (1 + len(names))
            size += points * file.repeats * (len(node.text) + sum(longest.get(name, 0) for name in names))
            if values > MAX_JOB_VALUES or size > MAX_JOB_BYTES:
                raise PlacedError(
                    node.place, "the scripts are too large together from here on: submit several jobs"
                )


def _points(file: ScriptFile) -> int:
    """Return the number of combinations of the variables."""
    lengths = [len(values) for values in (file.variables or {}).values()]
    return min(lengths) if lengths and file.sweep is SweepMode.ZIP else math.prod(lengths)


def _check_entries(template: ScriptTemplate) -> None:
    entries = entries_of(template.label, template.content)
    if isinstance(template.content, ListNode) and len(entries) > MAX_ENTRIES:
        raise PlacedError(
            template.content.items[MAX_ENTRIES].place,
            f"{template.label} has {len(entries)} entries, but a script may have {MAX_ENTRIES}: submit a "
            "shorter script",
        )


def _scalars(node: Node) -> Iterator[ScalarNode]:
    if isinstance(node, ScalarNode):
        yield node
        return
    for value in node.items if isinstance(node, ListNode) else node.fields.values():
        yield from _scalars(value)
