"""A simulation job from its submission to its terminal state. Nothing here imports ROS."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from odyssey_ros.client import (
    AdvancedConfig,
    ErrorCode,
    OdysseyArgumentError,
    OdysseyError,
    SimulationJobDetail,
)
from odyssey_ros.client.job_polling import call_with_retries, poll_until_terminal, state_changes
from odyssey_ros.client.retry import backoff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

    from odyssey_ros.client import Odyssey

T = TypeVar("T")

MAX_CANCEL_RETRIES: Final = 3
MAX_DELAY_MS: Final = 30_000


class _CancelRequestedError(Exception):
    """The run must be cancelled; never leaves this module."""


class SimulationRun:
    """One job. Create it, then await `follow` once; all methods run on the asyncio thread.

    Args:
        client: Makes the requests; its configuration bounds each of them.
        on_change: Receives the job when it is submitted, and at every change of its state. States that the
            job entered and left between two polls are included.
        on_retry: Receives the error of a failed poll, and the seconds until the next attempt.
        poll_period_s: Returns the seconds between two polls.
        max_retries: How many polls in a row may fail with a transient error; None for no limit.
        sleep: Waits some seconds.
        uniform: Returns a random number between two.

    Attributes:
        job: The last known state of the job; None before the submission.
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
        """Request that the job is cancelled, as soon as its id is known. `follow` returns the outcome."""
        self._cancel_requested.set()

    async def follow(
        self, submit: Callable[[], Coroutine[Any, Any, SimulationJobDetail]]
    ) -> SimulationJobDetail:
        """Submit the job and return it when it is completed, failed or cancelled.

        `submit` is called once, because a submission that failed may still have reached the service.

        Raises:
            OdysseyError: The job could not be submitted or polled, or (NOT_CANCELLABLE) not be cancelled.
                `job` is its last known state.
        """
        job = await submit()
        del submit  # it holds the images of the request
        self._update(job)

        async def poll() -> SimulationJobDetail:
            self.job = await self._poll(job.job_id)
            return self.job

        polling = poll_until_terminal(
            poll,
            self._on_change,
            job=job,
            period_s=self._poll_period_s,
            sleep=self._sleep,
        )
        try:
            return await self._unless_cancelled(polling)
        except _CancelRequestedError:
            return await self._cancel(self.job or job)

    def _update(self, job: SimulationJobDetail) -> None:
        """Keep the new state of the job, and report the changes."""
        before, self.job = self.job, job
        for state in state_changes(before, job):
            self._on_change(state)

    async def _poll(self, job_id: str) -> SimulationJobDetail:
        return await call_with_retries(
            lambda: self._client.get_simulate_status(job_id),
            self._delays(self._max_retries),
            self._on_retry,
            retry_forever=True,
            sleep=self._sleep,
        )

    async def _cancel(self, job: SimulationJobDetail) -> SimulationJobDetail:
        """Cancel the job; return it in the terminal state that it reached."""
        try:
            cancelled = await call_with_retries(
                lambda: self._client.cancel_simulation(job.job_id),
                self._delays(MAX_CANCEL_RETRIES),
                lambda _error, _delay_s: None,
                retry_forever=True,
                sleep=self._sleep,
            )
        except OdysseyArgumentError:
            job = await self._poll(job.job_id)
            self._update(job)
            if not job.status.is_terminal:
                raise OdysseyError(
                    f"the job is {job.status.value} and can no longer be cancelled: it runs to its end",
                    code=ErrorCode.NOT_CANCELLABLE,
                ) from None
            return job
        job = replace(job, status=cancelled.status, completed_at=cancelled.completed_at or job.completed_at)
        self._update(job)
        return job

    def _delays(self, retries: int | None) -> Iterator[float]:
        config = AdvancedConfig(max_retries=retries, max_retry_delay_ms=MAX_DELAY_MS)
        return backoff(config, self._uniform)

    async def _unless_cancelled(self, work: Coroutine[Any, Any, T]) -> T:
        """Await a coroutine, or cancel it and raise when `cancel` is called first."""
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
