"""The service's times, ISO 8601, as the integer nanoseconds that ROS counts in."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LATEST_NS: Final = 2_145_916_800 * 1_000_000_000
_FRACTION: Final = re.compile(r"(?<=[.,])\d+")


def parse_time_ns(text: str) -> int | None:
    """Nanoseconds since the epoch, exact to the microsecond; UTC where no zone is named; None for no time."""
    # Python 3.10 knows neither the Z nor fractions of other than 3 or 6 digits.
    plain = _FRACTION.sub(
        lambda match: match[0][:6].ljust(6, "0"), text.strip().replace("Z", "+00:00"), count=1
    )
    try:
        time = datetime.fromisoformat(plain)
        aware = time if time.tzinfo else time.replace(tzinfo=timezone.utc)
        return (aware - _EPOCH) // timedelta(microseconds=1) * 1000
    except (ValueError, OverflowError):
        return None


def since_epoch_ns(text: str | None) -> int:
    """As `parse_time_ns`, with 0 for what is no time, or none that ROS can hold (before 1970, after 2037)."""
    time_ns = (parse_time_ns(text) if text else None) or 0
    return time_ns if 0 <= time_ns < _LATEST_NS else 0
