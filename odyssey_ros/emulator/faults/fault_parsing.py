"""Faults as users write them: JSON objects for the control endpoint, short texts for the command line."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Literal, get_args, get_origin, get_type_hints

from odyssey_ros.emulator.faults.fault_registry import Moment, Schedule, why_never
from odyssey_ros.emulator.faults.kinds import (
    ENDPOINTS,
    FAULTS,
    Fault,
    HttpDelay,
    HttpFault,
    HttpMalformed,
    HttpStatus,
    PacketDelay,
    PacketLoss,
    ReplyDelay,
    SocketClose,
    VideoResize,
)
from odyssey_ros.emulator.http.json_fields import Fields, InvalidFieldError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SCHEDULE_FIELDS = frozenset({"since", "after", "duration", "count", "session_id"})


def parse_fault(values: Fields) -> tuple[Fault, Schedule]:
    """A fault and its schedule from one flat JSON object, its kind under `fault`.

    Raises:
        InvalidFieldError: an unknown kind, an unknown or missing field, or a value that makes no sense.
    """
    name = values.string("fault")
    kind = FAULTS.get(name)
    if kind is None:
        raise InvalidFieldError(values.path_of("fault"), f"must be one of {', '.join(FAULTS)}")
    hints = get_type_hints(kind)
    known = {entry.name: entry for entry in fields(kind)}
    for given in values.names() - {"fault"} - _SCHEDULE_FIELDS - known.keys():
        raise InvalidFieldError(values.path_of(given), f"no field of {name}")
    arguments: dict[str, object] = {}
    for entry in known.values():
        if entry.name in values:
            arguments[entry.name] = _typed(values, entry.name, hints[entry.name])
        elif entry.default is MISSING:
            raise InvalidFieldError(values.path_of(entry.name), "field required")
    fault, schedule = kind(**arguments), _parse_schedule(values)
    _check(fault, values)
    nonsense = why_never(fault, schedule)
    if nonsense is not None:
        raise InvalidFieldError(values.path_of(nonsense[0]), nonsense[1])
    return fault, schedule


def parse_fault_option(text: str) -> tuple[Fault, Schedule]:
    """A fault from the command line: `name,field=value,...`; raises as `parse_fault` does."""
    name, *settings = text.split(",")
    values: dict[str, object] = {"fault": name}
    hints = {**get_type_hints(FAULTS.get(name, Fault)), **get_type_hints(Schedule)}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise InvalidFieldError((key,), "needs a value, as in name=value")
        values[key] = _from_text(value, hints.get(key, str))
    return parse_fault(Fields(values))


def _parse_schedule(values: Fields) -> Schedule:
    since = values.string("since", "now")
    if since not in get_args(Moment):
        raise InvalidFieldError(values.path_of("since"), f"must be one of {', '.join(get_args(Moment))}")
    after, duration, count = values.number("after", 0), None, values.optional_integer("count")
    if "duration" in values:
        duration = values.number("duration")
    if after < 0 or (duration is not None and duration <= 0) or (count is not None and count < 0):
        raise InvalidFieldError(values.path_of("after"), "times and counts are not negative")
    return Schedule(
        since=since,  # type: ignore[arg-type] # checked above
        after=after,
        duration=duration,
        count=count,
        session_id=values.optional_string("session_id"),
    )


def _typed(values: Fields, name: str, hint: object) -> object:
    if get_origin(hint) is Literal:
        value = values.string(name)
        if value not in get_args(hint):
            raise InvalidFieldError(values.path_of(name), f"must be one of {', '.join(get_args(hint))}")
        return value
    readers: Mapping[object, Callable[[str], object]] = {
        str: values.string,
        int: values.integer,
        float: values.number,
        bool: lambda name: values.boolean(name, default=False),
    }
    return readers[hint](name)


def _from_text(text: str, hint: object) -> object:
    kinds = set(get_args(hint)) or {hint}
    if bool in kinds and text in {"true", "false"}:
        return text == "true"
    for number in (int, float):
        if kinds & {int, float}:
            try:
                return number(text)
            except ValueError:
                continue
    return text


def _check(fault: Fault, values: Fields) -> None:
    problem = None
    if isinstance(fault, HttpFault) and fault.endpoint not in {*ENDPOINTS, "*"}:
        problem = ("endpoint", f"must be * or one of {', '.join(ENDPOINTS)}")
    elif isinstance(fault, (HttpStatus, HttpMalformed)) and not 200 <= fault.status <= 599:
        problem = ("status", "must be between 200 and 599")
    elif isinstance(fault, PacketLoss) and not 0 <= fault.fraction <= 1:
        problem = ("fraction", "must be between 0 and 1")
    elif isinstance(fault, VideoResize) and any(
        not 16 <= side <= 1920 or side % 2 for side in (fault.width, fault.height)
    ):
        problem = ("width", "sides must be even, from 16 to 1920")
    elif isinstance(fault, SocketClose) and not (
        fault.code in {1000, 1001, 1002, 1003} or 1007 <= fault.code <= 4999
    ):
        problem = ("code", "must be a close code that may be sent, such as 1000, 1011 or 4000")
    elif isinstance(fault, (HttpDelay, ReplyDelay, PacketDelay)) and fault.delay_seconds < 0:
        problem = ("delay_seconds", "must not be negative")
    if problem is not None:
        raise InvalidFieldError(values.path_of(problem[0]), problem[1])
