"""The user's decisions about submissions whose outcome is unknown: `--claim` and `--resubmit`.

All decisions are checked before the first one is recorded in the journal. A decision that an earlier run has
recorded is accepted again, so that the same command can be repeated.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from odyssey_ros.client.errors import OdysseyError, OdysseyNotFoundError
from odyssey_ros.client.types import SimulationJobStatus
from odyssey_ros.dataset.errors import EpisodeError, PlanError
from odyssey_ros.dataset.submissions.job_watch import FinalState
from odyssey_ros.dataset.submissions.submission_matching import Match

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from odyssey_ros.dataset.retry_policy import RetryPolicy
    from odyssey_ros.dataset.scripts.plans import EpisodePlan
    from odyssey_ros.dataset.service import Service
    from odyssey_ros.dataset.submissions.journal import Journal, OtherSubmissions
    from odyssey_ros.dataset.submissions.settlement import Settlement


def check_names(claims: Sequence[tuple[str, str]], resubmit: Sequence[str], episodes: Sequence[str]) -> None:
    """Check the decisions without the service; `episodes` are the names of all episodes, in all shards.

    Raises:
        PlanError: A name is unknown or decided twice, or two episodes claim one job.
    """
    names = [name for name, _ in claims] + list(resubmit)
    for name in names:
        if name not in episodes:
            raise PlanError(f"there is no episode {name}: --dry-run prints the names of all episodes")
    for what, values in (("episode", names), ("job", [job_id for _, job_id in claims])):
        value, count = next(iter(Counter(values).most_common(1)), ("", 0))
        if count > 1:
            raise PlanError(
                f"{what} {value} is decided {count} times: give each {what} one --claim or --resubmit"
            )


async def apply_decisions(
    claims: Sequence[tuple[str, str]],
    resubmit: Sequence[str],
    *,
    plans: Sequence[EpisodePlan],
    service: Service,
    journal: Journal,
    settlement: Settlement,
    others: OtherSubmissions,
    retry_policy: RetryPolicy,
) -> None:
    """Record the decisions about the episodes of this shard in the journal.

    Args:
        claims: Episodes and the jobs that make them.
        resubmit: Episodes whose submission made no job, or whose job is given up.
        plans: The episodes of this shard; decisions about other episodes are ignored.
        service: The service.
        journal: The log of submissions.
        settlement: Compares jobs with scripts.
        others: The submissions of other shards.
        retry_policy: Retries of requests that fail.

    Raises:
        PlanError: A decision is not possible; nothing was recorded.
        EpisodeError: The disk failed.
    """
    by_name: Mapping[str, EpisodePlan] = {plan.name: plan for plan in plans}
    told = {name for name, intent in journal.doubts().items() if intent.reported}
    accepted: list[tuple[str, str]] = []
    for name, job_id in claims:
        if name not in by_name or journal.state(name).job_id == job_id:
            continue
        _check_doubt(journal, "--claim", name)
        owner = journal.owner_of(job_id) or ("an episode of another shard" if job_id in others.jobs else None)
        if owner is not None:
            raise PlanError(f"--claim {name}={job_id}: the job belongs to {owner}")
        intent = journal.state(name).intent
        if intent is not None and job_id in intent.seen:
            raise PlanError(f"--claim {name}={job_id}: the job existed before the submission")
        await _check_job(by_name[name], job_id, service, settlement, retry_policy)
        accepted.append((name, job_id))
    given_up = [name for name in resubmit if name in by_name and journal.state(name).job_id is None]
    for name in given_up:
        _check_doubt(journal, "--resubmit", name)
    # A doubt that the user was not told of is a new one: the same command was run before.
    given_up = [name for name in given_up if name in told]
    for name, job_id in accepted:
        await asyncio.to_thread(journal.submitted, name, job_id)
    for name in given_up:
        await asyncio.to_thread(journal.not_sent, name)


def _check_doubt(journal: Journal, option: str, name: str) -> None:
    state = journal.state(name)
    if state.intent is None:
        reason = f"it has job {state.job_id}" if state.job_id else "it has no submission"
        raise PlanError(f"{option} {name}: the episode is not in doubt ({reason}); run without this option")


async def _check_job(
    plan: EpisodePlan, job_id: str, service: Service, settlement: Settlement, retry_policy: RetryPolicy
) -> None:
    what = f"--claim {plan.name}={job_id}"
    try:
        detail = await retry_policy.call(lambda: service.get_simulate_status(job_id))
    except OdysseyNotFoundError as error:
        raise PlanError(f"{what}: the account has no such job") from error
    except OdysseyError as error:
        raise PlanError(f"{what}: the job cannot be checked: {error}") from error
    if not detail.status.is_terminal:
        raise PlanError(f"{what}: the job is {detail.status}: claim it when it is completed")
    if detail.status is not SimulationJobStatus.COMPLETED:
        raise PlanError(f"{what}: the job is {detail.status}: use --resubmit {plan.name}")
    try:
        verdict = await settlement.verdict_of(plan, FinalState(detail, ""))
    except EpisodeError as error:
        raise PlanError(f"{what}: the job cannot be checked: {error.message}") from error
    if verdict.match is Match.EXCLUDED:
        raise PlanError(f"{what}: the job was not made from this script: {verdict.reason}")
