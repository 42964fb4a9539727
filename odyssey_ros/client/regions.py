"""Measurement of the latency to the service's regions."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

import httpx

from odyssey_ros.client.errors import OdysseyError
from odyssey_ros.client.json_object import MalformedError
from odyssey_ros.client.tasks import within

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from odyssey_ros.client.http_api import HttpApi
    from odyssey_ros.client.responses import Region

logger = logging.getLogger(__name__)

UNANSWERED_MS = 9999
_FRESH_FOR_S = 600.0


class RegionLatencies:
    """Measures the round-trip times to the regions, and keeps them for ten minutes across connections.

    The first ping of a region includes opening the connection; the second ping reuses it. The smaller of the
    times that arrive before the timeout counts.

    Args:
        clock: Returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._latencies_ms: dict[str, int] = {}
        self._fresh_until = -1.0

    async def measure(self, api: HttpApi, timeout_s: float) -> Mapping[str, int]:
        """Return milliseconds by region id; `UNANSWERED_MS` for regions that did not answer in time.

        The result is empty when the list of regions is not available. That failure is not raised: latencies
        are optional, and the request for a session reports the same failure if it persists.
        """
        if self._clock() < self._fresh_until:
            return dict(self._latencies_ms)
        deadline = self._clock() + timeout_s
        try:
            regions = await within(timeout_s, api.regions())
        except (OdysseyError, asyncio.TimeoutError) as error:
            logger.debug("The list of regions is not available: %s", type(error).__name__)
            return {}
        if not regions:
            return {}
        measured: dict[str, int] = {}

        async def ping_all() -> None:
            await asyncio.gather(*(self._ping_twice(api, region, measured) for region in regions))

        with contextlib.suppress(asyncio.TimeoutError):
            await within(max(0.0, deadline - self._clock()), ping_all())
        self._latencies_ms = {
            region.region_id: measured.get(region.region_id, UNANSWERED_MS) for region in regions
        }
        if measured:
            self._fresh_until = self._clock() + _FRESH_FOR_S
        return dict(self._latencies_ms)

    async def _ping_twice(self, api: HttpApi, region: Region, measured: dict[str, int]) -> None:
        for _ in range(2):
            started = self._clock()
            try:
                answered = await api.ping(region.ping_url)
            except (OdysseyError, httpx.HTTPError, OSError, MalformedError, asyncio.TimeoutError):
                return
            if not answered:
                return
            took_ms = round((self._clock() - started) * 1000)
            measured[region.region_id] = min(took_ms, measured.get(region.region_id, UNANSWERED_MS))
