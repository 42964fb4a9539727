"""Lists of jobs that change, end early, are in another order, or belong to another account."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from odyssey_ros.client.types import (
    PartialJobsList,
    SimulationJobInfo,
    SimulationJobsList,
    SimulationJobStatus,
)
from odyssey_ros.dataset.retry_policy import RetryPolicy
from odyssey_ros.dataset.submissions.job_listing import PAGE, jobs_since, newest_jobs
from odyssey_ros.dataset.submissions.journal import Intent

if TYPE_CHECKING:
    from collections.abc import Callable


async def _soon(seconds: float) -> None:
    await asyncio.sleep(0)


RETRY_POLICY = RetryPolicy(retries=1, sleep=_soon)


def _job(number: int, *, created_at: str | None = None) -> SimulationJobInfo:
    time = f"2026-11-01T{number // 60:02}:{number % 60:02}:00Z" if created_at is None else created_at
    return SimulationJobInfo(f"job-{number}", SimulationJobStatus.COMPLETED, "normal", time)


@dataclass
class Archive:
    """A long list of jobs in pages; making that many with the emulator would take too long."""

    rows: list[SimulationJobInfo]
    changes: Callable[[list[SimulationJobInfo]], None] = lambda rows: None
    page_limit: int = PAGE
    ignored: int = 0
    pages: list[tuple[int, int]] = field(default_factory=list)

    async def list_simulations(self, limit: int = 20, offset: int = 0, **_: Any) -> SimulationJobsList:
        self.pages.append((limit, offset))
        page = self.rows[offset : offset + min(limit, self.page_limit)]
        answer = PartialJobsList(page, len(self.rows), limit, offset, self.ignored)
        self.changes(self.rows)
        return answer


def _newest_first(count: int) -> list[SimulationJobInfo]:
    return [_job(number) for number in range(count, 0, -1)]


async def _since(archive: Any, number: int) -> tuple[set[int], str]:
    intent = Intent(_job(number).created_at, frozenset([f"job-{number}"]))
    listing = await jobs_since(archive, intent, RETRY_POLICY)
    return {int(job.job_id.removeprefix("job-")) for job in listing.jobs}, listing.gap


async def test_the_list_ends_at_the_jobs_that_existed_before() -> None:
    archive = Archive(_newest_first(500))
    # The jobs of the minute before are listed too: the clocks of the service may differ.
    assert await _since(archive, 450) == ({*range(449, 501)} - {450}, "")
    assert len(archive.pages) == 1
    assert await _since(Archive(_newest_first(500)), 100) == ({*range(99, 501)} - {100}, "")
    assert await _since(Archive(_newest_first(500), page_limit=20), 450) == (
        {*range(449, 501)} - {450},
        "",
    )


async def test_an_account_without_jobs() -> None:
    assert await newest_jobs(Archive([])) == ("", frozenset())  # type: ignore[arg-type]
    listing = await jobs_since(Archive([]), Intent(), RETRY_POLICY)  # type: ignore[arg-type]
    assert (listing.jobs, listing.gap) == ((), "")
    listing = await jobs_since(Archive(_newest_first(3)), Intent(), RETRY_POLICY)  # type: ignore[arg-type]
    assert ([job.job_id for job in listing.jobs], listing.gap) == (["job-1", "job-2", "job-3"], "")


async def test_the_newest_jobs_include_those_of_another_clock() -> None:
    rows = [_job(1), _job(9), _job(5, created_at="2026-11-01T00:08:30Z"), _job(3)]
    newest, seen = await newest_jobs(Archive(rows))  # type: ignore[arg-type]
    assert (newest, seen) == ("2026-11-01T00:09:00Z", {"job-9", "job-5"})


@pytest.mark.parametrize("count", [1, 30])
async def test_new_jobs_that_shift_the_pages(count: int) -> None:
    number = 1000

    def grow(rows: list[SimulationJobInfo]) -> None:
        nonlocal number
        for _ in range(count):
            number += 1
            rows.insert(0, _job(number))

    found, gap = await _since(Archive(_newest_first(500), grow), 300)
    assert found >= {*range(301, 501)}
    assert gap == ""


@pytest.mark.parametrize("count", [1, 5])
async def test_jobs_that_disappear_meanwhile(count: int) -> None:
    """A job of a later page moves to a page that was read before."""

    def shrink(rows: list[SimulationJobInfo]) -> None:
        del rows[:count]

    found, gap = await _since(Archive(_newest_first(500), shrink), 300)
    assert found >= {*range(301, 501)}
    assert gap == ""


async def test_many_jobs_that_disappear_meanwhile() -> None:
    def shrink(rows: list[SimulationJobInfo]) -> None:
        del rows[:50]

    _, gap = await _since(Archive(_newest_first(500), shrink), 300)
    assert gap == "the list changed while it was read"


async def test_lists_that_are_not_complete() -> None:
    _, gap = await _since(Archive(_newest_first(20_000)), 1)
    assert gap == "the account has more than 4500 newer jobs"
    _, gap = await _since(Archive(_newest_first(50), ignored=1), 10)
    assert gap == "the list contains jobs that cannot be read"
    _, gap = await _since(Archive(_newest_first(50)), 900)
    assert gap.startswith("the list lacks the jobs that existed before")
    same_page = Archive(_newest_first(500))
    same_page.rows = [*same_page.rows[:100]]
    assert (await _since(same_page, 1))[1].startswith("the list lacks the jobs that existed before")


async def test_an_order_that_is_not_newest_first() -> None:
    """All of the list is read then; a page of old jobs does not mean that no newer one follows."""
    found, gap = await _since(Archive(_newest_first(500)[::-1]), 450)
    assert (found, gap) == ({*range(449, 501)} - {450}, "")


async def test_jobs_without_a_valid_time_may_be_newer() -> None:
    rows = [*_newest_first(5), _job(77, created_at=""), _job(78, created_at="9999-01-01T00:00:00Z")]
    found, gap = await _since(Archive(rows), 5)
    assert found == {4, 77, 78}
    assert gap == ""
