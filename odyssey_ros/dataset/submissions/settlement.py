"""Settles submissions whose outcome is unknown: the process was killed, or the response was lost.

A job is claimed only if it is certain that the submission made it, and the script is submitted again only if
it is certain that the submission made no job:

- Certain that a job is the submitted one: the list of newer jobs is complete; the job has one stream; its log
  has no losses, and has the sent prompts of the script at the script's times; its duration and orientation
  are those of the script; no other job without an episode fits the script; and the job could not be that of
  another episode in doubt. Episodes with equal scripts may take each other's jobs, because both submitted the
  same.
- Certain that there is no job: the list is complete, and each newer job belongs to another episode, differs
  from the script, or made nothing (it failed or was cancelled, in which case a new job replaces it anyway).

Otherwise the episode stays in doubt until the user decides.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import OdysseyError
from odyssey_ros.client.types import SimulationJobStatus
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.submissions.job_listing import jobs_since
from odyssey_ros.dataset.submissions.submission_matching import (
    Evidence,
    Match,
    Verdict,
    compare,
    compare_orientation,
    content_digest,
    visible_digest,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from odyssey_ros.client.types import SimulationJobDetail, SimulationJobInfo
    from odyssey_ros.dataset.logs.events import EventLog
    from odyssey_ros.dataset.scripts.plans import EpisodePlan
    from odyssey_ros.dataset.service import RemoteStream, Service
    from odyssey_ros.dataset.submissions.job_listing import JobListing
    from odyssey_ros.dataset.submissions.job_watch import FinalState, JobLimits, JobReport, JobWatch
    from odyssey_ros.dataset.submissions.journal import Intent, Journal, OtherSubmissions

_MAX_CANDIDATES: Final = 500
_NAMED_CANDIDATES: Final = 5


class CandidateFiles(Protocol):
    """The files of jobs that may have been made by a submission."""

    async def log(self, stream: RemoteStream) -> EventLog | None:
        """Return the events log of a stream; None when the service has none.

        Raises:
            EpisodeError: The log is not available.
        """

    async def is_portrait(self, stream: RemoteStream, episode: str) -> bool | None:
        """Return whether the video of a stream is higher than wide; None when it is unknown.

        Args:
            stream: The stream.
            episode: The episode that will probably claim the stream, and then needs the video.

        Raises:
            EpisodeError: The video is not available.
        """


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A job that may be the submitted one, and why it is not certain."""

    job: SimulationJobInfo
    verdict: Verdict

    def __str__(self) -> str:
        reason = f": {self.verdict.reason}" if self.verdict.reason else ""
        return f"{self.job.job_id} (created {self.job.created_at or 'at an unknown time'}{reason})"


class Settlement:
    """Settles submissions. Use it on one event loop; any number of calls may run at once.

    Args:
        service: The service.
        journal: The log of submissions.
        watch: Polls jobs.
        others: Returns the submissions of other shards in the same folder. Blocks.
        files: Downloads the files of candidates.
        submitting: Is held during a submission, and while a job is claimed.
        elsewhere: `visible_digest` of the scripts of other shards, which may be submitted by other machines.
        limits: The limits.
        resubmitted: Episodes for which the user has already said in this run to submit again.
    """

    def __init__(
        self,
        service: Service,
        journal: Journal,
        watch: JobWatch,
        *,
        others: Callable[[], OtherSubmissions],
        files: CandidateFiles,
        submitting: asyncio.Lock,
        elsewhere: frozenset[str],
        limits: JobLimits,
        resubmitted: frozenset[str] = frozenset(),
    ) -> None:
        self._service = service
        self._journal = journal
        self._watch = watch
        self._others = others
        self._files = files
        self._submitting = submitting
        self._elsewhere = elsewhere
        self._limits = limits
        self._resubmitted = resubmitted
        self._evidence: dict[str, Evidence] = {}

    async def settle(self, plan: EpisodePlan, intent: Intent, report: JobReport) -> str | None:
        """Return the job of a submission whose outcome is unknown; None when it certainly made no job.

        Raises:
            EpisodeError: The outcome stays unknown (`SUBMIT_IN_DOUBT`); the text says how to decide.
            ServiceRefusalError: The account is refused.
        """
        report.phase("settling an earlier submission")
        await self._limits.retry_policy.sleep(self._limits.settle_s)
        try:
            listing = await self._listing(intent)
            candidates = [
                _Candidate(job, verdict)
                for job in listing.jobs
                if (verdict := await self._verdict(plan, job, report)).match is not Match.EXCLUDED
            ]
        except OdysseyError as error:
            raise await self._in_doubt(plan, intent, str(error)) from error
        async with self._submitting:  # no other episode may claim the job between check and claim
            others = await asyncio.to_thread(self._others)
            known = self._journal.job_ids() | others.jobs
            candidates = [candidate for candidate in candidates if candidate.job.job_id not in known]
            if not candidates and not listing.gap and not others.unreadable:
                await asyncio.to_thread(self._journal.not_sent, plan.name)
                return None
            doubt = listing.gap or self._doubt(plan, candidates, others)
            if doubt:
                raise await self._in_doubt(plan, intent, doubt, candidates)
            job_id = candidates[0].job.job_id
            await asyncio.to_thread(self._journal.submitted, plan.name, job_id)
        report.note(f"found job {job_id}, which an earlier submission made")
        return job_id

    async def verdict_of(self, plan: EpisodePlan, final: FinalState) -> Verdict:
        """Compare a script with a terminal job.

        Raises:
            EpisodeError: A file of the job is not available.
        """
        if final.detail is None:
            return Verdict(Match.EXCLUDED if final.is_foreign else Match.POSSIBLE, final.reason)
        if final.detail.status is not SimulationJobStatus.COMPLETED:
            return Verdict(Match.EXCLUDED, f"it is {final.detail.status}")
        verdict = compare(plan, await self._evidence_of(final.detail, final.stream))
        if verdict.match is not Match.CERTAIN:
            return verdict
        if final.stream is None:
            return Verdict(Match.POSSIBLE, "it has no video")
        return compare_orientation(plan, portrait=await self._files.is_portrait(final.stream, plan.name))

    async def _listing(self, intent: Intent) -> JobListing:
        async with self._submitting:
            listing = await jobs_since(self._service, intent, self._limits.retry_policy)
        known = self._journal.job_ids() | (await asyncio.to_thread(self._others)).jobs
        jobs = tuple(job for job in listing.jobs if job.job_id not in known)
        if len(jobs) > _MAX_CANDIDATES:
            return replace(listing, jobs=(), gap=f"{len(jobs)} jobs of unknown origin are newer")
        return replace(listing, jobs=jobs)

    async def _verdict(self, plan: EpisodePlan, job: SimulationJobInfo, report: JobReport) -> Verdict:
        final = await self._watch.final_state(job.job_id, report)
        cancelled = final.detail is not None and final.detail.status is SimulationJobStatus.CANCELLED
        if cancelled and not job.status.is_terminal:
            return Verdict(Match.POSSIBLE, "it was cancelled while this command waited for it")
        try:
            return await self.verdict_of(plan, final)
        except EpisodeError as error:
            return Verdict(Match.POSSIBLE, error.message)

    async def _evidence_of(self, detail: SimulationJobDetail, stream: RemoteStream | None) -> Evidence:
        if detail.job_id not in self._evidence:
            self._evidence[detail.job_id] = Evidence(
                tuple(sorted(stream.script_index for stream in detail.streams)),
                None if stream is None else await self._files.log(stream),
                None if stream is None else stream.duration_s,
            )
        return self._evidence[detail.job_id]

    def _doubt(self, plan: EpisodePlan, candidates: Sequence[_Candidate], others: OtherSubmissions) -> str:
        """Return why the oldest candidate may not be claimed; empty when it is certain."""
        if others.unreadable:
            return f"the submissions of another shard cannot be read: {others.unreadable[0]}"
        if any(candidate.verdict.match is not Match.CERTAIN for candidate in candidates):
            return "a job may be the submitted one"
        visible = visible_digest(plan)
        if visible in self._elsewhere:
            return "another shard has a script that cannot be told apart from this one"
        doubts = [intent for name, intent in self._journal.doubts().items() if name != plan.name]
        equal = [intent for intent in doubts if intent.content == content_digest(plan)]
        rivals = [
            intent
            for intent in (*doubts, *others.doubts)
            if intent not in equal and intent.visible in {"", visible}
        ]
        if rivals:
            return "another uncertain submission may have made the job"
        if len(candidates) > 1 + len(equal):
            return "several jobs fit the script"
        return ""

    async def _in_doubt(
        self, plan: EpisodePlan, intent: Intent, reason: str, candidates: Sequence[_Candidate] = ()
    ) -> EpisodeError:
        """Record that the doubt is reported to the user, and return the error."""
        when = f" at {intent.time}" if intent.time else ""
        text = f"it is unknown whether the submission{when} made a job: {reason}. "
        shown = candidates[:_NAMED_CANDIDATES]
        if shown:
            more = len(candidates) - len(shown)
            text += f"Candidates: {'; '.join(map(str, shown))}{f'; and {more} more' if more else ''}. "
        if plan.name in self._resubmitted:
            # The same command may run again by itself: it must not pay again without a new decision.
            return EpisodeError(
                ErrorCode.SUBMIT_IN_DOUBT,
                f"{text}To decide, run the command without --resubmit {plan.name} first",
            )
        await asyncio.to_thread(self._journal.reported, plan.name)
        job_ids = [candidate.job.job_id for candidate in shown] or ["JOB_ID"]
        claims = " or ".join(f"--claim {plan.name}={job_id}" for job_id in job_ids)
        return EpisodeError(
            ErrorCode.SUBMIT_IN_DOUBT,
            f"{text}To decide, run the command again with {claims} to use that job, or with --resubmit "
            f"{plan.name} to submit the script again, as another job",
        )
