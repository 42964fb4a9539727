"""Script files, and the sweeps that make many episodes of one template.

A file is YAML or JSON and holds a script, a list of scripts, or a mapping::

    portrait: false                  # all but `script` or `scripts` is optional
    bypass_prompt_expansion: false
    repeats: 2                       # every script so many times
    variables:                       # prompts may name these: "{animal} in {weather}"
      animal: [a fox, a heron]
      weather: [rain, snow]
    sweep: product                   # every combination; or zip: the first with the first, and so on
    script:
      - {timestamp_ms: 0, start: {prompt: "{animal} in {weather}", image: start.png}}
      - {timestamp_ms: 5000, interact: {prompt: "the {weather} stops"}}
      - {timestamp_ms: 9000, end: {}}

Without `variables` braces are plain text; with them, ``{{`` and ``}}`` are. A text that is one placeholder
and nothing else becomes the value with its type, so that times can be swept too. Paths of images are relative
to the file.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import string
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import yaml

from odyssey_ros.client.errors import OdysseyScriptError
from odyssey_ros.client.scripts import check_script
from odyssey_ros.dataset.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from odyssey_ros.client.scripts import ScriptEntry

MAX_EPISODES: Final = 100_000
"""More than any account can run; a sweep beyond it is a slip."""

_KEYS: Final = frozenset(
    ("script", "scripts", "variables", "sweep", "repeats", "portrait", "bypass_prompt_expansion")
)
_Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class EpisodePlan:
    """One episode to be simulated.

    Attributes:
        name: Names the episode's bag; the same for the same file name and content, on every machine.
        source: The file, and which of its scripts.
        script: The script as it will be submitted, checked; images are absolute paths or data URLs.
        portrait: 704x1280 rather than 1280x704.
        bypass_prompt_expansion: Whether prompts are used as they are; None leaves it to the service.
        variables: The values of this combination.
    """

    name: str
    source: str
    script: tuple[ScriptEntry, ...]
    portrait: bool
    bypass_prompt_expansion: bool | None
    variables: Mapping[str, _Value]


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of the work: number `index`, from 1, of `count`."""

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``i/n``.

        Raises:
            PlanError: It is not that, or not 1 <= i <= n.
        """
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        shard = cls(int(match[1]), int(match[2])) if match else None
        if shard is None or not 1 <= shard.index <= shard.count:
            raise PlanError(f"a shard is i/n with i from 1 to n, as in 2/4, not {text!r}")
        return shard

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def of(self, count: int) -> range:
        """The places, of `count` places in all, that belong to this shard."""
        return range(self.index - 1, count, self.count)

    def takes(self, name: str) -> bool:
        """Whether something of this name belongs to this shard, whatever else there is."""
        return zlib.crc32(name.encode()) % self.count == self.index - 1


def read_plans(paths: Iterable[Path], *, portrait: bool = True) -> list[EpisodePlan]:
    """Read script files and work out their sweeps.

    Args:
        paths: The files.
        portrait: For files that do not say it themselves.

    Raises:
        PlanError: A file cannot be read or used; the text says which, where in it, and why.
    """
    plans: list[EpisodePlan] = []
    for path in paths:
        for plan in _plans_of(path, portrait=portrait):
            plans.append(plan)
            if len(plans) > MAX_EPISODES:
                raise PlanError(f"{path}: the sweep has more than {MAX_EPISODES} episodes")
    if not plans:
        raise PlanError("no script files were given")
    twice = [name for name, count in Counter(plan.name for plan in plans).items() if count > 1]
    if twice:
        sources = sorted({plan.source for plan in plans if plan.name == twice[0]})
        raise PlanError(f"the same file is given twice, or in copies: {' and '.join(sources)}")
    return plans


def _plans_of(path: Path, *, portrait: bool) -> Iterator[EpisodePlan]:
    document = _load(path)
    settings = document if isinstance(document, Mapping) else _bare(path, document)
    _check_keys(path, settings)
    portrait = _boolean(path, settings, "portrait") if "portrait" in settings else portrait
    bypass = settings.get("bypass_prompt_expansion")
    if bypass is not None:
        bypass = _boolean(path, settings, "bypass_prompt_expansion")
    repeats = settings.get("repeats", 1)
    if not isinstance(repeats, int) or isinstance(repeats, bool) or not 1 <= repeats <= MAX_EPISODES:
        raise PlanError(f"{path}: repeats must be a number from 1, not {repeats!r}")
    occurrences: Counter[str] = Counter()
    combinations = _combinations(path, settings)
    for label, template in _templates(path, settings):
        for variables, repeat in itertools.product(combinations, range(repeats)):
            script = _script(path, label, template, variables)
            where = f"{_point(path, variables)}: {label}[0] (start at 0 ms)"
            digest = _digest(where, script, portrait=portrait, bypass=bypass)
            # Equal scripts are wanted: each is dreamt anew.
            occurrences[digest] += 1
            ending = f"-{occurrences[digest]}" if occurrences[digest] > 1 else ""
            yield EpisodePlan(
                name=f"{_slug(path.stem)}-{digest}{ending}",
                source=f"{path.name}: {label}" + (f" (repeat {repeat + 1})" if repeat else ""),
                script=script,
                portrait=portrait,
                bypass_prompt_expansion=bypass,
                variables=variables or {},
            )


def _load(path: Path) -> object:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise PlanError(f"{path}: cannot be read: {reason}") from error
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
        raise PlanError(f"{path}: not {path.suffix or 'YAML'}: {error}") from error


def _bare(path: Path, document: object) -> Mapping[str, object]:
    """A file that holds a script, or a list of them, and nothing else."""
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


def _templates(path: Path, settings: Mapping[str, object]) -> list[tuple[str, object]]:
    if "script" in settings:
        return [("script", settings["script"])]
    scripts = settings["scripts"]
    if not isinstance(scripts, list) or not scripts:
        raise PlanError(f"{path}: scripts must be a list of scripts")
    return [(f"scripts[{index}]", script) for index, script in enumerate(scripts)]


def _combinations(path: Path, settings: Mapping[str, object]) -> list[dict[str, _Value] | None]:
    """The values of each point of the sweep; a single None when there are no variables."""
    variables = settings.get("variables")
    if variables is None:
        if "sweep" in settings:
            raise PlanError(f"{path}: sweep needs variables")
        return [None]
    if not isinstance(variables, Mapping) or not variables:
        raise PlanError(f"{path}: variables must be a mapping of names to lists of values")
    names = [str(name) for name in variables]
    columns = [_values(path, name, values) for name, values in zip(names, variables.values(), strict=True)]
    _check_placeholders(path, settings, names)
    way = settings.get("sweep", "product")
    if way == "product":
        size = 1
        for column in columns:
            size *= len(column)
        if size > MAX_EPISODES:
            raise PlanError(f"{path}: the sweep has more than {MAX_EPISODES} episodes")
        return [dict(zip(names, values, strict=True)) for values in itertools.product(*columns)]
    if way != "zip":
        raise PlanError(f"{path}: sweep must be product or zip, not {way!r}")
    lengths = {name: len(column) for name, column in zip(names, columns, strict=True)}
    if len(set(lengths.values())) > 1:
        raise PlanError(f"{path}: a zip sweep needs as many values of each variable, not {lengths}")
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _check_placeholders(path: Path, settings: Mapping[str, object], names: Sequence[str]) -> None:
    """Refuse what names no variable, and variables that nothing names."""
    used: set[str] = set()
    for label, script in _templates(path, settings):
        for where, entry in _entries(f"{path}: {label}", script):
            for text, name in _placeholders(where, entry):
                if name not in names:
                    known = ", ".join(names)
                    raise PlanError(
                        f"{where}: {text!r} names {name!r}, which is not among the variables {known}"
                    )
                used.add(name)
    for name in names:
        if name not in used:
            raise PlanError(f"{path}: the variable {name!r} is not used")


def _values(path: Path, name: str, values: object) -> list[_Value]:
    if not name.isidentifier():
        raise PlanError(f"{path}: a variable's name is letters, digits and underscores, not {name!r}")
    if not isinstance(values, list) or not values:
        raise PlanError(f"{path}: the variable {name!r} needs a list of values")
    for value in values:
        if not isinstance(value, (str, int, float, bool)):
            raise PlanError(f"{path}: the variable {name!r} has a value that is no text or number: {value!r}")
    return list(values)


def _script(
    path: Path, label: str, template: object, variables: Mapping[str, _Value] | None
) -> tuple[ScriptEntry, ...]:
    where = _point(path, variables)
    script = template
    if variables is not None and isinstance(template, list):
        script = [_filled(at, entry, variables) for at, entry in _entries(f"{path}: {label}", template)]
    try:
        check_script(script)
    except OdysseyScriptError as error:
        raise PlanError(f"{where}: {str(error).replace('script', label, 1)}") from error
    entries = [dict(entry) for entry in cast("Sequence[Mapping[str, Any]]", script)]
    start = dict(entries[0]["start"])
    image = start.pop("image", None)
    if image is not None:
        if not isinstance(image, str):
            raise PlanError(f"{where}: {label}[0] (start at 0 ms): image must be a path or a data URL")
        start["image"] = image if image.startswith("data:") else str((path.parent / image).absolute())
    entries[0]["start"] = start
    return tuple(cast("list[ScriptEntry]", entries))


def _point(path: Path, variables: Mapping[str, _Value] | None) -> str:
    """The words that name a file and a point of its sweep."""
    point = ", ".join(f"{name}={value}" for name, value in (variables or {}).items())
    return f"{path} with {point}" if point else str(path)


def _entries(where: str, script: object) -> list[tuple[str, object]]:
    """The entries of a script that may not be one yet, each with the words that name it."""
    return [(f"{where}[{at}]", entry) for at, entry in enumerate(script)] if isinstance(script, list) else []


def _filled(where: str, template: object, variables: Mapping[str, _Value]) -> object:
    """Put the values into every text of a template."""
    if isinstance(template, Mapping):
        return {key: _filled(where, value, variables) for key, value in template.items()}
    if isinstance(template, list):
        return [_filled(where, value, variables) for value in template]
    if not isinstance(template, str):
        return template
    pieces = _pieces(where, template)
    if len(pieces) == 1 and not pieces[0][0] and pieces[0][1] is not None:
        return variables[pieces[0][1]]
    return "".join(text + ("" if name is None else str(variables[name])) for text, name in pieces)


def _placeholders(where: str, template: object) -> Iterator[tuple[str, str]]:
    """The variables that a template names, each with the text that names it."""
    if isinstance(template, Mapping):
        template = list(template.values())
    if isinstance(template, list):
        for value in template:
            yield from _placeholders(where, value)
    elif isinstance(template, str):
        yield from ((template, name) for _, name in _pieces(where, template) if name is not None)


def _pieces(where: str, template: str) -> list[tuple[str, str | None]]:
    """A text as literal pieces, each followed by a placeholder's name or by nothing."""
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise PlanError(f"{where}: {template!r}: {error}; a brace itself is written twice") from error
    for _, name, form, conversion in parsed:
        if name is not None and (not name.isidentifier() or form or conversion):
            raise PlanError(f"{where}: {template!r}: a placeholder is a name in braces, as in {{animal}}")
    return [(text, name) for text, name, _, _ in parsed]


def _digest(where: str, script: Sequence[ScriptEntry], *, portrait: bool, bypass: bool | None) -> str:
    """What names the content of an episode: any change of what is submitted changes it.

    Args:
        where: The words that name its first entry, for errors.
        script: The script.
        portrait: As in the plan.
        bypass: As in the plan.
    """
    start = dict(script[0]["start"])
    image = start.pop("image", None)
    if isinstance(image, str):
        start["image"] = _image_digest(where, image)
    content = {
        "script": [{**script[0], "start": start}, *script[1:]],
        "portrait": portrait,
        "bypass_prompt_expansion": bypass,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _image_digest(where: str, image: str) -> str:
    if image.startswith("data:"):
        return hashlib.sha256(image.encode()).hexdigest()
    try:
        with open(image, "rb") as file:  # noqa: PTH123 - a path of the file's, as text
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise PlanError(f"{where}: cannot read the image {image}: {reason}") from error


def _slug(text: str) -> str:
    """A text as part of a file name and of a bag name."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_") or "script"
