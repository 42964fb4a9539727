"""Polling of a simulation job until it reaches a terminal state.

The decisions (`states_between`, `state_changes`) are pure functions. The loops take the request, the delays
and the sleep function as arguments.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from odyssey_ros.client.errors import OdysseyError
from odyssey_ros.client.retry import retry_delay_s
from odyssey_ros.client.types import SimulationJobStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from odyssey_ros.client.types import SimulationJobDetail

T = TypeVar("T")

_RUNNING_ORDER: Final = (
    SimulationJobStatus.PENDING,
    SimulationJobStatus.DISPATCHED,
    SimulationJobStatus.PROCESSING,
)


async def poll_until_terminal(
    poll: Callable[[], Awaitable[SimulationJobDetail]],
    on_change: Callable[[SimulationJobDetail], None],
    *,
    job: SimulationJobDetail | None = None,
    period_s: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> SimulationJobDetail:
    """Poll a job until it is completed, failed or cancelled; return its final state.

    Args:
        poll: Requests the current state. `call_with_retries` makes it tolerate transient errors.
        on_change: Receives the job at every change of its state, in order. A state that the job entered and
            left between two polls is included, as far as the job's times show it.
        job: The last known state, which is not reported; None polls at once.
        period_s: Returns the seconds to wait before the next poll.
        sleep: Waits some seconds.

    Raises:
        OdysseyError: The error of `poll`.
    """
    while job is None or not job.status.is_terminal:
        if job is not None:
            await sleep(period_s())
        polled = await poll()
        for state in state_changes(job, polled):
            on_change(state)
        job = polled
    return job


async def call_with_retries(
    request: Callable[[], Awaitable[T]],
    delays: Iterator[float],
    on_retry: Callable[[OdysseyError, float], None],
    *,
    retry_forever: bool,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    uniform: Callable[[float, float], float] = random.uniform,
) -> T:
    """Repeat an idempotent request while it fails with a transient error.

    Args:
        request: Makes the request.
        delays: Seconds to wait before each retry; its end is the end of the retries.
        on_retry: Receives the error, and the seconds until the next attempt.
        retry_forever: See `odyssey_ros.client.retry.retry_decision`.
        sleep: Waits some seconds.
        uniform: Returns a random number between its two arguments.

    Raises:
        OdysseyError: The first error that is not transient, or the error after the last retry.
    """
    while True:
        try:
            return await request()
        except OdysseyError as error:
            delay_s = retry_delay_s(error, delays, retry_forever=retry_forever, uniform=uniform)
            if delay_s is None:
                raise
            on_retry(error, delay_s)
        await sleep(delay_s)


def state_changes(
    before: SimulationJobDetail | None, after: SimulationJobDetail
) -> list[SimulationJobDetail]:
    """Return the job in each state that it entered since `before`, the current state last.

    Without a state before, the result is the current state alone.
    """
    if before is None:
        return [after]
    if before.status is after.status:
        return []
    return [*states_between(before, after), after]


def states_between(before: SimulationJobDetail, after: SimulationJobDetail) -> list[SimulationJobDetail]:
    """Return the job in each state that it entered and left between two polls, as its times show."""
    if before.status not in _RUNNING_ORDER:
        return []
    dispatched = replace(
        after,
        status=SimulationJobStatus.DISPATCHED,
        started_at=None,
        completed_at=None,
        error_message=None,
        streams=[],
    )
    processing = replace(after, status=SimulationJobStatus.PROCESSING, completed_at=None, error_message=None)
    passed = [
        job
        for job, time in ((dispatched, after.dispatched_at), (processing, after.started_at))
        if time is not None and _RUNNING_ORDER.index(job.status) > _RUNNING_ORDER.index(before.status)
    ]
    if after.status in _RUNNING_ORDER:
        passed = [
            job for job in passed if _RUNNING_ORDER.index(job.status) < _RUNNING_ORDER.index(after.status)
        ]
    return passed
