"""Bounded retries of requests that fail with transient errors."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from odyssey_ros.client.config import AdvancedConfig
from odyssey_ros.client.job_polling import call_with_retries
from odyssey_ros.client.retry import backoff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The number of retries and the delays between them.

    Attributes:
        retries: Attempts after the first one.
        initial_s: Seconds before the first retry.
        max_s: Maximum of a delay, in seconds, unless the service asks for more.
        on_retry: Receives a text with the error and the delay.
        sleep: Waits some seconds; replaced in tests.
        uniform: Returns a random number between two; replaced in tests.
    """

    retries: int = 5
    initial_s: float = 1.0
    max_s: float = 30.0
    on_retry: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    uniform: Callable[[float, float], float] = random.uniform

    def waits(self) -> Iterator[float]:
        """Yield the seconds to wait before each retry; the end of the iteration is the end of the retries."""
        config = AdvancedConfig(
            max_retries=self.retries,
            initial_retry_delay_ms=round(self.initial_s * 1000),
            max_retry_delay_ms=round(self.max_s * 1000),
        )
        return backoff(config, self.uniform)

    async def call(self, request: Callable[[], Awaitable[_T]]) -> _T:
        """Repeat an idempotent request until it succeeds.

        Raises:
            OdysseyError: The error after the last retry, or the first error that is not transient.
        """
        return await call_with_retries(
            request,
            self.waits(),
            lambda error, wait_s: self.on_retry(f"{error}; trying again in {wait_s:.0f} s"),
            retry_forever=False,
            sleep=self.sleep,
            uniform=self.uniform,
        )


STANDARD: Final = RetryPolicy()
