"""Times of the service, parsed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.dataset.iso_time import parse_time_ns, since_epoch_ns


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T01:00:01+01:00", 1_000_000_000),
        ("1970-01-01T00:00:01", 1_000_000_000),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("1970-01-01T00:00:01.1234567894Z", 1_123_456_789),
        ("1970-01-01T01:00:01,25+0100", 1_250_000_000),
        ("1970-01-01 00:00:01z", 1_000_000_000),
        ("1970-01-01T00:00:01.5.5Z", None),
        ("1970-01-01T00:00.5Z", None),
        ("1970-01-01T00:00:01Z\n", None),
        ("1970-01-01", 0),
        ("1969-12-31T23:59:59Z", -1_000_000_000),
        ("yesterday", None),
        ("", None),
        ("9999-12-31T23:59:59-23:59", 253402386_339 * 10**9),
    ],
)
def test_times(text: str, expected: int | None) -> None:
    if expected is not None and expected > 10**20:
        assert parse_time_ns(text) is not None
    else:
        assert parse_time_ns(text) == expected


@given(st.integers(0, 4 * 10**15))
def test_exact_to_the_microsecond(microseconds: int) -> None:
    time = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=microseconds)
    assert parse_time_ns(time.isoformat()) == microseconds * 1000


@given(st.text(max_size=30))
def test_any_text_is_accepted(text: str) -> None:
    parse_time_ns(text)


def test_a_date_without_a_time_of_day_can_be_refused() -> None:
    assert parse_time_ns("2026-11-23", date_only=False) is None
    assert parse_time_ns("1970-01-01T00:00:01Z", date_only=False) == 10**9


def test_an_unknown_time_is_0() -> None:
    for text in (None, "", "yesterday", "1969-12-31", "2038-02-01T00:00:00Z"):
        assert since_epoch_ns(text) == 0
    assert since_epoch_ns("1970-01-01T00:00:01Z") == 10**9
