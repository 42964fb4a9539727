"""Trying again what may pass, within a bound."""

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
class Patience:
    """How often, and after what time, to try again.

    Attributes:
        retries: Tries after the first one.
        initial_s: Seconds before the first of them.
        longest_s: Seconds that no wait exceeds, unless the service asks for more.
        on_retry: Hears why there is a wait, and for how long, in words for people.
        sleep: Waits; for tests.
        uniform: Draws between two numbers; for tests.
    """

    retries: int = 5
    initial_s: float = 1.0
    longest_s: float = 30.0
    on_retry: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    uniform: Callable[[float, float], float] = random.uniform

    def waits(self) -> Iterator[float]:
        """Seconds to wait before each retry; the end is the end of the retries."""
        config = AdvancedConfig(
            max_retries=self.retries,
            initial_retry_delay_ms=round(self.initial_s * 1000),
            max_retry_delay_ms=round(self.longest_s * 1000),
        )
        return backoff(config, self.uniform)

    async def call(self, request: Callable[[], Awaitable[_T]]) -> _T:
        """Make a request that may be made twice, until it succeeds.

        Raises:
            OdysseyError: The last error, or the first that cannot pass.
        """
        return await call_with_retries(
            request,
            self.waits(),
            lambda error, wait_s: self.on_retry(f"{error}; trying again in {wait_s:.0f} s"),
            patient=False,
            sleep=self.sleep,
        )


STANDARD: Final = Patience()
