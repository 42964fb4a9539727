"""The events log of a recording: the prompts and the times at which they came into force.

The service documents that the log is JSON, one object per line, but not the fields of the objects.
Therefore the parser accepts every common name of a time and of a prompt, in JSON lines or in one JSON
document. It skips and counts entries that it does not understand.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, cast

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.regular_file import FileFault, RegularFileError, read_regular_file
from odyssey_ros.client.service_text import MAX_PROMPT_LENGTH, clean_text
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.iso_time import parse_time_ns
from odyssey_ros.dataset.losses import Loss

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

MAX_LOG_BYTES: Final = 8 * 1024 * 1024
"""Maximum size of an events log. A stream of an hour with a prompt a second has about 1 MB."""

MAX_EVENTS: Final = 10_000
"""Maximum number of events that are taken from a log; each frame is compared with all of them."""

_MAX_ENTRIES: Final = 200_000  # further entries are only counted
_MAX_DEPTH: Final = 8  # of lists around the entries
_NANOSECONDS: Final = 1_000_000_000

# No valid time or count is larger, in any unit. The bound keeps arithmetic and stamps within their ranges.
_MAX_NUMBER: Final = 1e13
_MAX_STREAM_NS: Final = 10**7 * _NANOSECONDS

_KIND_KEYS: Final = ("type", "event", "event_type", "kind", "action", "name")
_APPLIED_PROMPT_KEYS: Final = ("applied_prompt", "expanded_prompt")
_SENT_PROMPT_KEYS: Final = ("prompt",)
_PROMPT_KEYS: Final = (*_APPLIED_PROMPT_KEYS, *_SENT_PROMPT_KEYS)
_INDEX_KEYS: Final = ("frame_index", "frame", "frame_number")
_MILLISECOND_KEYS: Final = (
    "media_time_ms",
    "stream_time_ms",
    "timestamp_ms",
    "time_ms",
    "offset_ms",
    "elapsed_ms",
    "at_ms",
    "t_ms",
)
_SECOND_KEYS: Final = (
    "media_time",
    "stream_time",
    "offset_seconds",
    "elapsed_seconds",
    "offset",
    "elapsed",
    "t",
)
_WALL_KEYS: Final = ("timestamp", "time", "created_at", "at", "ts")
_NESTED_KEYS: Final = ("data", "payload", "start", "interact", "end", "params")


class EventKind(Enum):
    """The kind of an event."""

    STARTED = "started"
    PROMPTED = "prompted"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a stream.

    Attributes:
        kind: The kind of the event.
        stream_time_ns: Time of the event since the start of the stream, in nanoseconds.
        prompt: The prompt in force from then on, as the service applied it; empty at the end.
        frame_index: The first frame that shows the event, when the log contains it.
        sent_prompt: The prompt as it was sent, when the log contains it beside the applied prompt.
    """

    kind: EventKind
    stream_time_ns: int
    prompt: str = ""
    frame_index: int | None = None
    sent_prompt: str | None = None

    def applies_to(self, frame_index: int, stream_time_ns: int) -> bool:
        """Return whether the frame is at or after this event."""
        if self.frame_index is not None:
            return frame_index >= self.frame_index
        return stream_time_ns >= self.stream_time_ns


@dataclass(frozen=True, slots=True)
class EventLog:
    """All events of a stream, in order.

    Attributes:
        events: In order of time.
        losses: What of the log was ignored, repaired or guessed.
    """

    events: tuple[Event, ...] = ()
    losses: Mapping[Loss, int] = field(default_factory=dict)

    @property
    def ignored(self) -> int:
        """Number of entries of the log that were skipped."""
        return self.losses.get(Loss.IGNORED_LOG_ENTRIES, 0)

    def prompts(self) -> tuple[str, ...]:
        """Return the prompts in the order in which they came into force."""
        return tuple(event.prompt for event in self.events if event.kind is not EventKind.ENDED)

    def prompt_at(self, frame_index: int, stream_time_ns: int) -> str:
        """Return the prompt in force at a frame.

        A frame before the first prompt has the first prompt. The result is empty when the log has no prompt.
        """
        prompt: str | None = None
        for event in self.events:
            if event.kind is EventKind.ENDED:
                continue
            if prompt is not None and not event.applies_to(frame_index, stream_time_ns):
                break
            prompt = event.prompt
        return prompt or ""


NO_EVENTS: Final = EventLog()


def read_events(path: Path) -> EventLog:
    """Read and parse an events log. Blocks.

    Raises:
        EpisodeError: The file cannot be read, is not a regular file, or is larger than `MAX_LOG_BYTES`.
    """
    try:
        return parse_events(read_regular_file(path, MAX_LOG_BYTES))
    except RegularFileError as error:
        too_large = error.fault is FileFault.TOO_LARGE
        code = ErrorCode.WRONG_SIZE if too_large else ErrorCode.DISK_FAILED
        raise EpisodeError(code, f"the events log cannot be read: {error.reason}") from error


def parse_events(data: bytes) -> EventLog:
    """Parse an events log, JSON lines or one JSON document. Never fails: invalid entries are counted.

    At most `MAX_EVENTS` events are taken; further ones are counted as ignored, and so are entries with a
    prompt of more than `MAX_PROMPT_LENGTH` characters. Prompts are cleaned of secrets and of control
    characters other than newlines.
    """
    text = data.decode("utf-8", "replace")
    lines = _JsonLines(text)
    log = _event_log(_objects(lines))
    if lines.invalid:
        with contextlib.suppress(ValueError, RecursionError):
            return _event_log(_objects([json.loads(text)]))
    return EventLog(log.events, _ignored(log.ignored + lines.invalid))


def script_events(script: Sequence[Mapping[str, Any]]) -> EventLog:
    """Return the events of a script, for a stream without an events log."""
    return _event_log(script)


class _JsonLines:
    """Parses each line when it is asked for, so that not all entries are kept; counts invalid lines."""

    def __init__(self, text: str) -> None:
        self.invalid = 0
        self._lines = io.StringIO(text, newline=None)

    def __iter__(self) -> Iterator[object]:
        for number, line in enumerate(self._lines):
            if number >= _MAX_ENTRIES:
                self.invalid += 1
            elif line.strip():
                try:
                    entry = json.loads(line)
                except (ValueError, RecursionError):
                    self.invalid += 1
                else:
                    yield entry


def _objects(entries: Iterable[object]) -> Iterator[object]:
    """Yield the entries inside of lists and of objects that have a list of events."""
    # Not recursive: a document may be nested as deeply as the parser of JSON allows.
    stack = [iter(entries)]
    while stack:
        entry = next(stack[-1], stack)
        inner = entry.get("events") if isinstance(entry, dict) else entry
        if entry is stack:
            stack.pop()
        elif isinstance(inner, list) and len(stack) <= _MAX_DEPTH:
            stack.append(iter(inner))
        else:
            yield entry


def _event_log(entries: Iterable[object]) -> EventLog:
    events: list[Event] = []
    ignored = 0
    origin: float | None = None
    for number, entry in enumerate(entries):
        if not isinstance(entry, Mapping) or len(events) >= MAX_EVENTS or number >= _MAX_ENTRIES:
            ignored += 1
            continue
        fields = _flattened(entry)
        time_ns = _stream_time_ns(fields)
        if time_ns is None:
            wall = _wall_time(fields)
            if wall is not None:
                origin = wall if origin is None else origin
                time_ns = round((wall - origin) * _NANOSECONDS)
        index = _index(fields)
        kind = _kind(entry, fields, started=bool(events))
        if kind is None or (time_ns is None and index is None) or (time_ns or 0) > _MAX_STREAM_NS:
            ignored += 1
            continue
        prompt = "" if kind is EventKind.ENDED else str(_first(fields, _PROMPT_KEYS, str) or "")
        sent = None
        if _first(fields, _APPLIED_PROMPT_KEYS, str) is not None:
            sent = cast("str | None", _first(fields, _SENT_PROMPT_KEYS, str))
        if max(len(prompt), len(sent or "")) > MAX_PROMPT_LENGTH:
            ignored += 1
            continue
        prompt = clean_text(prompt, is_prompt=True)
        sent = None if sent is None else clean_text(sent, is_prompt=True)
        events.append(Event(kind, max(0, time_ns or 0), prompt, index, sent))
    return EventLog(tuple(sorted(events, key=lambda event: event.stream_time_ns)), _ignored(ignored))


def _ignored(count: int) -> dict[Loss, int]:
    return {Loss.IGNORED_LOG_ENTRIES: count} if count else {}


def _flattened(entry: Mapping[str, Any]) -> dict[str, object]:
    """Return the fields of an entry and of its usual nested objects; fields of the entry take precedence."""
    fields: dict[str, object] = {}
    for key in _NESTED_KEYS:
        nested = entry.get(key)
        if isinstance(nested, Mapping):
            fields.update(nested)
    fields.update(entry)
    return fields


def _kind(entry: Mapping[str, Any], fields: Mapping[str, object], *, started: bool) -> EventKind | None:
    named = _first(fields, _KIND_KEYS, str)
    words = str(named).lower() if named is not None else " ".join(set(entry).intersection(_NESTED_KEYS))
    prompted = _first(fields, _PROMPT_KEYS, str) is not None
    if "end" in words or "stop" in words:
        return EventKind.ENDED
    if "start" in words and prompted:
        return EventKind.STARTED
    if prompted:
        return EventKind.PROMPTED if started else EventKind.STARTED
    return None


def _stream_time_ns(fields: Mapping[str, object]) -> int | None:
    milliseconds = _number(fields, _MILLISECOND_KEYS)
    if milliseconds is not None:
        return round(milliseconds * 1_000_000)
    seconds = _number(fields, _SECOND_KEYS)
    return None if seconds is None else round(seconds * _NANOSECONDS)


def _wall_time(fields: Mapping[str, object]) -> float | None:
    """Return the seconds since the epoch of an ISO 8601 text, or of a number of seconds or milliseconds."""
    number = _number(fields, _WALL_KEYS)
    if number is not None:
        return number / 1000 if number > 1e11 else number
    text = _first(fields, _WALL_KEYS, str)
    time_ns = None if text is None else parse_time_ns(str(text).strip())
    return None if time_ns is None else time_ns / _NANOSECONDS


def _index(fields: Mapping[str, object]) -> int | None:
    number = _number(fields, _INDEX_KEYS)
    return None if number is None or number < 0 else int(number)


def _number(fields: Mapping[str, object], keys: Iterable[str]) -> float | None:
    value = _first(fields, keys, (int, float))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) <= _MAX_NUMBER else None


def _first(fields: Mapping[str, object], keys: Iterable[str], kinds: type | tuple[type, ...]) -> object:
    return next((fields[key] for key in keys if isinstance(fields.get(key), kinds)), None)
