"""Finished simulation jobs of an emulator, for players."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from odyssey_ros.client import Odyssey
from processes import KEY
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.client import SimulationJobDetail

TWO_SCRIPTS: Sequence[Sequence[dict[str, Any]]] = [
    [
        {"timestamp_ms": 0, "start": {"prompt": "a calm sea"}},
        {"timestamp_ms": 1000, "interact": {"prompt": "a red desert"}},
        {"timestamp_ms": 2500, "end": {}},
    ],
    [{"timestamp_ms": 0, "start": {"prompt": "a forest"}}, {"timestamp_ms": 1200, "end": {}}],
]


def finished_job(url: str, scripts: Sequence[Sequence[dict[str, Any]]] = TWO_SCRIPTS) -> SimulationJobDetail:
    """Submit scripts to an emulator, and return the job once it has ended.

    The work is done on a thread of its own, because the thread of a browser test has a running event loop.
    """
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(lambda: asyncio.run(_finished_job(url, scripts))).result()


async def _finished_job(url: str, scripts: Sequence[Sequence[dict[str, Any]]]) -> SimulationJobDetail:
    async with Odyssey(KEY, api_url=url) as client:
        job = await client.simulate(scripts=[list(script) for script in scripts], portrait=False)

        async def ended() -> SimulationJobDetail | None:
            status = await client.get_simulate_status(job.job_id)
            return status if status.status.value in {"completed", "failed"} else None

        ended_job: SimulationJobDetail = await eventually(ended, "the end of the job")
    return ended_job
