"""Queues simulation jobs and runs them on worker processes, also over restarts of the service."""

from __future__ import annotations

import asyncio
import logging
import math
import uuid
from collections import deque
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Protocol

from odyssey_ros.emulator.http.json_fields import InvalidFieldError
from odyssey_ros.emulator.images import decode_data_url
from odyssey_ros.emulator.jobs.job import Job, JobStatus, JobStream
from odyssey_ros.emulator.jobs.job_files import JobFiles
from odyssey_ros.emulator.jobs.rendering import RenderTask
from odyssey_ros.emulator.jobs.script_fetch import ScriptFetchError, fetch_script
from odyssey_ros.emulator.jobs.worker_process import TaskFailedError, WorkerCrashedError, run_worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odyssey_ros.emulator.jobs.job_request import JobRequest
    from odyssey_ros.emulator.jobs.scripts import Script
    from odyssey_ros.emulator.media.recordings import RecordingStore

__all__ = ["JobFaults", "JobNotCancellableError", "JobService", "QueueFullError"]

logger = logging.getLogger(__name__)

_MAX_RETRIES = 3
_RENDER_SPEED = 6.0
"""Simulated seconds that a worker renders in a second, for the estimate of waiting times."""


class QueueFullError(Exception):
    """The account has too many unfinished jobs.

    Attributes:
        active: number of unfinished jobs of the account.
        limit: largest number of unfinished jobs.
    """

    def __init__(self, active: int, limit: int) -> None:
        super().__init__(active, limit)
        self.active = active
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.active} of {self.limit} simulation jobs are queued"


class JobNotCancellableError(Exception):
    """The job is in a state in which it cannot be cancelled.

    Attributes:
        status: the state of the job.
    """

    def __init__(self, status: JobStatus) -> None:
        super().__init__(status)
        self.status = status

    def __str__(self) -> str:
        return f"a {self.status.value} job cannot be cancelled"


class _JobFailedError(Exception):
    """The job cannot be completed; the text gives the reason, for the user."""


class JobFaults(Protocol):
    """Injects failures into jobs."""

    async def before(self, job_id: str, status: JobStatus) -> str | None:
        """Run before a job enters `status`: dispatched, processing or completed.

        The job stays in its present state until this method returns.

        Returns:
            The text of a failure, which fails the job; None to continue.
        """


class _NoFaults:
    async def before(self, job_id: str, status: JobStatus) -> str | None:  # noqa: ARG002
        return None


class JobService:
    """Accepts jobs and renders them, oldest first, on a bounded number of worker processes.

    Workers are processes of low priority: live streams have precedence and share no interpreter lock with the
    workers. The scripts of a batch are rendered in parallel, one script a worker. Jobs that an earlier run of
    the service left unfinished are queued again.

    Belongs to one event loop.

    Args:
        directory: the folder of the jobs.
        recordings: stores the outputs.
        fps: frames per second of the outputs.
        bitrate: bits per second of the outputs.
        workers: number of processes that render at once.
        region: the region of the workers.
        queue_limit: unfinished jobs that one account may have; None for no limit.
        max_finished: finished jobs of an account that are kept; the oldest ones above are forgotten.
        max_image_bytes: largest decoded input image, bytes.
        allow_private_urls: whether a `script_url` may lead to a private address.
        faults: injects failures, or None.
        now: the time, with time zone.

    Raises:
        OSError: the directory cannot be used.
    """

    def __init__(
        self,
        directory: Path,
        recordings: RecordingStore,
        *,
        fps: float = 20.0,
        bitrate: int = 2_500_000,
        workers: int = 1,
        region: str = "local",
        queue_limit: int | None = 10,
        max_finished: int = 1000,
        max_image_bytes: int = 25 * 1024 * 1024,
        allow_private_urls: bool = False,
        faults: JobFaults | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._files = JobFiles(directory)
        self._recordings = recordings
        self._fps = fps
        self._bitrate = bitrate
        self._workers = workers
        self._region = region
        self._queue_limit = queue_limit
        self._max_finished = max_finished
        self._max_image_bytes = max_image_bytes
        self._allow_private_urls = allow_private_urls
        self._faults = faults or _NoFaults()
        self._now = now
        self._slots = asyncio.Semaphore(workers)
        self._queue: deque[str] = deque()
        self._queued = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._dispatchers: list[asyncio.Task[None]] = []
        self._jobs = {job.job_id: job for job in self._files.read_all()}
        for job in list(self._jobs.values()):
            if job.status.active:
                self._requeue(job, again=job.status is JobStatus.PROCESSING)

    async def start(self) -> None:
        """Start to run the queued jobs."""
        self._dispatchers = [
            asyncio.create_task(self._dispatch(), name="odyssey-jobs") for _ in range(self._workers)
        ]

    async def close(self) -> None:
        """Stop all workers; unfinished jobs are queued again when the service starts next."""
        tasks = [*self._dispatchers, *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def submit(self, owner: str, request: JobRequest) -> Job:
        """Accept a job.

        Args:
            owner: name of the account.
            request: the job.

        Raises:
            QueueFullError: the account has too many unfinished jobs.
            InvalidFieldError: an input image is invalid.
        """
        active = sum(job.owner == owner and job.status.active for job in self._jobs.values())
        if self._queue_limit is not None and active >= self._queue_limit:
            raise QueueFullError(active, self._queue_limit)
        job = Job(
            job_id=str(uuid.uuid4()),
            owner=owner,
            status=JobStatus.PENDING,
            created_at=self._now(),
            portrait=request.portrait,
            output_video=request.output_video,
            bypass_expansion=request.bypass_expansion,
            duration_ms=sum(script.duration_ms for script in request.scripts),
            script_url=request.script_url,
        )
        # Registered before the first await, so that concurrent requests cannot exceed the limit together.
        self._jobs[job.job_id] = job
        try:
            await asyncio.to_thread(self._accept, job, request.scripts)
        except BaseException:
            del self._jobs[job.job_id]
            raise
        if self._jobs[job.job_id].status is JobStatus.PENDING:
            self._queue.append(job.job_id)
            self._queued.set()
        return self._jobs[job.job_id]

    def _accept(self, job: Job, scripts: tuple[Script, ...]) -> None:
        for index, script in enumerate(scripts):
            self._check_image(script, index)
        if scripts:
            self._files.write_scripts(job.job_id, scripts)
        self._files.write(job)

    def _check_image(self, script: Script, index: int) -> None:
        if script.image is None:
            return
        try:
            decode_data_url(script.image, self._max_image_bytes)
        except ValueError as error:
            raise InvalidFieldError(("scripts", index, 0, "start", "image"), str(error)) from None

    def get(self, job_id: str) -> Job | None:
        """Return a job of any account, or None."""
        return self._jobs.get(job_id)

    def page(
        self,
        owner: str,
        limit: int = 20,
        offset: int = 0,
        *,
        status: JobStatus | None = None,
        active: bool | None = None,
    ) -> tuple[list[Job], int]:
        """Return one page of an account's jobs, newest first, and the total number of matching jobs.

        Args:
            owner: name of the account.
            limit: largest number of jobs on the page.
            offset: number of jobs to skip.
            status: select jobs in this state; None for all states.
            active: True selects unfinished jobs, False finished jobs; None selects both.
        """
        matching = [
            job
            for job in self._jobs.values()
            if job.owner == owner
            and (status is None or job.status is status)
            and (active is None or job.status.active is active)
        ]
        matching.sort(key=lambda job: (job.created_at, job.job_id), reverse=True)
        return matching[offset : offset + limit], len(matching)

    async def cancel(self, job_id: str) -> Job:
        """Cancel a job.

        Raises:
            KeyError: there is no such job.
            JobNotCancellableError: the job is processing or finished.
        """
        job = self._jobs[job_id]
        if not job.status.cancellable:
            raise JobNotCancellableError(job.status)
        if job_id in self._queue:
            self._queue.remove(job_id)
        self._set(replace(job, status=JobStatus.CANCELLED, completed_at=self._now()))
        task = self._running.get(job_id)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return self._jobs[job_id]

    def estimated_wait_minutes(self, job: Job) -> int | None:
        """Return the estimated minutes, rounded up, until a pending job starts; None for any other job."""
        if job.status is not JobStatus.PENDING:
            return None
        ahead = sum(
            other.duration_ms
            for other in self._jobs.values()
            if other.status.active and (other.created_at, other.job_id) < (job.created_at, job.job_id)
        )
        return math.ceil(ahead / 60_000 / _RENDER_SPEED / self._workers)

    # Below: running the jobs.

    def _set(self, job: Job) -> Job:
        self._jobs[job.job_id] = job
        self._files.write(job)
        if not job.status.active:
            self._files.remove_scripts(job.job_id)
            self._forget_others(job)
        return job

    def _forget_others(self, ended: Job) -> None:
        """Forget the account's oldest finished jobs above the bound; their recordings are kept."""
        others = [
            job
            for job in self._jobs.values()
            if job.owner == ended.owner and not job.status.active and job.job_id != ended.job_id
        ]
        others.sort(key=lambda job: (job.completed_at or job.created_at, job.job_id), reverse=True)
        for job in others[self._max_finished - 1 :]:
            del self._jobs[job.job_id]
            self._files.remove(job.job_id)

    def _requeue(self, job: Job, *, again: bool) -> None:
        for stream in job.streams:
            self._recordings.discard(stream.stream_id)
            self._recordings.remove(stream.stream_id)
        self._set(
            replace(
                job,
                status=JobStatus.PENDING,
                dispatched_at=None,
                started_at=None,
                assigned_region=None,
                streams=(),
                retry_count=job.retry_count + again,
            )
        )
        self._queue.append(job.job_id)
        self._queued.set()

    async def _dispatch(self) -> None:
        while True:
            while not self._queue:
                self._queued.clear()
                await self._queued.wait()
            job_id = self._queue.popleft()
            task = asyncio.create_task(self._run(job_id), name=f"odyssey-job-{job_id}")
            self._running[job_id] = task
            try:
                await asyncio.wait({task})
            finally:
                del self._running[job_id]
            if not task.cancelled() and (error := task.exception()) is not None:
                logger.error(
                    "Cannot write the state of simulation job %s; check the data directory",
                    job_id,
                    exc_info=error,
                )

    async def _run(self, job_id: str) -> None:
        try:
            await self._run_steps(self._jobs[job_id])
        except WorkerCrashedError:
            job = self._jobs[job_id]
            if job.retry_count < _MAX_RETRIES:
                self._requeue(job, again=True)
            else:
                self._fail(job_id, "The simulation failed repeatedly")
        except (_JobFailedError, TaskFailedError) as error:
            self._fail(job_id, str(error))
        except Exception:
            logger.exception("Simulation job %s failed; its error_message is: Internal error", job_id)
            self._fail(job_id, "Internal error")

    def _fail(self, job_id: str, reason: str) -> None:
        job = self._jobs[job_id]
        for stream in job.streams:
            self._recordings.discard(stream.stream_id)
        self._set(replace(job, status=JobStatus.FAILED, error_message=reason, completed_at=self._now()))

    async def _run_steps(self, job: Job) -> None:
        await self._inject_faults(job, JobStatus.DISPATCHED)
        job = self._set(
            replace(
                job,
                status=JobStatus.DISPATCHED,
                dispatched_at=self._now(),
                assigned_region=self._region,
            )
        )
        scripts = await asyncio.to_thread(self._files.read_scripts, job.job_id)
        if not scripts and job.script_url is not None:
            scripts = (await self._fetch(job.script_url),)
        if not scripts:
            raise _JobFailedError("The script was lost")
        await self._inject_faults(job, JobStatus.PROCESSING)
        streams = tuple(JobStream(str(uuid.uuid4()), index) for index in range(len(scripts)))
        job = self._set(
            replace(
                job,
                status=JobStatus.PROCESSING,
                started_at=self._now(),
                duration_ms=sum(script.duration_ms for script in scripts),
                streams=streams,
            )
        )
        await self._render_all(job, scripts)
        await self._inject_faults(job, JobStatus.COMPLETED)
        self._set(replace(job, status=JobStatus.COMPLETED, completed_at=self._now()))

    async def _inject_faults(self, job: Job, status: JobStatus) -> None:
        reason = await self._faults.before(job.job_id, status)
        if reason is not None:
            raise _JobFailedError(reason)

    async def _fetch(self, url: str) -> Script:
        try:
            script = await fetch_script(url, allow_private=self._allow_private_urls)
            await asyncio.to_thread(self._check_image, script, 0)
        except ScriptFetchError as error:
            raise _JobFailedError(str(error)) from None
        except InvalidFieldError as error:
            raise _JobFailedError(f"The script is not valid: {error}") from None
        return script

    async def _render_all(self, job: Job, scripts: tuple[Script, ...]) -> None:
        tasks = [
            asyncio.create_task(self._render(job, stream, scripts[stream.script_index]))
            for stream in job.streams
        ]
        try:
            # Not gather: a cancelled gather cancels the tasks and does not await them.
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _render(self, job: Job, stream: JobStream, script: Script) -> None:
        task = RenderTask(
            directory=self._recordings.incoming(stream.stream_id),
            stream_id=stream.stream_id,
            owner=job.owner,
            portrait=job.portrait,
            fps=self._fps,
            bitrate=self._bitrate,
            bypass_expansion=job.bypass_expansion,
            max_image_bytes=self._max_image_bytes,
            started_at=self._now(),
            script=script,
        )
        async with self._slots:
            await run_worker(task)
        await asyncio.to_thread(self._recordings.adopt, stream.stream_id)
