"""Jobs that turn scripts into finished streams.

A script is submitted once, its job is polled, and a job that fails is replaced by a new one.

The service has no idempotency keys. Therefore each submission is recorded in the journal before it is sent.
When the outcome of a submission is unknown (the process was killed, or the response was lost), it is
settled before the next submission: among the account's newer jobs that belong to no other episode, the job
whose finished stream has the script's prompts at the script's times is the submitted one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import (
    AccountSuspendedError,
    MonthlyLimitReachedError,
    OdysseyAuthError,
    OdysseyConfigurationError,
    OdysseyConnectionError,
    OdysseyError,
    OdysseyNotFoundError,
    OdysseyUsageError,
)
from odyssey_ros.client.job_polling import poll_until_terminal
from odyssey_ros.client.retry import longer_wait_s
from odyssey_ros.client.types import SimulationJobStatus
from odyssey_ros.dataset.errors import DatasetError, EpisodeError
from odyssey_ros.dataset.events import EventKind, script_events
from odyssey_ros.dataset.iso_time import parse_time_ns, since_epoch_ns
from odyssey_ros.dataset.journal import Intent
from odyssey_ros.dataset.retry_policy import STANDARD
from odyssey_ros.dataset.service import JobFacts, RemoteStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from odyssey_ros.client.types import SimulationJobDetail, SimulationJobInfo
    from odyssey_ros.dataset.events import EventLog
    from odyssey_ros.dataset.journal import Journal
    from odyssey_ros.dataset.plans import EpisodePlan
    from odyssey_ros.dataset.retry_policy import RetryPolicy
    from odyssey_ros.dataset.service import Service

_PAGE: Final = 100
_MAX_PAGES: Final = 50
_TIME_TOLERANCE_NS: Final = 2_000_000_000


class ServiceRefusalError(DatasetError):
    """The service refuses this account. Nothing can be submitted until the user has fixed the account."""


class JobReport(Protocol):
    """Receives the progress of an episode's job."""

    def phase(self, text: str) -> None:
        """Report what the episode waits for, in a word or two."""

    def note(self, text: str) -> None:
        """Report an event, such as a job that failed and is submitted again."""


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Limits of jobs.

    Attributes:
        retries: New jobs for a script whose job failed, in one run.
        poll_s: Seconds between two polls of a job.
        settle_s: Seconds after which a submission of a process that ended has reached the service.
        retry_policy: Retries of requests that fail.
    """

    retries: int = 2
    poll_s: float = 5.0
    settle_s: float = 5.0
    retry_policy: RetryPolicy = STANDARD


class SimulationJobs:
    """Turns scripts into streams. Use it on one event loop; any number of `obtain` may run at once.

    Args:
        service: The service.
        journal: The log of submissions.
        foreign_jobs: Returns the jobs that belong to others, such as other shards. Blocks.
        fetch_events: Returns the events log of a finished stream; None when there is no log.
        limits: The limits.
    """

    def __init__(
        self,
        service: Service,
        journal: Journal,
        *,
        foreign_jobs: Callable[[], set[str]],
        fetch_events: Callable[[RemoteStream], Awaitable[EventLog | None]],
        limits: JobLimits,
    ) -> None:
        self._service = service
        self._journal = journal
        self._foreign_jobs = foreign_jobs
        self._fetch_events = fetch_events
        self._limits = limits
        # One submission at a time, so that the journal has every job of this run that a list contains.
        self._submitting = asyncio.Lock()

    async def obtain(self, plan: EpisodePlan, report: JobReport) -> RemoteStream:
        """Return the finished stream of an episode, from its existing job or from a new one.

        Raises:
            EpisodeError: The job failed more often than the limit allows, or the script was refused.
            ServiceRefusalError: The account is refused.
        """
        failures = 0
        while True:
            job_id = self._journal.state(plan.name).job_id or await self._new_job(plan, report)
            reason, detail = await self._final_state(job_id, report)
            stream = _finished_stream(detail) if detail is not None else None
            if stream is not None:
                return stream
            await asyncio.to_thread(self._journal.job_failed, plan.name, job_id)
            if detail is not None and detail.status is SimulationJobStatus.CANCELLED:
                raise EpisodeError(ErrorCode.JOB_CANCELLED, f"job {job_id} was cancelled")
            failures += 1
            if failures > self._limits.retries:
                raise EpisodeError(ErrorCode.JOB_FAILED, f"job {job_id} failed: {reason}")
            report.note(f"job {job_id} failed ({reason}); the script is submitted again")

    async def renewed(self, stream: RemoteStream) -> RemoteStream:
        """Return the same stream with new URLs.

        Raises:
            EpisodeError: The service does not return new URLs.
        """
        if stream.job is None:
            raise ValueError("the stream was not made by a job")
        job_id = stream.job.job_id
        try:
            detail = await self._limits.retry_policy.call(lambda: self._service.get_simulate_status(job_id))
        except OdysseyError as error:
            raise _service_failed(error) from error
        fresh = _finished_stream(detail, stream.job.script_index)
        if fresh is None:
            raise EpisodeError(ErrorCode.NO_VIDEO, f"job {job_id} no longer has a video")
        return fresh

    async def _new_job(self, plan: EpisodePlan, report: JobReport) -> str:
        waits = self._limits.retry_policy.waits()
        while True:
            intent = self._journal.state(plan.name).intent
            if intent is not None:
                job_id = await self._settle(plan, intent, report)
                if job_id is not None:
                    return job_id
            report.phase("submitting")
            try:
                return await self._submit(plan)
            except OdysseyUsageError as error:
                if isinstance(error, (MonthlyLimitReachedError, AccountSuspendedError)):
                    raise ServiceRefusalError(error.advice) from error
                # A limit ends when other jobs end, which takes any time: the only bound is a refusal.
                report.phase("waiting for the account's limits")
                await self._limits.retry_policy.sleep(
                    self._wait_s(self._jittered(self._limits.poll_s), error)
                )
            except OdysseyConnectionError as error:
                wait_s = next(waits, None)
                if wait_s is None:
                    raise _service_failed(error) from error
                report.phase("the service cannot be reached")
                await self._limits.retry_policy.sleep(self._wait_s(wait_s, error))
            except OdysseyConfigurationError as error:
                raise _service_failed(error) from error
            except OdysseyError as error:
                # 403 refuses this request, for example for a missing privilege. Any other refusal concerns
                # the account.
                if isinstance(error, OdysseyAuthError) and error.status_code != 403:
                    raise ServiceRefusalError(str(error)) from error
                raise EpisodeError(ErrorCode.SUBMIT_REFUSED, str(error)) from error

    async def _submit(self, plan: EpisodePlan) -> str:
        """Submit a script and return the job's id.

        Raises:
            OdysseyError: No job was made, or the outcome is unknown; the journal has the difference.
        """
        async with self._submitting:
            page = await self._service.list_simulations(limit=20)
            newest = page.jobs[0].created_at if page.jobs else ""
            seen = frozenset(job.job_id for job in page.jobs if job.created_at == newest)
            await asyncio.to_thread(self._journal.intends, plan.name, Intent(newest, seen))
            try:
                job = await self._service.simulate(
                    script=plan.script,
                    portrait=plan.portrait,
                    bypass_prompt_expansion=plan.bypass_prompt_expansion,
                )
            except OdysseyError as error:
                if _made_no_job(error):
                    await asyncio.to_thread(self._journal.not_sent, plan.name)
                raise
            await asyncio.to_thread(self._journal.submitted, plan.name, job.job_id)
            return job.job_id

    async def _settle(self, plan: EpisodePlan, intent: Intent, report: JobReport) -> str | None:
        """Return the job of a submission whose outcome is unknown; None when the submission made no job."""
        report.phase("settling an earlier submission")
        await self._limits.retry_policy.sleep(self._limits.settle_s)
        try:
            async with self._submitting:
                candidates = await self._jobs_since(intent)
            for candidate in candidates:
                _, detail = await self._final_state(candidate.job_id, report)
                stream = _finished_stream(detail) if detail is not None else None
                if stream is None or not resembles(plan, await self._fetch_events(stream), stream.duration_s):
                    continue
                async with self._submitting:  # no other episode may claim the job between check and claim
                    if candidate.job_id in self._journal.job_ids():
                        continue
                    await asyncio.to_thread(self._journal.submitted, plan.name, candidate.job_id)
                report.note(f"found job {candidate.job_id}, which an earlier run submitted")
                return candidate.job_id
        except OdysseyError as error:
            raise EpisodeError(
                ErrorCode.SUBMIT_IN_DOUBT,
                f"cannot find out whether an earlier submission made a job: {error}",
            ) from error
        await asyncio.to_thread(self._journal.not_sent, plan.name)
        return None

    async def _jobs_since(self, intent: Intent) -> list[SimulationJobInfo]:
        """Return the account's unclaimed jobs that are newer than an intent, oldest first."""
        known = self._journal.job_ids() | await asyncio.to_thread(self._foreign_jobs) | intent.seen
        since_ns = parse_time_ns(intent.newest) or 0
        found: list[SimulationJobInfo] = []
        for page_number in range(_MAX_PAGES):
            offset = page_number * _PAGE
            page = await self._limits.retry_policy.call(
                lambda offset=offset: self._service.list_simulations(limit=_PAGE, offset=offset)  # type: ignore[misc]
            )
            recent = [job for job in page.jobs if since_epoch_ns(job.created_at) >= since_ns]
            found += (job for job in recent if job.job_id not in known)
            if len(recent) < len(page.jobs) or len(page.jobs) < _PAGE:
                break
        return sorted(found, key=lambda job: job.created_at)

    async def _final_state(self, job_id: str, report: JobReport) -> tuple[str, SimulationJobDetail | None]:
        """Poll a job until it is terminal.

        Returns:
            The reason if the job made no video, and the job; None instead of a job that is gone.
        """
        retry_policy = self._limits.retry_policy
        try:
            detail = await poll_until_terminal(
                lambda: retry_policy.call(lambda: self._service.get_simulate_status(job_id)),
                lambda job: report.phase(str(job.status)),
                period_s=lambda: self._jittered(self._limits.poll_s),
                sleep=retry_policy.sleep,
            )
        except OdysseyNotFoundError:
            return "the service no longer has it", None
        except OdysseyAuthError as error:
            if error.status_code == 403:
                return "it belongs to another account", None
            raise ServiceRefusalError(str(error)) from error
        except OdysseyError as error:
            raise _service_failed(error) from error
        return detail.error_message or "it completed without a video", detail

    def _jittered(self, seconds: float) -> float:
        return seconds * self._limits.retry_policy.uniform(0.8, 1.2)

    def _wait_s(self, seconds: float, error: OdysseyError) -> float:
        return longer_wait_s(seconds, error, uniform=self._limits.retry_policy.uniform)


def resembles(plan: EpisodePlan, log: EventLog | None, duration_s: float | None) -> bool:
    """Return whether a finished stream matches a script, by its prompts and its times."""
    wanted = script_events(plan.script).events
    if log is None or not log.events:
        end_ns = wanted[-1].stream_time_ns
        return duration_s is None or abs(duration_s * 1e9 - end_ns) < _TIME_TOLERANCE_NS
    prompts = [event for event in log.events if event.kind is not EventKind.ENDED]
    asked = [event for event in wanted if event.kind is not EventKind.ENDED]
    return len(prompts) == len(asked) and all(
        abs(prompt.stream_time_ns - ask.stream_time_ns) < _TIME_TOLERANCE_NS
        and prompt.sent_prompt in {None, ask.prompt}
        for prompt, ask in zip(prompts, asked, strict=True)
    )


def stream_of(detail: SimulationJobDetail, script_index: int) -> RemoteStream | None:
    """Return the stream that a completed job made from one of its scripts; None when it has no video."""
    for stream in detail.streams:
        if stream.script_index == script_index and stream.video_url is not None:
            return RemoteStream(
                stream_id=stream.stream_id,
                video_url=stream.video_url,
                events_url=stream.events_url,
                start_time_ns=since_epoch_ns(detail.started_at or detail.created_at),
                frame_count=stream.frame_count,
                duration_s=stream.duration_seconds,
                job=JobFacts(
                    job_id=detail.job_id,
                    script_index=script_index,
                    created_at=detail.created_at,
                    started_at=detail.started_at,
                    completed_at=detail.completed_at,
                    retry_count=detail.retry_count,
                ),
            )
    return None


def _finished_stream(detail: SimulationJobDetail, script_index: int = 0) -> RemoteStream | None:
    completed = detail.status is SimulationJobStatus.COMPLETED
    return stream_of(detail, script_index) if completed else None


def _made_no_job(error: OdysseyError) -> bool:
    """Return whether it is certain that no job was made: the service refused it, or nothing was sent."""
    if isinstance(error, OdysseyConnectionError):
        return error.status_code is not None and 400 <= error.status_code < 500
    return True


def _service_failed(error: OdysseyError) -> EpisodeError:
    code = error.code if isinstance(error, OdysseyConfigurationError) else ErrorCode.SERVICE_FAILED
    return EpisodeError(code, str(error))
