"""Scripts in, finished streams out: jobs submitted once each, followed, and made anew when they fail.

The service has no idempotency keys. So what is about to be sent is written down first, and a submission
whose fate is unknown (the process was killed, or the answer never came) is settled before another is made:
the jobs that the account has got since then, and that belong to nobody else, are looked at when they have
ended, and one that shows the script's prompts at the script's times is ours.
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
    OdysseyConnectionError,
    OdysseyError,
    OdysseyNotFoundError,
    OdysseyUsageError,
)
from odyssey_ros.client.job_polling import poll_until_terminal
from odyssey_ros.client.types import SimulationJobStatus
from odyssey_ros.dataset.errors import DatasetError, EpisodeError
from odyssey_ros.dataset.events import EventKind, script_events
from odyssey_ros.dataset.iso_time import parse_time_ns, since_epoch_ns
from odyssey_ros.dataset.journal import Intent
from odyssey_ros.dataset.patience import STANDARD
from odyssey_ros.dataset.service import JobFacts, RemoteStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from odyssey_ros.client.types import SimulationJobDetail, SimulationJobInfo
    from odyssey_ros.dataset.events import EventLog
    from odyssey_ros.dataset.journal import Journal
    from odyssey_ros.dataset.patience import Patience
    from odyssey_ros.dataset.plans import EpisodePlan
    from odyssey_ros.dataset.service import Service

_PAGE: Final = 100
_MAX_PAGES: Final = 50
_TIME_TOLERANCE_NS: Final = 2_000_000_000


class ServiceRefusalError(DatasetError):
    """The service refuses this account: nothing more can be submitted until people have done something."""


class JobReport(Protocol):
    """Hears how the job of an episode goes."""

    def phase(self, text: str) -> None:
        """What the episode waits for now, in a word or two."""

    def note(self, text: str) -> None:
        """Something that people should know, such as a job that failed and is made anew."""


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Bounds of jobs.

    Attributes:
        retries: New jobs for a script whose job failed, in one run.
        poll_s: Seconds between two looks at a job.
        settle_s: Seconds that a submission may be under way to the service after its sender is gone.
        patience: For requests that fail.
    """

    retries: int = 2
    poll_s: float = 5.0
    settle_s: float = 5.0
    patience: Patience = STANDARD


class SimulationJobs:
    """Makes streams of scripts. On one event loop; any number of `obtain` at once.

    Args:
        service: The service.
        journal: The log of submissions.
        foreign_jobs: Jobs that are known to be those of others, such as of other shards. Blocks.
        fetch_events: Reads the events log of a finished stream; None when there is none.
        limits: Bounds.
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
        # One submission at a time, so that a list of jobs holds no job of ours that is not written down yet.
        self._submitting = asyncio.Lock()

    async def obtain(self, plan: EpisodePlan, report: JobReport) -> RemoteStream:
        """Get the finished stream of an episode: from the job that there is, or from a new one.

        Raises:
            EpisodeError: The job failed, as often as the bound allows; or the script was refused.
            ServiceRefusalError: The account is refused.
        """
        failures = 0
        while True:
            job_id = self._journal.state(plan.name).job_id or await self._new_job(plan, report)
            reason, detail = await self._followed(job_id, report)
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

    async def refreshed(self, stream: RemoteStream) -> RemoteStream:
        """The same stream with fresh URLs.

        Raises:
            EpisodeError: The service does not give them.
        """
        if stream.job is None:
            raise ValueError("the stream comes from no job")
        job_id = stream.job.job_id
        try:
            detail = await self._limits.patience.call(lambda: self._service.get_simulate_status(job_id))
        except OdysseyError as error:
            raise _service_failed(error) from error
        fresh = _finished_stream(detail, stream.job.script_index)
        if fresh is None:
            raise EpisodeError(ErrorCode.NO_VIDEO, f"job {job_id} has no video any more")
        return fresh

    async def _new_job(self, plan: EpisodePlan, report: JobReport) -> str:
        waits = self._limits.patience.waits()
        while True:
            intent = self._journal.state(plan.name).intent
            if intent is not None:
                job_id = await self._settled(plan, intent, report)
                if job_id is not None:
                    return job_id
            report.phase("submitting")
            try:
                return await self._submit(plan)
            except OdysseyUsageError as error:
                if isinstance(error, (MonthlyLimitReachedError, AccountSuspendedError)):
                    raise ServiceRefusalError(f"{error} {error.action}".strip()) from error
                # Limits pass when jobs end, ours or others': no bound but the service's own word.
                report.phase("waiting for the account's limits")
                await self._limits.patience.sleep(self._jittered(error.retry_after_s or self._limits.poll_s))
            except OdysseyConnectionError as error:
                wait_s = next(waits, None)
                if wait_s is None:
                    raise _service_failed(error) from error
                report.phase("the service cannot be reached")
                await self._limits.patience.sleep(max(wait_s, error.retry_after_s or 0.0))
            except OdysseyError as error:
                # 403 concerns what was asked for, such as a privilege; any other refusal the account.
                if isinstance(error, OdysseyAuthError) and error.status_code != 403:
                    raise ServiceRefusalError(str(error)) from error
                raise EpisodeError(ErrorCode.SUBMIT_REFUSED, str(error)) from error

    async def _submit(self, plan: EpisodePlan) -> str:
        """Submit a script; raises the client's error when there is no job, or nobody knows."""
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
                if _certainly_refused(error):
                    await asyncio.to_thread(self._journal.not_sent, plan.name)
                raise
            await asyncio.to_thread(self._journal.submitted, plan.name, job.job_id)
            return job.job_id

    async def _settled(self, plan: EpisodePlan, intent: Intent, report: JobReport) -> str | None:
        """Find the job of a submission whose fate is unknown; None when it made none."""
        report.phase("settling an earlier submission")
        await self._limits.patience.sleep(self._limits.settle_s)
        try:
            async with self._submitting:
                candidates = await self._jobs_since(intent)
            for candidate in candidates:
                _, detail = await self._followed(candidate.job_id, report)
                stream = _finished_stream(detail) if detail is not None else None
                if stream is None or not resembles(plan, await self._fetch_events(stream), stream.duration_s):
                    continue
                async with self._submitting:  # between the look and the claim, nobody else may claim it
                    if candidate.job_id in self._journal.job_ids():
                        continue
                    await asyncio.to_thread(self._journal.submitted, plan.name, candidate.job_id)
                report.note(f"job {candidate.job_id}, submitted by an earlier run, was found again")
                return candidate.job_id
        except OdysseyError as error:
            raise EpisodeError(
                ErrorCode.SUBMIT_IN_DOUBT,
                f"an earlier submission may have arrived, and the service does not say: {error}",
            ) from error
        await asyncio.to_thread(self._journal.not_sent, plan.name)
        return None

    async def _jobs_since(self, intent: Intent) -> list[SimulationJobInfo]:
        """The account's jobs since an intent that nobody has claimed, oldest first."""
        known = self._journal.job_ids() | await asyncio.to_thread(self._foreign_jobs) | intent.seen
        since_ns = parse_time_ns(intent.newest) or 0
        found: list[SimulationJobInfo] = []
        for page_number in range(_MAX_PAGES):
            offset = page_number * _PAGE
            page = await self._limits.patience.call(
                lambda offset=offset: self._service.list_simulations(limit=_PAGE, offset=offset)  # type: ignore[misc]
            )
            recent = [job for job in page.jobs if since_epoch_ns(job.created_at) >= since_ns]
            found += (job for job in recent if job.job_id not in known)
            if len(recent) < len(page.jobs) or len(page.jobs) < _PAGE:
                break
        return sorted(found, key=lambda job: job.created_at)

    async def _followed(self, job_id: str, report: JobReport) -> tuple[str, SimulationJobDetail | None]:
        """Poll a job until it is terminal.

        Returns:
            The reason if the job made no video, and the job; None instead of a job that is gone.
        """
        patience = self._limits.patience
        try:
            detail = await poll_until_terminal(
                lambda: patience.call(lambda: self._service.get_simulate_status(job_id)),
                lambda job: report.phase(str(job.status)),
                period_s=lambda: self._jittered(self._limits.poll_s),
                sleep=patience.sleep,
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
        return seconds * self._limits.patience.uniform(0.8, 1.2)


def resembles(plan: EpisodePlan, log: EventLog | None, duration_s: float | None) -> bool:
    """Whether a finished stream is what a script asks for, by its prompts and its times."""
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
    """What a completed job made of one of its scripts; None when it made no video of it."""
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


def _certainly_refused(error: OdysseyError) -> bool:
    """Whether an error means that no job was made: the service said so, or nothing was sent."""
    if isinstance(error, OdysseyConnectionError):
        return error.status_code is not None and 400 <= error.status_code < 500
    return True


def _service_failed(error: OdysseyError) -> EpisodeError:
    return EpisodeError(ErrorCode.SERVICE_FAILED, str(error))
