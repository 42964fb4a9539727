"""Jobs that turn scripts into finished streams.

A script is submitted once, its job is polled, and a job that fails is replaced by a new one.

The service has no idempotency keys. Therefore each submission is recorded in the journal before it is sent.
When the outcome of a submission is unknown (the process was killed, or the response was lost), it is
settled before the next submission; see `settlement`.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import (
    AccountSuspendedError,
    MonthlyLimitReachedError,
    OdysseyAuthError,
    OdysseyConfigurationError,
    OdysseyConnectionError,
    OdysseyError,
    OdysseyUsageError,
    StreamDurationExceededError,
)
from odyssey_ros.client.retry import longer_wait_s, retry_decision
from odyssey_ros.client.types import SimulationJobStatus
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.submissions.job_listing import newest_jobs
from odyssey_ros.dataset.submissions.job_watch import (
    JobWatch,
    ServiceRefusalError,
    finished_stream,
    service_failed,
)
from odyssey_ros.dataset.submissions.journal import Intent
from odyssey_ros.dataset.submissions.settlement import Settlement
from odyssey_ros.dataset.submissions.submission_matching import content_digest, visible_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.dataset.scripts.plans import EpisodePlan
    from odyssey_ros.dataset.service import RemoteStream, Service
    from odyssey_ros.dataset.submissions.job_watch import JobLimits, JobReport
    from odyssey_ros.dataset.submissions.journal import Journal, OtherSubmissions
    from odyssey_ros.dataset.submissions.settlement import CandidateFiles


class SimulationJobs:
    """Turns scripts into streams. Use it on one event loop; any number of `obtain` may run at once.

    Args:
        service: The service.
        journal: The log of submissions.
        others: Returns the submissions of other shards in the same folder. Blocks.
        files: Downloads the files of jobs that may have been made by an uncertain submission.
        limits: The limits.
        elsewhere: `visible_digest` of the scripts of other shards.
        resubmitted: Episodes for which the user says in this run to submit again.

    Attributes:
        settlement: Settles submissions whose outcome is unknown.
        watch: Polls jobs.
    """

    def __init__(
        self,
        service: Service,
        journal: Journal,
        *,
        others: Callable[[], OtherSubmissions],
        files: CandidateFiles,
        limits: JobLimits,
        elsewhere: frozenset[str] = frozenset(),
        resubmitted: frozenset[str] = frozenset(),
    ) -> None:
        self._service = service
        self._journal = journal
        self._limits = limits
        # One submission at a time, so that the journal has every job of this run that a list contains.
        self._submitting = asyncio.Lock()
        self.watch = JobWatch(service, limits)
        self.settlement = Settlement(
            service,
            journal,
            self.watch,
            others=others,
            files=files,
            submitting=self._submitting,
            elsewhere=elsewhere,
            limits=limits,
            resubmitted=resubmitted,
        )

    async def obtain(self, plan: EpisodePlan, report: JobReport) -> RemoteStream:
        """Return the finished stream of an episode, from its existing job or from a new one.

        Raises:
            EpisodeError: The job failed more often than the limit allows, or the script was refused.
            ServiceRefusalError: The account is refused.
        """
        failures = 0
        while True:
            job_id = self._journal.state(plan.name).job_id or await self._new_job(plan, report)
            final = await self.watch.final_state(job_id, report)
            if final.stream is not None:
                return final.stream
            if final.is_foreign:
                raise EpisodeError(
                    ErrorCode.NOT_AUTHORIZED,
                    f"job {job_id} of an earlier run belongs to another account: use the API key of that "
                    "run, or another folder",
                )
            await asyncio.to_thread(self._journal.job_failed, plan.name, job_id)
            if final.detail is not None and final.detail.status is SimulationJobStatus.CANCELLED:
                raise EpisodeError(ErrorCode.JOB_CANCELLED, f"job {job_id} was cancelled")
            failures += 1
            if failures > self._limits.retries:
                raise EpisodeError(ErrorCode.JOB_FAILED, f"job {job_id} failed: {final.reason}")
            report.note(f"job {job_id} failed ({final.reason}); the script is submitted again")

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
            raise service_failed(error) from error
        fresh = finished_stream(detail, stream.job.script_index)
        if fresh is None:
            raise EpisodeError(ErrorCode.NO_VIDEO, f"job {job_id} no longer has a video")
        return fresh

    async def _new_job(self, plan: EpisodePlan, report: JobReport) -> str:
        waits = self._limits.retry_policy.waits()
        limit = ""
        while True:
            intent = self._journal.state(plan.name).intent
            if intent is not None:
                job_id = await self.settlement.settle(plan, intent, report)
                if job_id is not None:
                    return job_id
            report.phase("submitting")
            try:
                return await self._submit(plan)
            except OdysseyUsageError as error:
                if isinstance(error, StreamDurationExceededError):
                    raise EpisodeError(ErrorCode.SUBMIT_REFUSED, error.advice) from error
                if not _is_passing(error):
                    raise ServiceRefusalError(error.advice) from error
                # A limit ends when other jobs end, which takes any time: the only bound is a refusal.
                if error.advice != limit:
                    limit = error.advice
                    report.note(f"the submission waits until the service accepts it: {limit}")
                report.phase("waiting for the account's limits")
                await self._limits.retry_policy.sleep(
                    self._wait_s(self._limits.jittered(self._limits.poll_s), error)
                )
            except OdysseyConnectionError as error:
                wait_s = next(waits, None)
                if wait_s is None:
                    raise service_failed(error) from error
                report.phase("the service cannot be reached")
                await self._limits.retry_policy.sleep(self._wait_s(wait_s, error))
            except OdysseyConfigurationError as error:
                raise service_failed(error) from error
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
            newest, seen = await newest_jobs(self._service)
            now = datetime.now(timezone.utc).isoformat(timespec="seconds")
            intent = Intent(newest, seen, now, visible_digest(plan), content_digest(plan))
            await asyncio.to_thread(self._journal.intends, plan.name, intent)
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

    def _wait_s(self, seconds: float, error: OdysseyError) -> float:
        return longer_wait_s(seconds, error, uniform=self._limits.retry_policy.uniform)


def _is_passing(error: OdysseyUsageError) -> bool:
    """Return whether a limit ends by itself. For any other one, such as a payment, the user has to act."""
    if isinstance(error, (MonthlyLimitReachedError, AccountSuspendedError)):
        return False
    return error.status_code == 429 or retry_decision(error, retry_forever=False).transient


def _made_no_job(error: OdysseyError) -> bool:
    """Return whether it is certain that no job was made: the service refused it, or nothing was sent."""
    if isinstance(error, OdysseyConnectionError):
        status = error.status_code
        # 408 and 499 are also answers of proxies, which may have passed the request on before.
        return status is not None and 400 <= status < 500 and status not in {408, 499}
    return True
