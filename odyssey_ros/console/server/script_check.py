"""Script texts of pages, checked and expanded as the dataset tool does it, without reading any file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.console.server.script_bounds import (
    MAX_VALUES,
    check_expansion,
    check_text_size,
)
from odyssey_ros.console.server.script_images import ScriptImageError, check_image
from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.scripts.nodes import ListNode, MappingNode, PlacedError
from odyssey_ros.dataset.scripts.plans import checked_script
from odyssey_ros.dataset.scripts.scalars import json_value
from odyssey_ros.dataset.scripts.script_files import parse_script_file
from odyssey_ros.dataset.scripts.sweep import combinations

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from odyssey_ros.dataset.scripts.nodes import Node, Place, ScalarNode
    from odyssey_ros.dataset.scripts.scalars import Value
    from odyssey_ros.dataset.scripts.script_files import ScriptFile, ScriptTemplate

DEFAULT_NAME: Final = "script.yaml"

_ACTIONS: Final = ("start", "interact", "end")
_MAX_MESSAGE: Final = 500
_MAX_ERRORS: Final = 20


@dataclass(frozen=True, slots=True)
class TextError:
    """A mistake in a script text.

    Attributes:
        message: The reason.
        line: The line, from 1; None when the mistake is nowhere in particular.
        column: The column in characters, from 1.
    """

    message: str
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class TextEntry:
    """An entry of a checked script.

    Attributes:
        timestamp_ms: The time.
        action: `start`, `interact` or `end`.
        prompt: The prompt; empty at the end.
        image: A data URL or the name of an attached picture; None without an image.
    """

    timestamp_ms: int
    action: str
    prompt: str = ""
    image: str | None = None


@dataclass(frozen=True, slots=True)
class TextScript:
    """A checked script.

    Attributes:
        label: Its place in the text, as in `scripts[1]`.
        repeat: Which of its repetitions it is, from 0.
        variables: The values at this point of the sweep.
        entries: The entries.
    """

    label: str
    repeat: int
    variables: Mapping[str, Value]
    entries: tuple[TextEntry, ...]

    @property
    def duration_s(self) -> float:
        """The length of the video."""
        return self.entries[-1].timestamp_ms / 1000


@dataclass(frozen=True, slots=True)
class CheckedText:
    """The result of a check.

    Attributes:
        errors: The mistakes; `scripts` can be submitted if there are none.
        scripts: The expanded scripts without mistakes.
        portrait: 704x1280 instead of 1280x704.
        portrait_in_text: Whether the text sets `portrait`.
        bypass_prompt_expansion: Whether prompts are used unchanged; None leaves it to the service.
    """

    errors: tuple[TextError, ...]
    scripts: tuple[TextScript, ...] = ()
    portrait: bool = False
    portrait_in_text: bool = False
    bypass_prompt_expansion: bool | None = None


def check_script_text(
    text: str,
    *,
    name: str = DEFAULT_NAME,
    portrait: bool = False,
    attached: Collection[str] = (),
    max_prompt_length: int | None = None,
) -> CheckedText:
    """Check and expand a script text. Blocks for up to some seconds for the largest texts.

    Args:
        text: The text of a script file.
        name: The name of the file, which is JSON if it ends with `.json`. No file is read.
        portrait: The orientation for a text that does not set it.
        attached: The names of the attached pictures.
        max_prompt_length: The limit of the node in characters; None does not check it.
    """
    path = Path(PurePosixPath(name).name or DEFAULT_NAME)
    try:
        check_text_size(text)
        file = parse_script_file(text, path, max_values=MAX_VALUES)
        check_expansion(file)
        points = combinations(file)
    except PlanError as error:
        return CheckedText((_text_error(path, error),))
    check = _Check(file, attached, max_prompt_length)
    for template in file.templates:
        check.expand(template, points)
        if len(check.errors) >= _MAX_ERRORS:
            break
    return CheckedText(
        tuple(check.errors),
        tuple(check.scripts),
        portrait=portrait if file.portrait is None else file.portrait,
        portrait_in_text=file.portrait is not None,
        bypass_prompt_expansion=file.bypass_prompt_expansion,
    )


class _Check:
    """Expands the templates of a file, and collects the first mistake of each."""

    def __init__(self, file: ScriptFile, attached: Collection[str], max_prompt_length: int | None) -> None:
        self.errors: list[TextError] = []
        self.scripts: list[TextScript] = []
        self._file = file
        self._attached = attached
        self._max_prompt_length = max_prompt_length
        self._images: set[str] = set()  # the valid ones

    def expand(self, template: ScriptTemplate, points: list[dict[str, ScalarNode] | None]) -> None:
        """Expand a template, up to the point of the sweep at which it has a mistake."""
        found = []
        for variables in points:
            try:
                script = checked_script(self._file.path, template, variables)
                entries = self._entries(template, script)
            except PlanError as error:
                self.errors.append(_text_error(self._file.path, error, variables))
                return
            values = {name: json_value(value) for name, value in (variables or {}).items()}
            found += [
                TextScript(template.label, repeat, values, entries) for repeat in range(self._file.repeats)
            ]
        self.scripts += found

    def _entries(self, template: ScriptTemplate, script: list[dict[str, Any]]) -> tuple[TextEntry, ...]:
        entries = []
        for index, fields in enumerate(script):
            action = next(action for action in _ACTIONS if action in fields)
            prompt = fields[action].get("prompt", "")
            if self._max_prompt_length is not None and len(prompt) > self._max_prompt_length:
                raise PlacedError(
                    _place(template, index, action, "prompt"),
                    f"{template.label}[{index}]: the prompt has {len(prompt)} characters, but at most "
                    f"{self._max_prompt_length} are allowed: shorten it",
                )
            image = fields[action].get("image")
            if image is not None and image not in self._images:
                try:
                    check_image(image, self._attached)
                except ScriptImageError as error:
                    raise PlacedError(
                        _place(template, index, action, "image"), f"{template.label}[{index}]: {error}"
                    ) from None
                self._images.add(image)
            entries.append(TextEntry(fields["timestamp_ms"], action, prompt, image))
        return tuple(entries)


def _place(template: ScriptTemplate, *keys: int | str) -> Place:
    """Return the place of a value of a template."""
    node: Node = template.content
    for key in keys:
        if isinstance(node, ListNode) and isinstance(key, int):
            node = node.items[key]
        elif isinstance(node, MappingNode) and isinstance(key, str):
            node = node.fields[key]
    return node.place


def _text_error(path: Path, error: PlanError, variables: Mapping[str, ScalarNode] | None = None) -> TextError:
    if isinstance(error, PlacedError):
        message, place = error.reason, error.place
        point = ", ".join(f"{name}={value.text[:40]!r}" for name, value in (variables or {}).items())
        shown = f"{message} (with {point})" if point else message
        return TextError(_shortened(shown), place.line, place.column)
    return TextError(_shortened(str(error).removeprefix(f"{path}: ")))


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_MESSAGE else f"{text[:_MAX_MESSAGE]}…"
