"""Final states of jobs, and the streams that they made."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from odyssey_ros.client import ErrorCode, OdysseyAuthError, OdysseyConnectionError, OdysseyNotFoundError
from odyssey_ros.client.types import SimulationJobDetail, SimulationJobStatus, SimulationStream
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.retry_policy import RetryPolicy
from odyssey_ros.dataset.submissions.job_watch import (
    JobLimits,
    JobWatch,
    ServiceRefusalError,
    finished_stream,
    stream_of,
)

DONE = SimulationJobDetail(
    "job-1",
    SimulationJobStatus.COMPLETED,
    "normal",
    "2026-11-01T10:00:00Z",
    streams=[
        SimulationStream("s0", "https://files/0"),
        SimulationStream("s2", "https://files/2", script_index=2),
    ],
)


class Report:
    def __init__(self) -> None:
        self.phases: list[str] = []

    def phase(self, text: str) -> None:
        self.phases.append(text)

    def note(self, text: str) -> None:
        raise AssertionError(text)


async def _soon(seconds: float) -> None:
    await asyncio.sleep(0)


def _watch(*answers: Any) -> JobWatch:
    remaining = list(answers)

    class Service:
        async def get_simulate_status(self, job_id: str) -> SimulationJobDetail:
            answer = remaining.pop(0) if len(remaining) > 1 else remaining[0]
            if isinstance(answer, Exception):
                raise answer
            return answer  # type: ignore[no-any-return]

    service: Any = Service()
    return JobWatch(service, JobLimits(poll_s=0.01, retry_policy=RetryPolicy(retries=1, sleep=_soon)))


async def test_a_job_is_polled_until_it_is_terminal() -> None:
    report = Report()
    running = replace(DONE, status=SimulationJobStatus.PROCESSING, streams=[])
    final = await _watch(running, OdysseyConnectionError("lost"), running, DONE).final_state("job-1", report)
    assert (final.detail, final.stream, final.is_foreign) == (DONE, stream_of(DONE, 0), False)
    assert "processing" in report.phases


async def test_a_job_that_is_gone_or_of_another_account() -> None:
    gone = await _watch(OdysseyNotFoundError("gone")).final_state("job-1", Report())
    assert (gone.detail, gone.stream, gone.is_foreign) == (None, None, False)
    foreign = await _watch(OdysseyAuthError("no", status_code=403)).final_state("job-1", Report())
    assert (foreign.detail, foreign.is_foreign) == (None, True)


async def test_requests_that_fail() -> None:
    with pytest.raises(ServiceRefusalError):
        await _watch(OdysseyAuthError("no", status_code=401)).final_state("job-1", Report())
    with pytest.raises(EpisodeError) as caught:
        await _watch(OdysseyConnectionError("lost")).final_state("job-1", Report())
    assert caught.value.code is ErrorCode.SERVICE_FAILED


def test_the_stream_of_a_script() -> None:
    found = stream_of(DONE, 2)
    assert found is not None
    assert (found.stream_id, found.job and found.job.script_index) == ("s2", 2)
    assert stream_of(DONE, 1) is None
    assert finished_stream(replace(DONE, status=SimulationJobStatus.FAILED)) is None
