"""Script files, YAML or JSON, parsed into typed values.

A file holds a script, a list of scripts, or a mapping::

    portrait: false                  # everything except `script` or `scripts` is optional
    bypass_prompt_expansion: false
    repeats: 2                       # number of episodes for each script
    variables:                       # prompts may refer to these: "{animal} in {weather}"
      animal: [a fox, a heron]
      weather: [rain, snow]
    sweep: product                   # every combination; zip combines values at the same position
    script:
      - {timestamp_ms: 0, start: {prompt: "{animal} in {weather}", image: start.png}}
      - {timestamp_ms: 5000, interact: {prompt: "the {weather} stops"}}
      - {timestamp_ms: 9000, end: {}}

Without `variables`, braces are plain text; with `variables`, `{{` and `}}` are. Prompts and the values of
variables are the texts as they are written, so `NO`, `007` and `1.0` stay what they are. A text that consists
of a single placeholder becomes the value as it is written, so that times can be swept too. Paths of images
are relative to the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.scripts import scalars
from odyssey_ros.dataset.scripts.node_parsing import parse_nodes, read_nodes
from odyssey_ros.dataset.scripts.nodes import (
    ListNode,
    MappingNode,
    PlacedError,
    ScalarNode,
    kind_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from odyssey_ros.dataset.scripts.nodes import Node

MAX_EPISODES: Final = 100_000
"""More than any account can run; a file that asks for more is a mistake."""

_KEYS: Final = frozenset(
    ("script", "scripts", "variables", "sweep", "repeats", "portrait", "bypass_prompt_expansion")
)


class SweepMode(Enum):
    """How the values of several variables are combined."""

    PRODUCT = "product"
    """Every combination."""

    ZIP = "zip"
    """The first values, the second values, and so on."""


@dataclass(frozen=True, slots=True)
class ScriptTemplate:
    """A script of a file, with placeholders and not checked yet.

    Attributes:
        label: Its place in the file, as in `script` or `scripts[1]`.
        content: The script as it is written.
    """

    label: str
    content: Node


@dataclass(frozen=True, slots=True)
class ScriptFile:
    """A parsed script file.

    Attributes:
        path: The file.
        templates: The scripts.
        portrait: 704x1280 instead of 1280x704; None when the file does not set it.
        bypass_prompt_expansion: Whether prompts are used unchanged; None leaves it to the service.
        repeats: Number of episodes for each script, from 1.
        variables: The values of each variable; None when the file has no `variables`.
        sweep: How the variables are combined.
    """

    path: Path
    templates: tuple[ScriptTemplate, ...]
    portrait: bool | None = None
    bypass_prompt_expansion: bool | None = None
    repeats: int = 1
    variables: Mapping[str, tuple[ScalarNode, ...]] | None = None
    sweep: SweepMode = SweepMode.PRODUCT


def read_script_file(path: Path) -> ScriptFile:
    """Read a script file. The scripts themselves are not checked.

    Raises:
        PlanError: The file cannot be read, or a setting is invalid; the text names the file and the reason.
    """
    return _script_file(path, read_nodes(path))


def parse_script_file(text: str, path: Path, *, max_values: int | None = None) -> ScriptFile:
    """Parse the text of a script file. No file is read, and the scripts themselves are not checked.

    Args:
        text: The text.
        path: The file for messages, which is JSON if its name ends with `.json`; it need not exist.
        max_values: Maximum number of values, aliases included; None for `nodes.MAX_VALUES`.

    Raises:
        PlanError: The text is no script file, or a setting is invalid; the text of the error names the file
            and the reason.
    """
    return _script_file(path, parse_nodes(text, path, max_values=max_values))


def _script_file(path: Path, document: Node | None) -> ScriptFile:
    settings = _settings(path, document)
    _check_keys(path, settings)
    fields = settings.fields
    bypass = fields.get("bypass_prompt_expansion")
    return ScriptFile(
        path=path,
        templates=_templates(fields),
        portrait=scalars.boolean("portrait", fields["portrait"]) if "portrait" in fields else None,
        bypass_prompt_expansion=(
            None
            if bypass is None or (isinstance(bypass, ScalarNode) and bypass.is_null)
            else scalars.boolean("bypass_prompt_expansion", bypass)
        ),
        repeats=_repeats(fields),
        variables=_variables(fields),
        sweep=_sweep(fields),
    )


def _settings(path: Path, document: Node | None) -> MappingNode:
    """Return the settings of a file, which may hold only a script, or only a list of scripts."""
    if isinstance(document, MappingNode):
        return document
    if not isinstance(document, ListNode) or not document.items:
        raise PlanError(f"{path}: a script file holds a script, a list of scripts, or a mapping with one")
    key = "scripts" if isinstance(document.items[0], ListNode) else "script"
    return MappingNode({key: document}, {key: document.place}, document.place)


def _check_keys(path: Path, settings: MappingNode) -> None:
    for key, place in settings.keys.items():
        if key not in _KEYS:
            raise PlacedError(place, f"unknown key {key!r}; known are {', '.join(sorted(_KEYS))}")
    if ("script" in settings.fields) == ("scripts" in settings.fields):
        raise PlanError(f"{path}: exactly one of script and scripts is needed")


def _repeats(settings: Mapping[str, Node]) -> int:
    if "repeats" not in settings:
        return 1
    repeats = scalars.whole_number("repeats", settings["repeats"])
    if not 1 <= repeats <= MAX_EPISODES:
        raise PlacedError(
            settings["repeats"].place, f"repeats must be a number from 1 to {MAX_EPISODES}, not {repeats}"
        )
    return repeats


def _templates(settings: Mapping[str, Node]) -> tuple[ScriptTemplate, ...]:
    if "script" in settings:
        return (ScriptTemplate("script", settings["script"]),)
    scripts = settings["scripts"]
    if not isinstance(scripts, ListNode) or not scripts.items:
        raise PlacedError(scripts.place, "scripts must be a list of scripts")
    return tuple(ScriptTemplate(f"scripts[{index}]", script) for index, script in enumerate(scripts.items))


def _variables(settings: Mapping[str, Node]) -> dict[str, tuple[ScalarNode, ...]] | None:
    variables = settings.get("variables")
    if variables is None or (isinstance(variables, ScalarNode) and variables.is_null):
        if "sweep" in settings:
            raise PlacedError(settings["sweep"].place, "sweep needs variables")
        return None
    if not isinstance(variables, MappingNode) or not variables.fields:
        raise PlacedError(variables.place, "variables must be a mapping of names to lists of values")
    for name, place in variables.keys.items():
        if not name.isidentifier():
            raise PlacedError(place, f"a variable's name is letters, digits and underscores, not {name!r}")
    return {name: _values(name, values) for name, values in variables.fields.items()}


def _values(name: str, values: Node) -> tuple[ScalarNode, ...]:
    if not isinstance(values, ListNode) or not values.items:
        raise PlacedError(values.place, f"the variable {name!r} needs a list of values")
    found: list[ScalarNode] = []
    for value in values.items:
        if not isinstance(value, ScalarNode):
            raise PlacedError(
                value.place,
                f"a value of the variable {name!r} must be a text or a number, not {kind_of(value)}",
            )
        scalars.text(f"a value of the variable {name!r}", value)
        found.append(value)
    return tuple(found)


def _sweep(settings: Mapping[str, Node]) -> SweepMode:
    mode = settings.get("sweep")
    if mode is None:
        return SweepMode.PRODUCT
    for known in SweepMode:
        if isinstance(mode, ScalarNode) and mode.text == known.value:
            return known
    raise PlacedError(mode.place, f"sweep must be product or zip, not {scalars.shown(mode)}")
