"""The retry decision, the delay and the backoff, as pure functions."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.errors import (
    AccountSuspendedError,
    ConcurrentLimitReachedError,
    MonthlyLimitReachedError,
    NoStreamerError,
    OdysseyConnectionError,
    OdysseyError,
    OdysseyUsageError,
    RateLimitError,
    StreamDurationExceededError,
)
from odyssey_ros.client.retry_after import spread_wait_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from odyssey_ros.client.config import AdvancedConfig

DEFAULT_JITTER: Final = 0.2

# The signaling server answers 409 while the session's previous socket is closing.
_RETRYABLE_CLIENT_ERRORS = frozenset({408, 409, 425, 429})
_FINAL_LIMITS = (MonthlyLimitReachedError, AccountSuspendedError)
_PASSING_LIMITS = (ConcurrentLimitReachedError, RateLimitError, StreamDurationExceededError)


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """Whether and when a failed attempt is retried.

    Attributes:
        transient: Whether a retry can succeed.
        wait_s: Seconds that the service asks to wait; None leaves the delay to the backoff.
    """

    transient: bool
    wait_s: float | None = None


def retry_decision(error: BaseException, *, retry_forever: bool) -> RetryDecision:
    """Return whether a retry of a failed attempt can succeed, and when.

    Args:
        error: The failure of an attempt.
        retry_forever: Whether the client retries without limit. Only then is a full queue retried, since the
            queue has its own timeout.
    """
    if isinstance(error, NoStreamerError):
        return RetryDecision(transient=retry_forever, wait_s=error.retry_after_s)
    if isinstance(error, _FINAL_LIMITS):
        return RetryDecision(transient=False)
    if isinstance(error, OdysseyUsageError):
        passing = error.retry_after_s is not None or isinstance(error, _PASSING_LIMITS)
        return RetryDecision(transient=passing, wait_s=error.retry_after_s)
    if isinstance(error, OdysseyConnectionError):
        status = error.status_code
        refused = status is not None and 400 <= status < 500 and status not in _RETRYABLE_CLIENT_ERRORS
        return RetryDecision(transient=not refused, wait_s=error.retry_after_s)
    return RetryDecision(transient=False)


def retry_delay_s(
    error: BaseException,
    delays: Iterator[float],
    *,
    retry_forever: bool,
    jitter: float = DEFAULT_JITTER,
    uniform: Callable[[float, float], float] = random.uniform,
) -> float | None:
    """Return the seconds to wait before a failed request is repeated; None when it must not be repeated.

    Args:
        error: The failure of the request.
        delays: Yields the delay before each retry.
        retry_forever: See `retry_decision`.
        jitter: Random share by which a wait that the service asks for is prolonged.
        uniform: Returns a random number between its two arguments.

    Returns:
        The next delay, or the time that the service asks for when that is longer, spread by
        `spread_wait_s`.
    """
    decision = retry_decision(error, retry_forever=retry_forever)
    delay_s = next(delays, None) if decision.transient else None
    return None if delay_s is None else longer_wait_s(delay_s, error, jitter=jitter, uniform=uniform)


def longer_wait_s(
    delay_s: float,
    error: BaseException,
    *,
    jitter: float = DEFAULT_JITTER,
    uniform: Callable[[float, float], float] = random.uniform,
) -> float:
    """Return `delay_s`, or the wait in seconds that an error of the service asks for, if that is longer."""
    asked_s = error.retry_after_s if isinstance(error, OdysseyError) else None
    return delay_s if asked_s is None else max(delay_s, spread_wait_s(asked_s, jitter, uniform))


def backoff(config: AdvancedConfig, uniform: Callable[[float, float], float]) -> Iterator[float]:
    """Yield the delay in seconds before each retry; the iteration ends with the last retry.

    Args:
        config: The bounds. `retry_jitter` is the random share of each delay.
        uniform: Returns a random number between its two arguments, as `random.uniform` does.
    """
    delay_ms = min(float(config.initial_retry_delay_ms), config.max_retry_delay_ms)
    retries = 0
    while config.max_retries is None or retries < config.max_retries:
        yield delay_ms * uniform(1 - config.retry_jitter, 1) / 1000
        delay_ms = min(delay_ms * config.retry_backoff_multiplier, config.max_retry_delay_ms)
        retries += 1
