"""Texts of the page: prompts of any length, and times."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

from odyssey_ros.dataset.report.markup import Html, element, escaped

MAX_SHOWN: Final = 400
"""Characters of a text that are shown at once; the rest can be opened."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def long_text(text: str) -> Html:
    """Return a text of any length and direction as blocks, so that it changes nothing around it."""
    if len(text) <= MAX_SHOWN:
        return element("div", text, class_="prompt", dir="auto")
    return element(
        "details",
        element("summary", element("span", f"{text[:MAX_SHOWN]}…", class_="prompt", dir="auto")),
        element("div", text, class_="prompt", dir="auto"),
        class_="long",
    )


def seconds_text(seconds: float) -> str:
    """Return a number of seconds, with its unit."""
    return f"{seconds:,.2f} s"


def time_text(time_ns: int) -> Html:
    """Return a time as text in UTC; 0 and what is no time are unknown."""
    try:
        time = _EPOCH + timedelta(microseconds=time_ns // 1000)
    except OverflowError:
        return escaped("unknown")
    if not time_ns:
        return escaped("unknown")
    return element("time", f"{time:%Y-%m-%d %H:%M:%S} UTC", datetime=time.isoformat())
