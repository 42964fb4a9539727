"""Accounts and limits on a clock of the test."""

from __future__ import annotations

import pytest

from odyssey_ros.emulator.accounts import AccountBook
from odyssey_ros.emulator.config import Account
from odyssey_ros.emulator.limits import Limits

LOCAL = Account(api_key="ody_local")
OTHER = Account(api_key="ody_other", name="other")
DECEMBER_22 = 1_798_000_000.0  # 2026-12-22


@pytest.fixture
def clock():
    return [DECEMBER_22]


@pytest.fixture
def book(clock):
    def make(**limits):
        return AccountBook((LOCAL, OTHER), Limits(**limits), lambda: clock[0])

    return make


def test_accounts_are_found_by_key_and_by_name(book):
    accounts = book()
    assert accounts.by_key("ody_other") is OTHER
    assert accounts.by_name("local") is LOCAL
    assert accounts.by_key("ody_unknown") is None
    assert accounts.by_name("unknown") is None


def test_streaming_hours_are_counted_for_each_account_and_month(book, clock):
    accounts = book(monthly_hours=1.0)
    accounts.add_streamed(LOCAL, 1800)
    accounts.add_streamed(LOCAL, 1800)
    assert accounts.streamed_hours(LOCAL) == 1.0
    assert accounts.streamed_hours(OTHER) == 0.0
    refusal = accounts.refusal(LOCAL, 0)
    assert (refusal.code, refusal.details["reset_date"]) == ("MONTHLY_LIMIT_REACHED", "2027-01-01")
    assert accounts.refusal(OTHER, 0) is None
    clock[0] += 11 * 86400
    assert accounts.streamed_hours(LOCAL) == 0.0
    assert accounts.refusal(LOCAL, 0) is None


def test_requests_are_limited_within_a_minute(book, clock):
    accounts = book(session_requests_per_minute=2)
    assert accounts.refusal(LOCAL, 0) is None
    clock[0] += 30
    assert accounts.refusal(LOCAL, 0) is None
    clock[0] += 10
    refusal = accounts.refusal(LOCAL, 0)
    assert (refusal.code, refusal.details) == ("RATE_LIMITED", {"retry_after_seconds": 20})
    assert accounts.refusal(OTHER, 0) is None
    clock[0] += 20
    assert accounts.refusal(LOCAL, 0) is None


def test_concurrent_sessions_are_limited(book):
    assert book(concurrent_sessions=2).refusal(LOCAL, 1) is None
    assert book(concurrent_sessions=2).refusal(LOCAL, 2).code == "CONCURRENT_LIMIT_REACHED"
    assert book(concurrent_sessions=None).refusal(LOCAL, 1000) is None


def test_a_suspended_account_is_refused_before_any_other_limit(book):
    suspended = Account(api_key="ody_local", suspended="chargeback")
    refusal = book(concurrent_sessions=0).refusal(suspended, 0)
    assert (refusal.code, refusal.details) == ("ACCOUNT_SUSPENDED", {"reason": "chargeback"})
