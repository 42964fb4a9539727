"""Sweeps: the combinations of the variables of a script file."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.scripts.nodes import PlacedError
from odyssey_ros.dataset.scripts.script_files import MAX_EPISODES, SweepMode
from odyssey_ros.dataset.scripts.templates import entries_of, placeholders

if TYPE_CHECKING:
    from odyssey_ros.dataset.scripts.nodes import ScalarNode
    from odyssey_ros.dataset.scripts.script_files import ScriptFile


def combinations(file: ScriptFile) -> list[dict[str, ScalarNode] | None]:
    """Return the values of the variables at each point of the sweep; a single None without variables.

    Raises:
        PlanError: The sweep is too large, its variables do not fit together, or the placeholders of the
            scripts do not match the variables.
    """
    if file.variables is None:
        return [None]
    _check_placeholders(file)
    names, columns = list(file.variables), list(file.variables.values())
    if file.sweep is SweepMode.PRODUCT:
        if math.prod(map(len, columns)) > MAX_EPISODES:
            raise PlanError(f"{file.path}: the sweep has more than {MAX_EPISODES} episodes")
        return [dict(zip(names, values, strict=True)) for values in itertools.product(*columns)]
    lengths = {name: len(column) for name, column in file.variables.items()}
    if len(set(lengths.values())) > 1:
        raise PlanError(f"{file.path}: a zip sweep needs as many values of each variable, not {lengths}")
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _check_placeholders(file: ScriptFile) -> None:
    """Refuse a placeholder without a variable, and a variable without a placeholder."""
    variables = file.variables or {}
    used: set[str] = set()
    for template in file.templates:
        for where, entry in entries_of(template.label, template.content):
            for node, name in placeholders(where, entry):
                if name not in variables:
                    known = ", ".join(variables)
                    raise PlacedError(
                        node.place,
                        f"{where}: {node.text!r} names {name!r}, which is not among the variables {known}",
                    )
                used.add(name)
    for name in variables:
        if name not in used:
            raise PlacedError(
                variables[name][0].place, f"the variable {name!r} is not used", where=str(file.path)
            )
