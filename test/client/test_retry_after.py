"""The waits that the service asks for."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.client.retry_after import MAX_WAIT_S, capped_wait_s, parse_retry_after, spread_wait_s

NOW = datetime(2026, 11, 28, 8, 0, 0, tzinfo=timezone.utc)
NOON = "Sat, 28 Nov 2026 12:00:00 GMT"


def parsed(value: str | None, date: str | None = None) -> float | None:
    return parse_retry_after(value, date=date, now=lambda: NOW)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 12 ", 12),
        ("300", 300),
        ("999999999", MAX_WAIT_S),
        ("9" * 5000, MAX_WAIT_S),
        ("Sat, 28 Nov 2026 08:00:30 GMT", 30),
        ("Saturday, 28-Nov-26 08:00:30 GMT", 30),
        ("Sat, 28 Nov 2026 07:00:00 GMT", 0),
        ("Sat, 28 Nov 9999 07:00:00 GMT", MAX_WAIT_S),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("\u0661", None),
        ("soon", None),
        ("Sat, 99 Nov 2026 08:00:30 GMT", None),
        ("Sat, 28 Nov 99999999999999999999 08:00:30 GMT", None),
        ("Sat, 28 Nov 2026 08:00:30 -0000", None),
    ],
)
def test_seconds_and_dates(value, seconds):
    assert parsed(value) == seconds


def test_a_date_is_relative_to_the_clock_of_the_service():
    assert parsed("Sat, 28 Nov 2026 12:00:45 GMT", date=NOON) == 45
    assert parsed("Sat, 28 Nov 2026 08:00:45 GMT", date="yesterday") == 45


@given(st.text(), st.none() | st.text())
def test_any_header_gives_a_bounded_wait_or_none(value, date):
    wait_s = parsed(value, date)
    assert wait_s is None or 0 <= wait_s <= MAX_WAIT_S


@given(st.integers(0, 10_000), st.integers(-10_000, 10_000))
def test_dates_count_from_the_date_header(ahead_s, clock_error_s):
    sent = NOW + timedelta(seconds=clock_error_s)
    value = format_datetime(sent + timedelta(seconds=ahead_s), usegmt=True)
    assert parsed(value, format_datetime(sent, usegmt=True)) == capped_wait_s(ahead_s)


@given(st.floats(0, 1e12), st.floats(0, 1), st.floats(0, 1))
def test_a_wait_is_never_shortened_and_spreads_by_a_second_or_the_jitter(wait_s, jitter, chance):
    spread_s = spread_wait_s(wait_s, jitter, lambda low, high: low + (high - low) * chance)
    asked_s = min(wait_s, MAX_WAIT_S)
    assert asked_s <= spread_s <= asked_s + max(1.0, jitter * asked_s)


def test_many_clients_return_at_different_times():
    waits = {
        spread_wait_s(30, 0.2, lambda low, high, n=n: low + (high - low) * n / 1000) for n in range(1000)
    }
    assert len(waits) == 1000
    assert max(waits) - min(waits) > 5
