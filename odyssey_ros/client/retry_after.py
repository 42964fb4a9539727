"""The waits that the service asks for: parsed, capped, and spread over time."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_WAIT_S: Final = 300.0
"""Seconds of the longest wait that is obeyed.

Five minutes is longer than the windows of usual rate limits. A longer wait, by a mistake or by intent, would
stop a robot until someone restarts it; a request every five minutes is no load.
"""

_MIN_SPREAD_S: Final = 1.0


def parse_retry_after(value: str | None, *, date: str | None, now: Callable[[], datetime]) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3), 0 to `MAX_WAIT_S`; None if invalid.

    Args:
        value: The header: seconds, or an HTTP date; None without the header.
        date: The Date header, to which an HTTP date is relative; without a valid one, `now` is used.
        now: Returns the time with a time zone.
    """
    text = "" if value is None else value.strip()
    if text.isascii() and text.isdigit():
        return capped_wait_s(math.inf if len(text) > 9 else float(text))
    then = _parsed_date(text)
    if then is None:
        return None
    return capped_wait_s((then - (_parsed_date(date or "") or now())).total_seconds())


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(timezone.utc)


def capped_wait_s(wait_s: float) -> float:
    """Return a wait between 0 and `MAX_WAIT_S` seconds."""
    return min(max(wait_s, 0.0), MAX_WAIT_S)


def spread_wait_s(wait_s: float, jitter: float, uniform: Callable[[float, float], float]) -> float:
    """Return a wait that is at least `wait_s` seconds, so that many clients do not return at the same time.

    Args:
        wait_s: Seconds that the service asks for; more than `MAX_WAIT_S` count as `MAX_WAIT_S`.
        jitter: Share of the wait by which it is prolonged at most, and by a second if that is more; 0 for a
            fixed wait.
        uniform: Returns a random number between its two arguments.
    """
    wait_s = capped_wait_s(wait_s)
    return wait_s + (uniform(0.0, max(_MIN_SPREAD_S, jitter * wait_s)) if jitter > 0 else 0.0)


def _parsed_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    # A date with the zone -0000 has no time zone; RFC 9110 allows GMT only.
    return None if date.tzinfo is None else date
