"""The entries in the text of an events log: JSON lines, or one JSON document.

Nothing is dropped in silence: whatever is not an entry is counted.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.dataset.json_lines import split_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_ENTRIES: Final = 200_000
"""Maximum number of entries that are read; further entries are only counted."""

_MAX_DEPTH: Final = 8  # of lists around the entries
_LIST: Final = re.compile(r'\s*(?:\{(?:[^\[\]{}]*,)?\s*"events"\s*:\s*)?\[')
_SPACE: Final = re.compile(r"[ \t\r\n,]*")


class RepeatedNames(dict[str, Any]):
    """An object in which a name has several different values; it holds the last ones."""


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs) and any(fields[name] != value for name, value in pairs):
        return RepeatedNames(fields)
    return fields


def has_repeated_names(entry: object) -> bool:
    """Return whether an entry, or an object directly in it, has a name with several different values."""
    inner = entry.values() if isinstance(entry, dict) else ()
    return any(isinstance(part, RepeatedNames) for part in (entry, *inner))


def decoded(data: bytes) -> tuple[str, int]:
    """Return the text of a log, and the number of characters that could not be decoded.

    The encoding is UTF-8, UTF-16 or UTF-32, as the first bytes tell, with or without a byte order mark.
    """
    encoding = json.detect_encoding(data)
    text = data.decode(encoding, "replace")
    replaced = 0
    if "\ufffd" in text:  # the text itself may contain the character
        replaced = text.count("\ufffd") - data.decode(encoding, "ignore").count("\ufffd")
    return text.replace("\n\ufeff", "\n"), replaced  # marks where logs were joined


class JsonLines:
    """Parses each line when it is asked for, so that not all entries are kept.

    Attributes:
        parsed: Whether any line was an object or a list.
        invalid: Number of lines that are not JSON, or are beyond the limit.
        unfinished: Whether the last line is not JSON and has no newline.
        is_document: Whether the only line is a list, or an object with a list of events.
    """

    def __init__(self, text: str) -> None:
        self.parsed = False
        self.invalid = 0
        self.unfinished = False
        self.is_document = False
        self._text = text

    def __iter__(self) -> Iterator[object]:
        valid = True
        for number, line in enumerate(split_lines(self._text)):
            valid = True
            if number >= MAX_ENTRIES:
                self.invalid += 1
            elif line.strip(" \t\r"):
                try:
                    entry = json.loads(line, object_pairs_hook=_object_of)
                except (ValueError, RecursionError):
                    self.invalid += 1
                    valid = False
                else:
                    self.parsed |= isinstance(entry, (dict, list))
                    self.is_document = not number and _is_list(entry)
                    yield entry
        self.unfinished = not valid and not self._text.endswith("\n")


def _is_list(entry: object) -> bool:
    return isinstance(entry, list) or (isinstance(entry, dict) and isinstance(entry.get("events"), list))


def whole_document(text: str) -> object | None:
    """Return the JSON document in a text; None when the text is not one."""
    try:
        document: object = json.loads(text, object_pairs_hook=_object_of)
    except (ValueError, RecursionError):
        return None
    return document


def beginning_of_list(text: str) -> Iterator[object]:
    """Yield the whole entries of a document that is cut off inside of its list of events."""
    start = _LIST.match(text)
    if start is None:
        return
    decoder, at = json.JSONDecoder(object_pairs_hook=_object_of), start.end()
    while True:
        space = _SPACE.match(text, at)
        try:
            entry, at = decoder.raw_decode(text, at if space is None else space.end())
        except (ValueError, RecursionError):
            return
        yield entry


def flattened(entries: Iterable[object]) -> Iterator[object]:
    """Yield the entries inside of lists and of objects that have a list of events.

    An object with a list is an entry too if it has a prompt, or a name with several values.
    """
    # Not recursive: a document may be nested as deeply as the parser of JSON allows.
    stack = [iter(entries)]
    while stack:
        entry = next(stack[-1], stack)
        inner = entry.get("events") if isinstance(entry, dict) else entry
        if entry is stack:
            stack.pop()
        elif isinstance(inner, list) and len(stack) <= _MAX_DEPTH:
            if isinstance(entry, RepeatedNames) or (isinstance(entry, dict) and "prompt" in entry):
                yield entry
            stack.append(iter(inner))
        else:
            yield entry
