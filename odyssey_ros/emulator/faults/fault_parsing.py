"""Parses faults in the two forms that users write.

The control endpoint takes JSON objects, the command line takes short texts.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Literal, get_args, get_origin, get_type_hints

from odyssey_ros.emulator.faults.connection_faults import ExtraTracks, SocketClose
from odyssey_ros.emulator.faults.fault import Fault
from odyssey_ros.emulator.faults.fault_table import FAULTS
from odyssey_ros.emulator.faults.http_faults import (
    ENDPOINTS,
    HttpDelay,
    HttpEcho,
    HttpFault,
    HttpFlood,
    HttpMalformed,
    HttpRedirect,
    HttpStatus,
)
from odyssey_ros.emulator.faults.schedule import Moment, Schedule, schedule_problem
from odyssey_ros.emulator.faults.stream_faults import ReplyDelay, RequestClose
from odyssey_ros.emulator.faults.video_faults import FrameLoss, PacketDelay, PacketLoss, VideoResize
from odyssey_ros.emulator.http.json_fields import Fields, InvalidFieldError
from odyssey_ros.number_text import decimal_number, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["parse_fault", "parse_fault_option"]

_SCHEDULE_FIELDS = frozenset({"since", "after", "duration", "count", "session_id"})


def parse_fault(values: Fields) -> tuple[Fault, Schedule]:
    """Parse a fault and its schedule from one flat JSON object.

    Args:
        values: the object: the fault's name under `fault`, its fields, and the fields of a `Schedule`.

    Raises:
        InvalidFieldError: the name is unknown, a field is unknown or missing, or a value is invalid.
    """
    name = values.string("fault")
    kind = FAULTS.get(name)
    if kind is None:
        raise InvalidFieldError(values.path_of("fault"), f"must be one of {', '.join(FAULTS)}")
    hints = get_type_hints(kind)
    known = {entry.name: entry for entry in fields(kind)}
    for unknown in values.names() - {"fault"} - _SCHEDULE_FIELDS - known.keys():
        raise InvalidFieldError(values.path_of(unknown), f"is not a field of {name}")
    arguments: dict[str, object] = {}
    for entry in known.values():
        if entry.name in values:
            arguments[entry.name] = _read(values, entry.name, hints[entry.name])
        elif entry.default is MISSING:
            raise InvalidFieldError(values.path_of(entry.name), "field required")
    fault, schedule = kind(**arguments), _parse_schedule(values)
    problem = _value_problem(fault) or schedule_problem(fault, schedule)
    if problem is not None:
        raise InvalidFieldError(values.path_of(problem[0]), problem[1])
    return fault, schedule


def parse_fault_option(text: str) -> tuple[Fault, Schedule]:
    """Parse a fault and its schedule from a command-line option, `name,field=value,...`.

    Raises:
        InvalidFieldError: as for `parse_fault`, or a field has no value.
    """
    name, *settings = text.split(",")
    values: dict[str, object] = {"fault": name}
    hints = {**get_type_hints(FAULTS.get(name, Fault)), **get_type_hints(Schedule)}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise InvalidFieldError((key,), "needs a value, as in name=value")
        if key in values:
            raise InvalidFieldError((key,), "is given twice")
        values[key] = _parse_text(value, hints.get(key, str))
    return parse_fault(Fields(values))


def _parse_schedule(values: Fields) -> Schedule:
    since = values.string("since", "now")
    if since not in get_args(Moment):
        raise InvalidFieldError(values.path_of("since"), f"must be one of {', '.join(get_args(Moment))}")
    after, duration, count = values.number("after", 0), None, values.optional_integer("count")
    if "duration" in values:
        duration = values.number("duration")
    if after < 0 or (duration is not None and duration <= 0) or (count is not None and count < 0):
        raise InvalidFieldError(values.path_of("after"), "times and counts must not be negative")
    return Schedule(
        since=since,  # type: ignore[arg-type] # checked above
        after=after,
        duration=duration,
        count=count,
        session_id=values.optional_string("session_id"),
    )


def _read(values: Fields, name: str, hint: object) -> object:
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


def _parse_text(text: str, hint: object) -> object:
    kinds = set(get_args(hint)) or {hint}
    if bool in kinds and text in {"true", "false"}:
        return text == "true"
    for reader in (whole_number, decimal_number):
        if kinds & {int, float}:
            try:
                return reader(text)
            except ValueError:
                continue
    return text


def _value_problem(fault: Fault) -> tuple[str, str] | None:
    """Return the field of a fault that has an invalid value, and the reason; None if all values are valid."""
    if isinstance(fault, HttpFault):
        return _http_problem(fault)
    if isinstance(fault, PacketLoss) and not 0 <= fault.fraction <= 1:
        return "fraction", "must be between 0 and 1"
    if isinstance(fault, FrameLoss) and not 1 <= fault.every <= 1_000_000:
        return "every", "must be between 1 and 1000000"
    if isinstance(fault, VideoResize) and any(
        not 16 <= side <= 8192 or side % 2 for side in (fault.width, fault.height)
    ):
        return "width", "sides must be even, from 16 to 8192"
    if isinstance(fault, ExtraTracks) and not 1 <= fault.tracks <= 200:
        return "tracks", "must be between 1 and 200"
    if isinstance(fault, (SocketClose, RequestClose)) and not (
        fault.code in {1000, 1001, 1002, 1003} or 1007 <= fault.code <= 4999
    ):
        return "code", "must be a close code that may be sent, such as 1000, 1011 or 4000"
    if isinstance(fault, (ReplyDelay, PacketDelay)) and fault.delay_seconds < 0:
        return "delay_seconds", "must not be negative"
    return None


def _http_problem(fault: HttpFault) -> tuple[str, str] | None:
    if fault.endpoint not in {*ENDPOINTS, "*"}:
        return "endpoint", f"must be * or one of {', '.join(ENDPOINTS)}"
    if isinstance(fault, (HttpStatus, HttpMalformed, HttpEcho)) and not 200 <= fault.status <= 599:
        return "status", "must be between 200 and 599"
    if isinstance(fault, HttpRedirect) and not 300 <= fault.status <= 399:
        return "status", "must be between 300 and 399"
    header = {HttpRedirect: "location", HttpStatus: "retry_after"}.get(type(fault))
    if header is not None:
        value = str(getattr(fault, header))
        if not (value.isascii() and (value.isprintable() or not value)):
            return header, "must consist of printable ASCII characters"
    if isinstance(fault, HttpFlood) and not 0 <= fault.mebibytes <= 1_000_000:
        return "mebibytes", "must be between 0 and 1000000"
    if isinstance(fault, HttpDelay) and fault.delay_seconds < 0:
        return "delay_seconds", "must not be negative"
    return None
