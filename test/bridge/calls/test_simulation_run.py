"""Runs of simulation jobs, with the real client against a real emulator and shortened waits."""

from __future__ import annotations

import asyncio

import pytest

from odyssey_ros.bridge.calls.simulation_run import SimulationRun
from odyssey_ros.client import (
    AdvancedConfig,
    Odyssey,
    OdysseyArgumentError,
    OdysseyConnectionError,
    OdysseyError,
    OdysseyNotFoundError,
    SimulationJobStatus,
)
from odyssey_ros.emulator import Emulator, EmulatorConfig
from odyssey_ros.emulator.faults.fault_parsing import parse_fault_option
from waiting import eventually

SCRIPT = [
    {"timestamp_ms": 0, "start": {"prompt": "a calm sea"}},
    {"timestamp_ms": 500, "end": {}},
]


class Follower:
    """A run with everything that it reports."""

    def __init__(self, url, max_retries=None):
        self.states, self.retries, self.waits = [], [], []
        self.changed_event = asyncio.Event()
        self.client = Odyssey("ody_local", api_url=url, advanced=AdvancedConfig(request_timeout_s=2))
        self.run = SimulationRun(
            self.client,
            self.changed,
            lambda error, delay_s: self.retries.append((error, delay_s)),
            poll_period_s=lambda: 7.0,
            max_retries=max_retries,
            sleep=self.sleep,
            uniform=lambda low, high: high,
        )

    async def sleep(self, seconds):
        self.waits.append(seconds)
        await asyncio.sleep(0.05)

    async def follow(self):
        return await asyncio.wait_for(self.run.follow(lambda: self.client.simulate(SCRIPT)), 60)

    def changed(self, job):
        self.states.append(job.status.value)
        self.changed_event.set()

    async def until(self, state):
        while state not in self.states:
            self.changed_event.clear()
            await asyncio.wait_for(self.changed_event.wait(), 30)


@pytest.fixture
async def emulator():
    async with Emulator(EmulatorConfig(fps=10)) as one:
        yield one


def arm(emulator, text):
    return emulator.faults.arm(*parse_fault_option(text))


async def test_to_completion(emulator):
    follower = Follower(emulator.url)
    job = await follower.follow()
    assert job.status is SimulationJobStatus.COMPLETED
    assert job.streams[0].video_url
    assert follower.states == ["pending", "dispatched", "processing", "completed"]
    assert set(follower.waits) == {7.0}
    assert follower.run.job is job


async def test_every_state_is_reported_once(emulator):
    holds = [arm(emulator, f"job_hold,before={state}") for state in ("dispatched", "processing", "completed")]
    follower = Follower(emulator.url)
    following = asyncio.ensure_future(follower.follow())
    for state, hold in zip(("pending", "dispatched", "processing"), holds, strict=True):
        await follower.until(state)
        emulator.faults.disarm(hold.number)
    await following
    assert follower.states == ["pending", "dispatched", "processing", "completed"]


async def test_a_failing_job(emulator):
    arm(emulator, "job_fail,before=processing,message=out of memory")
    follower = Follower(emulator.url)
    job = await follower.follow()
    assert (job.status, job.error_message) == (SimulationJobStatus.FAILED, "out of memory")
    assert follower.states[-1] == "failed"


@pytest.mark.parametrize(
    ("held_before", "states"), [("dispatched", ["pending"]), ("processing", ["pending", "dispatched"])]
)
async def test_cancelling_a_waiting_job(emulator, held_before, states):
    arm(emulator, f"job_hold,before={held_before}")
    follower = Follower(emulator.url)
    following = asyncio.ensure_future(follower.follow())
    await follower.until(states[-1])
    follower.run.cancel()
    job = await following
    assert job.status is SimulationJobStatus.CANCELLED
    assert follower.states == [*states, "cancelled"]
    assert (await follower.client.get_simulate_status(job.job_id)).status is SimulationJobStatus.CANCELLED


async def test_cancelling_before_the_job_is_known(emulator):
    arm(emulator, "job_hold,before=dispatched")
    follower = Follower(emulator.url)
    follower.run.cancel()
    job = await follower.follow()
    assert job.status is SimulationJobStatus.CANCELLED
    assert emulator.counters["http.jobs_submit.200"] + emulator.counters["http.jobs_submit.201"] == 1


async def test_a_processing_job_cannot_be_cancelled(emulator):
    arm(emulator, "job_hold,before=completed")
    follower = Follower(emulator.url)
    following = asyncio.ensure_future(follower.follow())
    await follower.until("processing")
    follower.run.cancel()
    with pytest.raises(OdysseyError, match="processing and can no longer be cancelled") as raised:
        await following
    assert raised.value.code == "NOT_CANCELLABLE"
    assert follower.run.job.status is SimulationJobStatus.PROCESSING


async def test_cancelling_a_terminal_job_returns_it(emulator):
    follower = Follower(emulator.url)
    hold = arm(emulator, "job_hold,before=completed")
    following = asyncio.ensure_future(follower.follow())
    await follower.until("processing")
    arm(emulator, "http_status,endpoint=jobs_get,status=503")  # the end is not noticed
    emulator.faults.disarm(hold.number)
    job_id = follower.run.job.job_id
    other = Follower(emulator.url).client

    async def completed():
        return (await _status(other, job_id)) is SimulationJobStatus.COMPLETED

    await eventually(completed, "the end of the job")
    follower.run.cancel()
    assert (await following).status is SimulationJobStatus.COMPLETED


async def _status(client, job_id):
    jobs = (await client.list_simulations()).jobs
    return next(job.status for job in jobs if job.job_id == job_id)


async def test_transient_errors_are_retried(emulator):
    arm(emulator, "job_hold,before=dispatched,duration=1.5")
    arm(emulator, "http_status,endpoint=jobs_get,status=503,count=3")
    follower = Follower(emulator.url)
    job = await follower.follow()
    assert job.status is SimulationJobStatus.COMPLETED
    assert [delay for _, delay in follower.retries] == [1.0, 2.0, 4.0]
    assert isinstance(follower.retries[0][0], OdysseyConnectionError)


async def test_the_delay_that_the_service_asks_for_is_respected(emulator):
    arm(emulator, "http_usage_error,endpoint=jobs_get,code=RATE_LIMITED,count=1")
    follower = Follower(emulator.url)
    assert (await follower.follow()).status is SimulationJobStatus.COMPLETED
    (delay_s,) = [delay for _, delay in follower.retries]
    assert 30.0 <= delay_s <= 36.0  # the random part keeps many clients apart


async def test_retries_can_be_bounded(emulator):
    arm(emulator, "http_drop,endpoint=jobs_get,count=0")
    follower = Follower(emulator.url, max_retries=2)
    with pytest.raises(OdysseyConnectionError):
        await follower.follow()
    assert [delay for _, delay in follower.retries] == [1.0, 2.0]
    assert follower.run.job.status is SimulationJobStatus.PENDING


async def test_a_permanent_error_ends_the_run_at_once(emulator):
    arm(emulator, "http_status,endpoint=jobs_get,status=404,count=0")
    follower = Follower(emulator.url)
    with pytest.raises(OdysseyNotFoundError):
        await follower.follow()
    assert follower.retries == []


async def test_a_submission_is_not_repeated(emulator):
    arm(emulator, "http_drop,endpoint=jobs_submit,count=0")
    follower = Follower(emulator.url)
    with pytest.raises(OdysseyConnectionError):
        await follower.follow()
    assert follower.states == []
    assert follower.run.job is None
    assert follower.waits == []


async def test_cancelling_an_unreachable_service_ends(emulator):
    arm(emulator, "job_hold,before=dispatched")
    arm(emulator, "http_drop,endpoint=jobs_cancel,count=0")
    follower = Follower(emulator.url)
    following = asyncio.ensure_future(follower.follow())
    await follower.until("pending")
    follower.run.cancel()
    with pytest.raises(OdysseyConnectionError):
        await following
    assert follower.waits[-3:] == [1.0, 2.0, 4.0]


async def test_an_abandoned_run_leaves_no_tasks(emulator):
    arm(emulator, "job_hold,before=dispatched")
    follower = Follower(emulator.url)
    before = asyncio.all_tasks()
    following = asyncio.ensure_future(follower.follow())
    await follower.until("pending")
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    left = [repr(task) for task in asyncio.all_tasks() - before]
    assert not [text for text in left if "simulation_run" in text or "job_polling" in text]


async def test_a_bad_script_is_not_sent(emulator):
    follower = Follower(emulator.url)
    with pytest.raises(OdysseyArgumentError):
        await follower.run.follow(lambda: follower.client.simulate([]))
    assert "http.jobs_submit.200" not in emulator.counters
