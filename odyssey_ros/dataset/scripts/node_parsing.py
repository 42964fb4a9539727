"""YAML and JSON files, read as nodes that keep the text and the place of every value."""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING, Final, NoReturn

import yaml

from odyssey_ros.client.regular_file import RegularFileError, read_regular_file
from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.scripts.nodes import (
    ListNode,
    MappingNode,
    Node,
    NodeBuilder,
    Place,
    PlacedError,
    Style,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""Maximum size of a script file, whose images may be data URLs."""

_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_YAML_LINE_BREAKS: Final = re.compile("[\x85\u2028\u2029]")
_YAML_TAG: Final = "tag:yaml.org,2002:"
_JSON_TOKEN: Final = re.compile(r'[\[\]{}"]|[^\s,:\[\]{}"]+')


def read_nodes(path: Path) -> Node | None:
    """Read a file, JSON if its name ends with `.json`, else YAML. Blocks.

    Returns:
        The value that the file contains; None when it contains nothing.

    Raises:
        PlanError: The file cannot be read, or is not such a file; the text names the file and the place.
    """
    return parse_nodes(_read_text(path), path)


def parse_nodes(text: str, path: Path, *, max_values: int | None = None) -> Node | None:
    """Parse a text, as JSON if the name of its file ends with `.json`, else as YAML. No file is read.

    Args:
        text: The text.
        path: The file for messages; it need not exist.
        max_values: Maximum number of values, aliases included; None for `nodes.MAX_VALUES`.

    Returns:
        The value that the text contains; None when it contains nothing.

    Raises:
        PlanError: The text is neither; the text of the error names the file and the place.
    """
    builder = NodeBuilder(max_values)
    if path.suffix.lower() == ".json":
        _add_json(builder, path, text)
    else:
        _add_yaml(builder, path, text)
    return builder.root


def _read_text(path: Path) -> str:
    try:
        data = read_regular_file(path, MAX_FILE_BYTES)
    except RegularFileError as error:
        raise PlanError(f"{path}: cannot be read: {error.reason}") from error
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8-sig")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        raise PlanError(f"{path}: cannot be read: it is not {name} text; save it as UTF-8") from error


def _add_yaml(builder: NodeBuilder, path: Path, text: str) -> None:
    if (found := _YAML_LINE_BREAKS.search(text)) is not None:
        place = _place(path, text, found.start())
        raise PlacedError(
            place,
            f"U+{ord(found[0]):04X} ends a line in some versions of YAML, and is text in others: "
            f'write "\\u{ord(found[0]):04x}" in double quotes',
        )
    try:
        for event in yaml.parse(text, Loader=yaml.BaseLoader):
            _add_event(builder, event, path)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        reason = error.problem or "not YAML"
        if mark is None:
            raise PlanError(f"{path}: {reason}") from error
        raise PlacedError(Place(path, mark.line + 1, mark.column + 1), reason) from error
    except yaml.reader.ReaderError as error:
        reason = f"not {path.suffix or 'YAML'}: {_one_line(error)}"
        raise PlacedError(_place(path, text, error.position), reason, where=str(path)) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise PlanError(f"{path}: not {path.suffix or 'YAML'}: {_one_line(error)}") from error


def _add_event(builder: NodeBuilder, event: yaml.Event, path: Path) -> None:
    mark = event.start_mark
    place = Place(path, mark.line + 1, mark.column + 1) if mark is not None else Place(path, 1, 1)
    if isinstance(event, yaml.DocumentStartEvent) and builder.root is not None:
        raise PlacedError(place, "a second document begins here: put its scripts in a file of their own")
    if isinstance(event, yaml.ScalarEvent):
        _check_tag(event.tag, "str", place)
        # A tag says that the text is a text: `!!str 007`.
        plain = event.style is None and event.tag is None
        builder.scalar(event.value, Style.PLAIN if plain else Style.QUOTED, place, event.anchor)
    elif isinstance(event, yaml.SequenceStartEvent):
        _check_tag(event.tag, "seq", place)
        builder.begin(ListNode([], place), event.anchor)
    elif isinstance(event, yaml.MappingStartEvent):
        _check_tag(event.tag, "map", place)
        builder.begin(MappingNode({}, {}, place), event.anchor)
    elif isinstance(event, yaml.CollectionEndEvent):
        builder.end()
    elif isinstance(event, yaml.AliasEvent):
        builder.alias(event.anchor or "", place)


def _check_tag(tag: str | None, allowed: str, place: Place) -> None:
    if tag in {None, "!", _YAML_TAG + allowed}:
        return
    shown = "!!" + tag.removeprefix(_YAML_TAG) if tag and tag.startswith(_YAML_TAG) else tag
    raise PlacedError(place, f"the tag {shown} is not read in script files: remove it")


def _add_json(builder: NodeBuilder, path: Path, text: str) -> None:
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise PlacedError(Place(path, error.lineno, error.colno), error.msg) from error
    except (RecursionError, ValueError) as error:
        raise PlanError(f"{path}: not {path.suffix}: {error}") from error
    for first, written, place in _json_tokens(path, text):
        if first == "[":
            builder.begin(ListNode([], place))
        elif first == "{":
            builder.begin(MappingNode({}, {}, place))
        elif first in {"]", "}"}:
            builder.end()
        else:
            builder.scalar(written, Style.QUOTED if first == '"' else Style.LITERAL, place)


def _json_tokens(path: Path, text: str) -> Iterator[tuple[str, str, Place]]:
    """Yield first character, value and place of each token of valid JSON, except commas and colons."""
    decoder = json.JSONDecoder()
    end, line, line_start = 0, 1, 0
    while (found := _JSON_TOKEN.search(text, end)) is not None:
        line += text.count("\n", end, found.start())
        line_start = max(line_start, text.rfind("\n", end, found.start()) + 1)
        place = Place(path, line, found.start() - line_start + 1)
        written, end = found[0], found.end()
        if written == '"':
            written, end = decoder.raw_decode(text, found.start())
        yield found[0][0], written, place


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())  # PyYAML writes two lines


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON: put it in quotes")


def _place(path: Path, text: str, index: int) -> Place:
    return Place(path, text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))
