"""Polling of jobs: changes of state, retries and waits, with scripted answers and an injected sleep."""

from __future__ import annotations

import asyncio

import pytest

from odyssey_ros.client import (
    OdysseyConnectionError,
    OdysseyNotFoundError,
    SimulationJobDetail,
    SimulationJobStatus,
)
from odyssey_ros.client.job_polling import (
    call_with_retries,
    poll_until_terminal,
    state_changes,
    states_between,
)


def job_in(status, **times):
    return SimulationJobDetail("j", SimulationJobStatus(status), "normal", "t0", **times)


class Service:
    """Gives the scripted answers, one for each request, and records the waits."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.waits = []
        self.retries = []

    async def poll(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(self, seconds):
        self.waits.append(seconds)

    def retried(self, error, delay_s):
        self.retries.append((str(error), delay_s))

    async def until_terminal(self, job=None):
        states = []
        last = await poll_until_terminal(
            self.poll,
            lambda one: states.append(one.status.value),
            job=job,
            period_s=lambda: 7.0,
            sleep=self.sleep,
        )
        return last, states

    async def call(self, *delays, retry_forever=False):
        return await call_with_retries(
            self.poll, iter(delays), self.retried, retry_forever=retry_forever, sleep=self.sleep
        )


async def test_a_new_job_is_polled_at_once_and_until_it_is_terminal():
    service = Service(*(job_in(state) for state in ("pending", "pending", "processing", "completed")))
    job, states = await service.until_terminal()
    assert job.status is SimulationJobStatus.COMPLETED
    assert states == ["pending", "processing", "completed"]
    assert service.waits == [7.0] * 3
    assert not service.answers


async def test_a_known_state_is_not_reported_again():
    service = Service(job_in("pending"), job_in("failed"))
    job, states = await service.until_terminal(job_in("pending"))
    assert (job.status, states) == (SimulationJobStatus.FAILED, ["failed"])
    assert service.waits == [7.0] * 2


async def test_a_terminal_job_is_not_polled():
    job = job_in("cancelled")
    assert await Service().until_terminal(job) == (job, [])


async def test_a_status_that_the_client_does_not_know_is_not_terminal():
    service = Service(job_in("unknown"), job_in("completed"))
    _, states = await service.until_terminal()
    assert states == ["unknown", "completed"]


async def test_the_error_of_a_poll_ends_the_polling():
    with pytest.raises(OdysseyNotFoundError):
        await Service(job_in("pending"), OdysseyNotFoundError("gone")).until_terminal()


@pytest.mark.parametrize(
    ("before", "after", "passed"),
    [
        (job_in("pending"), job_in("pending"), []),
        (job_in("pending"), job_in("dispatched", dispatched_at="t1"), []),
        (job_in("pending"), job_in("processing", dispatched_at="t1", started_at="t2"), ["dispatched"]),
        (
            job_in("pending"),
            job_in("completed", dispatched_at="t1", started_at="t2", completed_at="t3"),
            ["dispatched", "processing"],
        ),
        (
            job_in("processing", dispatched_at="t1", started_at="t2"),
            job_in("failed", dispatched_at="t1", started_at="t2", completed_at="t3", error_message="x"),
            [],
        ),
        (job_in("pending"), job_in("failed", dispatched_at="t1", completed_at="t3"), ["dispatched"]),
        (job_in("pending"), job_in("cancelled", completed_at="t3"), []),
        (job_in("processing", dispatched_at="t1", started_at="t2"), job_in("pending", retry_count=1), []),
        (job_in("unknown"), job_in("completed", dispatched_at="t1", started_at="t2"), []),
    ],
)
def test_states_between_two_polls(before, after, passed):
    between = states_between(before, after)
    assert [job.status.value for job in between] == passed
    assert all(job.completed_at is None and job.error_message is None for job in between)


def test_changes_end_with_the_current_state():
    pending = job_in("pending")
    done = job_in("completed", dispatched_at="t1", started_at="t2", completed_at="t3")
    assert state_changes(None, done) == [done]
    assert state_changes(pending, pending) == []
    assert [job.status.value for job in state_changes(pending, done)] == [
        "dispatched",
        "processing",
        "completed",
    ]
    assert state_changes(pending, done)[-1] is done


def lost():
    return OdysseyConnectionError("no connection")


async def test_transient_errors_are_retried_and_reported():
    service = Service(lost(), lost(), "answer")
    assert await service.call(1.0, 2.0) == "answer"
    assert service.waits == [1.0, 2.0]
    assert service.retries == [("no connection", 1.0), ("no connection", 2.0)]


async def test_retries_are_bounded_by_the_delays():
    service = Service(lost(), lost(), lost())
    with pytest.raises(OdysseyConnectionError):
        await service.call(1.0)
    assert service.waits == [1.0]
    assert len(service.answers) == 1


async def test_a_permanent_error_is_raised_at_once():
    service = Service(OdysseyNotFoundError("gone"))
    with pytest.raises(OdysseyNotFoundError):
        await service.call(1.0, 2.0)
    assert (service.waits, service.retries) == ([], [])


async def test_without_a_sleep_function_the_event_loop_waits():
    answers = [job_in("pending"), job_in("completed")]

    async def poll():
        return answers.pop(0)

    job = await asyncio.wait_for(poll_until_terminal(poll, lambda _: None, period_s=lambda: 0.0), 60)
    assert job.status is SimulationJobStatus.COMPLETED
