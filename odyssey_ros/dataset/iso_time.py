"""ISO 8601 times of the service, as integer nanoseconds, the unit of ROS."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NANOSECONDS: Final = 1_000_000_000
_MAX_NS: Final = 2_145_916_800 * _NANOSECONDS
_TIME_OF_DAY: Final = re.compile(r"[T ][0-9]{2}:?[0-9]{2}")
_FRACTION: Final = re.compile(r"(?:(?<=:[0-9]{2}:[0-9]{2})|(?<=T[0-9]{6}))[.,]([0-9]+)")
_ZONE: Final = re.compile(r"(?<=[0-9])([+-][0-9]{2})([0-9]{2})$")


def parse_time_ns(text: str, *, date_only: bool = True) -> int | None:
    """Return the nanoseconds since the epoch of an ISO 8601 text; None when it is not one.

    A text without a time zone is in UTC. Digits after the ninth of a fraction are dropped.

    Args:
        text: The time.
        date_only: Whether a date without a time of day is accepted, as its first moment.
    """
    # Python 3.10 accepts neither `Z`, nor a zone without a colon, nor a fraction of other than 3 or 6 digits.
    if not date_only and _TIME_OF_DAY.search(text) is None:
        return None
    fraction = _FRACTION.search(text)
    whole = _FRACTION.sub("", text, count=1)
    if "." in whole or "," in whole:  # some versions of Python take it for a fraction of a second
        return None
    if _TIME_OF_DAY.search(whole) is not None:
        whole = _ZONE.sub(r"\1:\2", re.sub(r"[Zz]$", "+00:00", whole))
    try:
        time = datetime.fromisoformat(whole)
        aware = time if time.tzinfo else time.replace(tzinfo=timezone.utc)
        time_ns = (aware - _EPOCH) // timedelta(microseconds=1) * 1000
    except (ValueError, OverflowError):
        return None
    return time_ns + (int(fraction[1][:9].ljust(9, "0")) if fraction else 0)


def since_epoch_ns(text: str | None) -> int:
    """Return the same as `parse_time_ns`; 0 for an invalid time, and for one before 1970 or after 2037."""
    time_ns = (parse_time_ns(text) if text else None) or 0
    return time_ns if 0 <= time_ns < _MAX_NS else 0
