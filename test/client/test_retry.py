"""The retry decision, the delay and the backoff."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.client import (
    AccountSuspendedError,
    AdvancedConfig,
    ConcurrentLimitReachedError,
    MonthlyLimitReachedError,
    NoStreamerError,
    OdysseyArgumentError,
    OdysseyAuthError,
    OdysseyConnectionError,
    OdysseyError,
    OdysseyStreamError,
    OdysseyUsageError,
    RateLimitError,
    StreamDurationExceededError,
)
from odyssey_ros.client.retry import RetryDecision, backoff, retry_decision, retry_delay_s

WAIT = {"retry_after_seconds": 12}


@pytest.mark.parametrize(
    ("error", "decision"),
    [
        (OdysseyAuthError("key"), RetryDecision(transient=False)),
        (OdysseyArgumentError("x"), RetryDecision(transient=False)),
        (OdysseyStreamError("x"), RetryDecision(transient=False)),
        (ZeroDivisionError(), RetryDecision(transient=False)),
        (MonthlyLimitReachedError(details=WAIT), RetryDecision(transient=False)),
        (AccountSuspendedError(details=WAIT), RetryDecision(transient=False)),
        (OdysseyUsageError("unknown limit"), RetryDecision(transient=False)),
        (OdysseyUsageError(details=WAIT), RetryDecision(transient=True, wait_s=12)),
        (RateLimitError(), RetryDecision(transient=True)),
        (RateLimitError(details=WAIT), RetryDecision(transient=True, wait_s=12)),
        (RateLimitError(details={"retry_after_seconds": "soon"}), RetryDecision(transient=True)),
        (RateLimitError(details={"retry_after_seconds": True}), RetryDecision(transient=True)),
        (RateLimitError(details={"retry_after_seconds": -1}), RetryDecision(transient=True)),
        (ConcurrentLimitReachedError(), RetryDecision(transient=True)),
        (StreamDurationExceededError(), RetryDecision(transient=True)),
        (OdysseyConnectionError("lost"), RetryDecision(transient=True)),
        (OdysseyConnectionError(status_code=400), RetryDecision(transient=False)),
        (OdysseyConnectionError(status_code=418), RetryDecision(transient=False)),
        (OdysseyConnectionError(status_code=408), RetryDecision(transient=True)),
        (OdysseyConnectionError(status_code=409), RetryDecision(transient=True)),
        (OdysseyConnectionError(status_code=429), RetryDecision(transient=True)),
        (OdysseyConnectionError(status_code=500), RetryDecision(transient=True)),
        (OdysseyConnectionError(status_code=503, details=WAIT), RetryDecision(transient=True, wait_s=12)),
    ],
)
def test_transient_and_permanent_failures_are_distinguished(error, decision):
    assert retry_decision(error, retry_forever=False) == decision
    assert retry_decision(error, retry_forever=True) == decision


def test_a_full_queue_is_retried_only_by_a_client_that_retries_forever():
    assert retry_decision(NoStreamerError(status_code=503), retry_forever=False) == RetryDecision(
        transient=False
    )
    assert retry_decision(NoStreamerError(status_code=503), retry_forever=True) == RetryDecision(
        transient=True
    )


@pytest.mark.parametrize(
    ("error", "retry_forever", "expected"),
    [
        (OdysseyConnectionError("lost"), False, 2.0),
        (RateLimitError("slow", details={"retry_after_seconds": 30}), False, 36.0),
        (RateLimitError("slow", details={"retry_after_seconds": 999_999_999}), False, 360.0),
        (RateLimitError("slow", details={"retry_after_seconds": 1}), False, 2.0),
        (OdysseyConnectionError("refused", status_code=404), False, None),
        (MonthlyLimitReachedError("used up"), True, None),
        (NoStreamerError("busy"), False, None),
        (NoStreamerError("busy"), True, 2.0),
        (OdysseyError("other"), True, None),
    ],
)
def test_the_delay_after_an_error(error, retry_forever, expected):
    delay_s = retry_delay_s(error, iter([2.0]), retry_forever=retry_forever, uniform=lambda _low, high: high)
    assert delay_s == expected


def test_no_delay_is_left_after_the_last_retry():
    assert retry_delay_s(OdysseyConnectionError("lost"), iter([]), retry_forever=True) is None


def test_the_default_delays_are_those_of_the_sdk():
    config = AdvancedConfig(retry_jitter=0)
    assert list(backoff(config, lambda low, high: high)) == [1, 2, 2, 2, 2]


@given(
    retries=st.none() | st.integers(0, 20),
    initial=st.integers(0, 100_000),
    most=st.integers(0, 100_000),
    multiplier=st.floats(1, 1e6),
    jitter=st.floats(0, 1),
    chance=st.floats(0, 1),
)
def test_delays_stay_within_their_bounds_and_number(retries, initial, most, multiplier, jitter, chance):
    config = AdvancedConfig(
        max_retries=retries,
        initial_retry_delay_ms=initial,
        max_retry_delay_ms=most,
        retry_backoff_multiplier=multiplier,
        retry_jitter=jitter,
    )
    delays = list(itertools.islice(backoff(config, lambda low, high: low + (high - low) * chance), 50))
    assert len(delays) == (50 if retries is None else retries)
    without_jitter = list(itertools.islice(backoff(config, lambda _low, high: high), 50))
    for delay, longest in zip(delays, without_jitter, strict=True):
        assert longest * (1 - jitter) - 1e-9 <= delay <= longest + 1e-9
        assert delay <= most / 1000
    assert without_jitter == sorted(without_jitter)
