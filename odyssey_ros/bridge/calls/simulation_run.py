"""Following a simulation job from its submission to its end. Nothing here knows ROS."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from odyssey_ros.client import (
    AdvancedConfig,
    ErrorCode,
    OdysseyArgumentError,
    OdysseyError,
    SimulationJobDetail,
    SimulationJobStatus,
)
from odyssey_ros.client.retry import backoff, judge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

    from odyssey_ros.client import Odyssey

T = TypeVar("T")
OVER = frozenset((SimulationJobStatus.COMPLETED, SimulationJobStatus.FAILED, SimulationJobStatus.CANCELLED))
CANCEL_RETRIES = 3
MAX_DELAY_MS = 30_000


class _CancelRequestedError(Exception):
    """The run is to be cancelled; never leaves this module."""


class SimulationRun:
    """One job. Make it, then await ``follow`` once; all methods run on the asyncio thread.

    Args:
        client: Makes the calls; each is bounded by its configuration.
        on_change: Told the job when it is submitted, and at every change of its state, those included that
            came and went between two looks.
        on_retry: Told what keeps the job from being looked at, and for how many seconds to wait.
        poll_period_s: Returns the seconds between two looks.
        max_retries: How often in a row a look may fail for a reason that may pass; None for ever.
        sleep: Waits some seconds.
        uniform: Draws a number between two.
    """

    def __init__(
        self,
        client: Odyssey,
        on_change: Callable[[SimulationJobDetail], None],
        on_retry: Callable[[OdysseyError, float], None],
        *,
        poll_period_s: Callable[[], float],
        max_retries: int | None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.job: SimulationJobDetail | None = None
        self._client = client
        self._on_change = on_change
        self._on_retry = on_retry
        self._poll_period_s = poll_period_s
        self._max_retries = max_retries
        self._sleep = sleep
        self._uniform = uniform
        self._cancel_requested = asyncio.Event()

    def cancel(self) -> None:
        """Cancel the job, as soon as it is known. ``follow`` then tells what came of it."""
        self._cancel_requested.set()

    async def follow(
        self, submit: Callable[[], Coroutine[Any, Any, SimulationJobDetail]]
    ) -> SimulationJobDetail:
        """Submit the job and return it when it is completed, failed or cancelled.

        ``submit`` is called once: a submission that failed may have reached the service all the same.

        Raises:
            OdysseyError: It could not be submitted, or not be followed any longer, or (NOT_CANCELLABLE) not
                be cancelled. ``job`` is what was last known of it.
        """
        job = self._changed(await submit())
        try:
            while job.status not in OVER:
                await self._unless_cancelled(self._sleep(self._poll_period_s()))
                job = self._changed(await self._unless_cancelled(self._look(job.job_id)))
        except _CancelRequestedError:
            job = self._changed(await self._cancel(job))
        return job

    def _changed(self, job: SimulationJobDetail) -> SimulationJobDetail:
        before, self.job = self.job, job
        if before is None or before.status is not job.status:
            for passed in () if before is None else states_between(before, job):
                self._on_change(passed)
            self._on_change(job)
        return job

    async def _look(self, job_id: str) -> SimulationJobDetail:
        return await self._persistently(
            lambda: self._client.get_simulate_status(job_id), self._max_retries, told=True
        )

    async def _cancel(self, job: SimulationJobDetail) -> SimulationJobDetail:
        try:
            cancelled = await self._persistently(
                lambda: self._client.cancel_simulation(job.job_id), CANCEL_RETRIES
            )
        except OdysseyArgumentError:
            job = await self._look(job.job_id)
            if job.status in OVER:
                return job
            self._changed(job)
            raise OdysseyError(
                f"the job is {job.status.value} and can no longer be cancelled: it runs to its end",
                code=ErrorCode.NOT_CANCELLABLE,
            ) from None
        return replace(job, status=cancelled.status, completed_at=cancelled.completed_at or job.completed_at)

    async def _persistently(
        self, call: Callable[[], Coroutine[Any, Any, T]], retries: int | None, *, told: bool = False
    ) -> T:
        """Repeat a call while its errors are such as may pass."""
        delays = self._delays(retries)
        while True:
            try:
                return await call()
            except OdysseyError as error:
                verdict = judge(error, patient=True)
                delay_s = next(delays, None) if verdict.transient else None
                if delay_s is None:
                    raise
                delay_s = max(delay_s, verdict.wait_s or 0.0)
                if told:
                    self._on_retry(error, delay_s)
            await self._sleep(delay_s)

    def _delays(self, retries: int | None) -> Iterator[float]:
        config = AdvancedConfig(max_retries=retries, max_retry_delay_ms=MAX_DELAY_MS)
        return backoff(config, self._uniform)

    async def _unless_cancelled(self, work: Awaitable[T]) -> T:
        task = asyncio.ensure_future(work)
        request = asyncio.ensure_future(self._cancel_requested.wait())
        try:
            await asyncio.wait({task, request}, return_when=asyncio.FIRST_COMPLETED)
            if self._cancel_requested.is_set():
                raise _CancelRequestedError
            return task.result()
        finally:
            for one in (task, request):
                one.cancel()
            await asyncio.gather(task, request, return_exceptions=True)


def states_between(before: SimulationJobDetail, after: SimulationJobDetail) -> list[SimulationJobDetail]:
    """Return the job in each state that it passed between two looks, as its times tell."""
    order = [SimulationJobStatus.PENDING, SimulationJobStatus.DISPATCHED, SimulationJobStatus.PROCESSING]
    if before.status not in order:
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
        if time is not None and order.index(job.status) > order.index(before.status)
    ]
    if after.status in order:
        passed = [job for job in passed if order.index(job.status) < order.index(after.status)]
    return passed
