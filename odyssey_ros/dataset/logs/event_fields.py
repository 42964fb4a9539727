"""The fields of an entry of an events log, under all common names.

The service does not document the names. A value of a wrong type or range counts as missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from odyssey_ros.dataset.iso_time import parse_time_ns
from odyssey_ros.dataset.logs.event_kinds import EventKind, is_refusal, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_NANOSECONDS: Final = 1_000_000_000

# No valid time or count is larger, in any unit. The bound keeps arithmetic and stamps within their ranges.
_MAX_NUMBER: Final = 1e13
_MAX_WALL_SECONDS: Final = 1e11  # a larger number is one of milliseconds
_FIRST_WALL_TIME: Final = 1e8  # a smaller number of seconds since 1970 is rather a time in the stream

_KIND_KEYS: Final = ("type", "event", "event_type", "kind", "action", "name")
_STATUS_KEYS: Final = ("status", "state", "result", "outcome")
_KINDS_AS_KEYS: Final = ("start", "interact", "end")
_APPLIED_PROMPT_KEYS: Final = (
    *("applied_prompt", "expanded_prompt", "enhanced_prompt", "rewritten_prompt", "revised_prompt"),
    *("effective_prompt", "final_prompt"),
)
_SENT_PROMPT_KEYS: Final = ("prompt",)
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
_NESTED_KEYS: Final = ("data", "payload", *_KINDS_AS_KEYS, "params")


@dataclass(frozen=True, slots=True)
class EntryFields:
    """The fields of one entry; a missing one is None.

    Attributes:
        kind: The kind by the name; None if the entry has no name, or one that is not known.
        refused: Whether a status, or a name that is not known, tells that something was not done.
        prompt: The prompt as applied, or as sent if only that is there.
        sent_prompt: The prompt as sent, beside the applied one.
        frame_index: The first frame that shows the event.
        time_ns: Time since the start of the stream, in nanoseconds.
        wall_ns: Time since 1970, or since any other moment, in nanoseconds; read only without `time_ns`.
        unit_guessed: Whether the unit or the origin of `wall_ns` is not certain.
    """

    kind: EventKind | None
    refused: bool
    prompt: str | None
    sent_prompt: str | None
    frame_index: int | None
    time_ns: int | None
    wall_ns: int | None
    unit_guessed: bool


def fields_of(entry: Mapping[str, Any]) -> EntryFields:
    """Return the fields of an entry and of its usual nested objects; those of the entry take precedence."""
    fields: dict[str, object] = {}
    for key in _NESTED_KEYS:
        nested = entry.get(key)
        if isinstance(nested, Mapping):
            fields.update(nested)
    fields.update(entry)
    kind, refused = _kind(entry, fields)
    applied = _text(fields, _APPLIED_PROMPT_KEYS)
    sent = _text(fields, _SENT_PROMPT_KEYS)
    time_ns = _stream_time_ns(fields)
    wall_ns, unit_guessed = _wall_time(fields) if time_ns is None else (None, False)
    return EntryFields(
        kind=kind,
        refused=refused,
        prompt=sent if applied is None else applied,
        sent_prompt=None if applied is None else sent,
        frame_index=_index(fields),
        time_ns=time_ns,
        wall_ns=wall_ns,
        unit_guessed=unit_guessed,
    )


def _kind(entry: Mapping[str, Any], fields: Mapping[str, object]) -> tuple[EventKind | None, bool]:
    names = [name for key in _KIND_KEYS if isinstance(name := fields.get(key), str)]
    known = next((kind for name in names if (kind := kind_of(name)) is not None), None)
    refused = known is None and any(map(is_refusal, names))
    keys = [key for key in _KINDS_AS_KEYS if key in entry]
    if not names and len(keys) == 1:
        known = kind_of(keys[0])
    if known is EventKind.PROMPTED:
        refused = any(
            is_refusal(status) for key in _STATUS_KEYS if isinstance(status := fields.get(key), str)
        )
    return known, refused


def _stream_time_ns(fields: Mapping[str, object]) -> int | None:
    milliseconds = _number(fields, _MILLISECOND_KEYS)
    seconds = _number(fields, _SECOND_KEYS) if milliseconds is None else milliseconds / 1000
    if seconds is None or seconds >= _FIRST_WALL_TIME:
        return None
    return round(seconds * _NANOSECONDS)


def _wall_time(fields: Mapping[str, object]) -> tuple[int | None, bool]:
    """Return the nanoseconds of a number or of an ISO 8601 text, and whether unit or origin is a guess.

    No stream lasts for three years, so such a number is a wall time under every name.
    """
    number = _number(fields, _WALL_KEYS)
    if number is None:
        text = _text(fields, _WALL_KEYS)
        time_ns = None if text is None else parse_time_ns(text.strip())
        if time_ns is not None:
            return time_ns, False
        number = _number(fields, (*_MILLISECOND_KEYS, *_SECOND_KEYS))
        if number is None:
            return None, False
    # The number of seconds since 1970 has no more digits than microseconds. Rounding restores them, so that
    # the difference of two times is exact.
    unit_us = 1_000 if number > _MAX_WALL_SECONDS else 1_000_000
    return round(number * unit_us) * 1_000, number < _FIRST_WALL_TIME


def _index(fields: Mapping[str, object]) -> int | None:
    number = _number(fields, _INDEX_KEYS)
    return None if number is None or number < 0 else int(number)


def _number(fields: Mapping[str, object], keys: Iterable[str]) -> float | None:
    value = _first(fields, keys, (int, float))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) <= _MAX_NUMBER else None


def _text(fields: Mapping[str, object], keys: Iterable[str]) -> str | None:
    return cast("str | None", _first(fields, keys, str))


def _first(fields: Mapping[str, object], keys: Iterable[str], kinds: type | tuple[type, ...]) -> object:
    return next((fields[key] for key in keys if isinstance(fields.get(key), kinds)), None)
