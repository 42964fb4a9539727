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

Without `variables`, braces are plain text; with `variables`, `{{` and `}}` are. A text that consists of a
single placeholder becomes the value with its type, so that times can be swept too. Paths of images are
relative to the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import yaml

from odyssey_ros.client.regular_file import RegularFileError, read_regular_file
from odyssey_ros.dataset.errors import PlanError

if TYPE_CHECKING:
    from pathlib import Path

Value: TypeAlias = str | int | float | bool

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""Maximum size of a script file, whose images may be data URLs."""

MAX_EPISODES: Final = 100_000
"""More than any account can run; a file that asks for more is a mistake."""

MAX_VALUES: Final = 1_000_000
"""More than a file of the maximum size has without aliases of aliases."""

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
        content: The parsed YAML or JSON.
    """

    label: str
    content: object


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
    variables: Mapping[str, tuple[Value, ...]] | None = None
    sweep: SweepMode = SweepMode.PRODUCT


def read_script_file(path: Path) -> ScriptFile:
    """Read a script file. The scripts themselves are not checked.

    Raises:
        PlanError: The file cannot be read, or a setting is invalid; the text names the file and the reason.
    """
    document = _load(path)
    _check_document(path, document)
    settings = document if isinstance(document, Mapping) else _bare_scripts(path, document)
    _check_keys(path, settings)
    return ScriptFile(
        path=path,
        templates=_templates(path, settings),
        portrait=_boolean(path, settings, "portrait") if "portrait" in settings else None,
        bypass_prompt_expansion=(
            None
            if settings.get("bypass_prompt_expansion") is None
            else _boolean(path, settings, "bypass_prompt_expansion")
        ),
        repeats=_repeats(path, settings),
        variables=_variables(path, settings),
        sweep=_sweep(path, settings),
    )


def _load(path: Path) -> object:
    try:
        text = read_regular_file(path, MAX_FILE_BYTES).decode("utf-8")
    except RegularFileError as error:
        raise PlanError(f"{path}: cannot be read: {error.reason}") from error
    except UnicodeDecodeError as error:
        raise PlanError(f"{path}: cannot be read: it is not UTF-8 text") from error
    try:
        if path.suffix.lower() == ".json":
            return cast("object", json.loads(text))
        return cast("object", yaml.safe_load(text))
    except json.JSONDecodeError as error:
        raise PlanError(f"{path}: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise PlanError(f"{path}: {where}{error.problem or 'not YAML'}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())  # PyYAML writes two lines
        raise PlanError(f"{path}: not {path.suffix or 'YAML'}: {reason}") from error


def _check_document(path: Path, document: object) -> None:
    r"""Refuse what YAML and JSON can express, but no dataset can hold.

    A lone surrogate, such as `"\ud800"`, is not a character, so the manifest could not be written. Aliases of
    YAML can make a value contain itself, or make a small file stand for billions of values.
    """
    try:
        values = _count_values(document, {}, set())
    except UnicodeEncodeError:
        raise PlanError(f"{path}: a text has a lone surrogate, which is not a character") from None
    except RecursionError:
        raise PlanError(f"{path}: a value contains itself, or is nested too deeply") from None
    if values > MAX_VALUES:
        raise PlanError(f"{path}: its aliases stand for more than {MAX_VALUES} values")


def _count_values(value: object, known: dict[int, int], above: set[int]) -> int:
    """Return the number of values with all aliases expanded; each shared value is visited once."""
    if isinstance(value, str):
        value.encode()
    if not isinstance(value, (Mapping, list)):
        return 1
    if id(value) in above:
        raise RecursionError
    if id(value) not in known:
        above.add(id(value))
        items = value if isinstance(value, list) else [*value.keys(), *value.values()]
        known[id(value)] = 1 + sum(_count_values(item, known, above) for item in items)
        above.discard(id(value))
    return known[id(value)]


def _bare_scripts(path: Path, document: object) -> Mapping[str, object]:
    """Return the settings of a file that holds only a script, or only a list of scripts."""
    if not isinstance(document, list) or not document:
        raise PlanError(f"{path}: a script file holds a script, a list of scripts, or a mapping with one")
    return {"scripts" if isinstance(document[0], list) else "script": document}


def _check_keys(path: Path, settings: Mapping[str, object]) -> None:
    unknown = [str(key) for key in settings if key not in _KEYS]
    if unknown:
        raise PlanError(f"{path}: unknown key {unknown[0]!r}; known are {', '.join(sorted(_KEYS))}")
    if ("script" in settings) == ("scripts" in settings):
        raise PlanError(f"{path}: exactly one of script and scripts is needed")


def _boolean(path: Path, settings: Mapping[str, object], key: str) -> bool:
    value = settings[key]
    if not isinstance(value, bool):
        raise PlanError(f"{path}: {key} must be true or false, not {value!r}")
    return value


def _repeats(path: Path, settings: Mapping[str, object]) -> int:
    repeats = settings.get("repeats", 1)
    if not isinstance(repeats, int) or isinstance(repeats, bool) or not 1 <= repeats <= MAX_EPISODES:
        raise PlanError(f"{path}: repeats must be a number from 1 to {MAX_EPISODES}, not {repeats!r}")
    return repeats


def _templates(path: Path, settings: Mapping[str, object]) -> tuple[ScriptTemplate, ...]:
    if "script" in settings:
        return (ScriptTemplate("script", settings["script"]),)
    scripts = settings["scripts"]
    if not isinstance(scripts, list) or not scripts:
        raise PlanError(f"{path}: scripts must be a list of scripts")
    return tuple(ScriptTemplate(f"scripts[{index}]", script) for index, script in enumerate(scripts))


def _variables(path: Path, settings: Mapping[str, object]) -> dict[str, tuple[Value, ...]] | None:
    variables = settings.get("variables")
    if variables is None:
        if "sweep" in settings:
            raise PlanError(f"{path}: sweep needs variables")
        return None
    if not isinstance(variables, Mapping) or not variables:
        raise PlanError(f"{path}: variables must be a mapping of names to lists of values")
    return {str(name): _values(path, str(name), values) for name, values in variables.items()}


def _values(path: Path, name: str, values: object) -> tuple[Value, ...]:
    if not name.isidentifier():
        raise PlanError(f"{path}: a variable's name is letters, digits and underscores, not {name!r}")
    if not isinstance(values, list) or not values:
        raise PlanError(f"{path}: the variable {name!r} needs a list of values")
    for value in values:
        if not isinstance(value, (str, int, float, bool)):
            raise PlanError(f"{path}: a value of the variable {name!r} is not a text or a number: {value!r}")
    return tuple(values)


def _sweep(path: Path, settings: Mapping[str, object]) -> SweepMode:
    mode = settings.get("sweep", SweepMode.PRODUCT.value)
    try:
        return SweepMode(mode)
    except ValueError:
        raise PlanError(f"{path}: sweep must be product or zip, not {mode!r}") from None
