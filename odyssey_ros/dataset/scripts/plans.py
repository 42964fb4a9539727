"""Plans: the episodes that script files ask for, each with a checked script and a stable name."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from odyssey_ros.client.errors import OdysseyScriptError
from odyssey_ros.client.image_limits import MAX_IMAGE_BYTES
from odyssey_ros.client.regular_file import RegularFileError, read_regular_file
from odyssey_ros.client.scripts import check_script
from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.paths import HomeFolderError, user_path
from odyssey_ros.dataset.scripts.nodes import ListNode, MappingNode, PlacedError, kind_of
from odyssey_ros.dataset.scripts.scalars import json_value
from odyssey_ros.dataset.scripts.script_files import MAX_EPISODES, read_script_file
from odyssey_ros.dataset.scripts.sweep import combinations
from odyssey_ros.dataset.scripts.templates import entries_of, fill

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from odyssey_ros.client.scripts import ScriptEntry
    from odyssey_ros.dataset.scripts.nodes import Node, Place, ScalarNode
    from odyssey_ros.dataset.scripts.scalars import Value
    from odyssey_ros.dataset.scripts.script_files import ScriptFile, ScriptTemplate

# A file name has at most 255 bytes, also `.<slug>-<digest>-<repeat>.partial`.
_MAX_SLUG: Final = 227


@dataclass(frozen=True, slots=True)
class EpisodePlan:
    """One episode to be simulated.

    Attributes:
        name: The name of the episode's bag. The same file name and content give the same name on every
            machine.
        source: The file, and which of its scripts.
        script: The script as it will be submitted, checked; images are absolute paths or data URLs.
        portrait: 704x1280 instead of 1280x704.
        bypass_prompt_expansion: Whether prompts are used unchanged; None leaves it to the service.
        variables: The values of this combination. A value that JSON would write in another way than the file
            is a text.
        same_as: The name of the episode before it that has the same script, unless `repeats` asks for both.
    """

    name: str
    source: str
    script: tuple[ScriptEntry, ...]
    portrait: bool
    bypass_prompt_expansion: bool | None
    variables: Mapping[str, Value]
    same_as: str | None = None


def read_plans(paths: Iterable[Path], *, portrait: bool = True) -> list[EpisodePlan]:
    """Read script files and expand their sweeps.

    Args:
        paths: The files.
        portrait: The orientation for files that do not set it.

    Raises:
        PlanError: A file cannot be read or used; the text names the file, the entry and the reason.
    """
    plans: list[EpisodePlan] = []
    for path in paths:
        for plan in _plans_of(read_script_file(path), portrait=portrait):
            plans.append(plan)
            if len(plans) > MAX_EPISODES:
                raise PlanError(f"{path}: the sweep has more than {MAX_EPISODES} episodes")
    if not plans:
        raise PlanError("no script files were given")
    duplicates = [name for name, count in Counter(plan.name for plan in plans).items() if count > 1]
    if duplicates:
        sources = sorted({plan.source for plan in plans if plan.name == duplicates[0]})
        raise PlanError(f"the same file, or a copy of it, is given twice: {' and '.join(sources)}")
    return plans


def _plans_of(file: ScriptFile, *, portrait: bool) -> Iterator[EpisodePlan]:
    """Yield the episodes of a file; `portrait` is for a file that does not set it."""
    portrait = portrait if file.portrait is None else file.portrait
    bypass = file.bypass_prompt_expansion
    occurrences: Counter[str] = Counter()
    points = combinations(file)
    for template in file.templates:
        for variables, repeat in itertools.product(points, range(file.repeats)):
            script = script_of(file.path, template, variables)
            where = f"{_point(file.path, variables)}: {template.label}[0] (start at 0 ms)"
            digest = _digest(where, script, portrait=portrait, bypass=bypass)
            # Equal scripts are no mistake: each of them is generated again.
            occurrences[digest] += 1
            name = f"{_slug(file.path.stem)}-{digest}"
            suffix = f"-{occurrences[digest]}" if occurrences[digest] > 1 else ""
            yield EpisodePlan(
                name=name + suffix,
                source=f"{file.path.name}: {template.label}" + (f" (repeat {repeat + 1})" if repeat else ""),
                script=script,
                portrait=portrait,
                bypass_prompt_expansion=bypass,
                variables={name: json_value(value) for name, value in (variables or {}).items()},
                same_as=name if occurrences[digest] > repeat + 1 else None,
            )


def script_of(
    path: Path, template: ScriptTemplate, variables: Mapping[str, ScalarNode] | None
) -> tuple[ScriptEntry, ...]:
    """Return the checked script of a template at one point of the sweep; None without variables.

    Raises:
        PlanError: The script is invalid; the text names the file, the point, the entry and the reason.
    """
    checked = checked_script(path, template, variables)
    start = checked[0]["start"]
    image = start.pop("image", None)
    if image is not None:
        entry = f"{_point(path, variables)}: {template.label}[0] (start at 0 ms)"
        start["image"] = image if image.startswith("data:") else _image_path(entry, path, image)
    return tuple(cast("list[ScriptEntry]", checked))


def checked_script(
    path: Path, template: ScriptTemplate, variables: Mapping[str, ScalarNode] | None
) -> list[dict[str, Any]]:
    """Return the checked entries of a template at one point of the sweep. No file is read.

    The image of the first entry is the text that the file contains: a data URL or a path.

    Raises:
        PlanError: The script is invalid; the text names the file, the point, the entry and the reason.
    """
    content = template.content
    if not isinstance(content, ListNode):
        raise PlacedError(
            content.place, f"{template.label} must be a list of entries, not {kind_of(content)}"
        )
    script = [fill(label, entry, variables) for label, entry in entries_of(template.label, content)]
    try:
        check_script(script, name=template.label)
    except OdysseyScriptError as error:
        raise PlacedError(_place_of(content, error), str(error), where=_point(path, variables)) from error
    checked = [dict(entry) for entry in cast("list[Mapping[str, Any]]", script)]
    checked[0]["start"] = dict(checked[0]["start"])
    return checked


def _place_of(content: ListNode, error: OdysseyScriptError) -> Place:
    """Return the place of a mistake in a script; that of the mapping in which something is missing."""
    if error.entry is None:
        return content.place
    node: Node = content.items[error.entry]
    place = node.place
    for depth, name in enumerate(error.fields, start=1):
        if not isinstance(node, MappingNode) or not isinstance(name, str) or name not in node.fields:
            break
        is_wrong_key = error.is_key and depth == len(error.fields)
        place = node.keys[name] if is_wrong_key else node.fields[name].place
        node = node.fields[name]
    return place


def _image_path(where: str, path: Path, image: str) -> str:
    """Return the absolute path of an image of a script file; `~` is the home folder."""
    try:
        return str((path.parent / user_path(image)).absolute())
    except HomeFolderError as error:
        raise PlanError(f"{where}: image: {error}") from error


def _point(path: Path, variables: Mapping[str, ScalarNode] | None) -> str:
    """Return the name of a file and a point of its sweep, for messages."""
    point = ", ".join(f"{name}={_shown(value.text)}" for name, value in (variables or {}).items())
    return f"{path} with {point}" if point else str(path)


def _shown(text: str) -> str:
    """Return a value for a message, which has one line."""
    return text if text.isprintable() else repr(text)


def _digest(where: str, script: Sequence[ScriptEntry], *, portrait: bool, bypass: bool | None) -> str:
    """Return a digest of everything that is submitted for an episode.

    Args:
        where: The place of the first entry, for messages.
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
        return hashlib.sha256(read_regular_file(image, MAX_IMAGE_BYTES)).hexdigest()
    except RegularFileError as error:
        raise PlanError(f"{where}: cannot read the image {image}: {error.reason}") from error


def _slug(text: str) -> str:
    """Return a text as part of a file name and of a bag name."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")[:_MAX_SLUG] or "script"
