"""Trying again what may pass, within a bound."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from odyssey_ros.client.config import AdvancedConfig
from odyssey_ros.client.errors import OdysseyError
from odyssey_ros.client.retry import backoff, judge

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
        waits = self.waits()
        while True:
            try:
                return await request()
            except OdysseyError as error:  # noqa: PERF203 - each try can fail
                verdict = judge(error, patient=False)
                wait_s = next(waits, None)
                if not verdict.transient or wait_s is None:
                    raise
                wait_s = max(wait_s, verdict.wait_s or 0.0)
                self.on_retry(f"{error}; trying again in {wait_s:.0f} s")
                await self.sleep(wait_s)


STANDARD: Final = Patience()
