"""The retry decision and the backoff."""

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
    OdysseyStreamError,
    OdysseyUsageError,
    RateLimitError,
    StreamDurationExceededError,
)
from odyssey_ros.client.retry import Verdict, backoff, judge

WAIT = {"retry_after_seconds": 12}


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (OdysseyAuthError("key"), Verdict(transient=False)),
        (OdysseyArgumentError("x"), Verdict(transient=False)),
        (OdysseyStreamError("x"), Verdict(transient=False)),
        (ZeroDivisionError(), Verdict(transient=False)),
        (MonthlyLimitReachedError(details=WAIT), Verdict(transient=False)),
        (AccountSuspendedError(details=WAIT), Verdict(transient=False)),
        (OdysseyUsageError("unknown limit"), Verdict(transient=False)),
        (OdysseyUsageError(details=WAIT), Verdict(transient=True, wait_s=12)),
        (RateLimitError(), Verdict(transient=True)),
        (RateLimitError(details=WAIT), Verdict(transient=True, wait_s=12)),
        (RateLimitError(details={"retry_after_seconds": "soon"}), Verdict(transient=True)),
        (RateLimitError(details={"retry_after_seconds": True}), Verdict(transient=True)),
        (RateLimitError(details={"retry_after_seconds": -1}), Verdict(transient=True)),
        (ConcurrentLimitReachedError(), Verdict(transient=True)),
        (StreamDurationExceededError(), Verdict(transient=True)),
        (OdysseyConnectionError("lost"), Verdict(transient=True)),
        (OdysseyConnectionError(status_code=400), Verdict(transient=False)),
        (OdysseyConnectionError(status_code=418), Verdict(transient=False)),
        (OdysseyConnectionError(status_code=408), Verdict(transient=True)),
        (OdysseyConnectionError(status_code=409), Verdict(transient=True)),
        (OdysseyConnectionError(status_code=429), Verdict(transient=True)),
        (OdysseyConnectionError(status_code=500), Verdict(transient=True)),
        (OdysseyConnectionError(status_code=503, details=WAIT), Verdict(transient=True, wait_s=12)),
    ],
)
def test_transient_and_permanent_failures_are_distinguished(error, verdict):
    assert judge(error, patient=False) == verdict
    assert judge(error, patient=True) == verdict


def test_a_full_queue_is_retried_only_with_patience():
    assert judge(NoStreamerError(status_code=503), patient=False) == Verdict(transient=False)
    assert judge(NoStreamerError(status_code=503), patient=True) == Verdict(transient=True)


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
