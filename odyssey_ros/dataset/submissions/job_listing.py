"""Lists the jobs that an account received after a moment, and tells whether the list is certainly complete.

Pages shift while they are read: a new job moves all others by one place, and so does a job that is deleted.
Therefore each page overlaps the one before, and the list must reach back to a job that existed before the
moment. Only times of the service are compared with each other, never with this machine's clock.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.iso_time import since_epoch_ns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odyssey_ros.client.types import SimulationJobInfo
    from odyssey_ros.dataset.retry_policy import RetryPolicy
    from odyssey_ros.dataset.service import Service
    from odyssey_ros.dataset.submissions.journal import Intent

PAGE: Final = 100
CLOCK_TOLERANCE_NS: Final = 60_000_000_000
"""Creation times of one service may be from several machines, whose clocks differ by up to this."""

_MAX_PAGES: Final = 50
_OVERLAP: Final = 10


@dataclass(frozen=True, slots=True)
class JobListing:
    """The jobs that may have been made by a submission.

    Attributes:
        jobs: Oldest first.
        gap: Why the list may lack jobs; empty when it is complete.
    """

    jobs: tuple[SimulationJobInfo, ...]
    gap: str = ""


async def newest_jobs(service: Service) -> tuple[str, frozenset[str]]:
    """Return the newest creation time of the account's jobs, and the jobs that are about as new.

    Raises:
        OdysseyError: The request failed.
    """
    page = await service.list_simulations(limit=PAGE)
    times = {job.job_id: since_epoch_ns(job.created_at) for job in page.jobs}
    newest_ns = max(times.values(), default=0)
    newest = next((job.created_at for job in page.jobs if times[job.job_id] == newest_ns), "")
    return newest, frozenset(
        job_id for job_id, time_ns in times.items() if time_ns >= newest_ns - CLOCK_TOLERANCE_NS
    )


async def jobs_since(service: Service, intent: Intent, retry_policy: RetryPolicy) -> JobListing:
    """Return the account's jobs that may be newer than an intent.

    Raises:
        OdysseyError: A request failed.
    """
    since_ns = since_epoch_ns(intent.newest) - CLOCK_TOLERANCE_NS
    found: dict[str, SimulationJobInfo] = {}
    gap = f"the account has more than {_MAX_PAGES * (PAGE - _OVERLAP)} newer jobs"
    total: int | None = None
    shift = 0  # new jobs since the first page, which have moved all others
    for _ in range(_MAX_PAGES):
        offset = max(0, len(found) + shift - _OVERLAP)
        page = await retry_policy.call(
            lambda offset=offset: service.list_simulations(limit=PAGE, offset=offset)  # type: ignore[misc]
        )
        ids = [job.job_id for job in page.jobs]
        if page.ignored:
            gap = "the list contains jobs that cannot be read"
            break
        if offset and not found.keys() & set(ids):
            gap = "the list changed while it was read"
            break
        if found.keys() >= set(ids):
            gap = "" if len(found) >= page.total else "the list ends too early"
            break
        found |= {job.job_id: job for job in page.jobs}
        total = page.total if total is None else total
        shift = page.total - total
        last_ns = since_epoch_ns(page.jobs[-1].created_at)
        if 0 < last_ns < since_ns - CLOCK_TOLERANCE_NS and _newest_first(found.values()):
            gap = ""
            break
    if not gap and intent.seen and not found.keys() & intent.seen:
        gap = "the list lacks the jobs that existed before (is this the same account?)"
    newer = [
        job
        for job in found.values()
        if job.job_id not in intent.seen and not 0 < since_epoch_ns(job.created_at) < since_ns
    ]
    newer.reverse()  # of equally old jobs, the one that was created first is the last of the list
    return JobListing(tuple(sorted(newer, key=lambda job: since_epoch_ns(job.created_at))), gap)


def _newest_first(jobs: Iterable[SimulationJobInfo]) -> bool:
    times = [since_epoch_ns(job.created_at) for job in jobs]
    oldest = itertools.accumulate(times, min)
    return all(
        time_ns <= oldest_ns + CLOCK_TOLERANCE_NS for time_ns, oldest_ns in zip(times, oldest, strict=True)
    )
