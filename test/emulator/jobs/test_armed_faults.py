"""Armed faults hold and fail jobs."""

from __future__ import annotations

import asyncio

import pytest

from odyssey_ros.emulator.faults import JobFail, JobHold
from odyssey_ros.emulator.faults.fault_registry import FaultRegistry, Schedule
from odyssey_ros.emulator.jobs.armed_faults import ArmedJobFaults
from odyssey_ros.emulator.jobs.job import JobStatus


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def registry(clock: list[float]) -> FaultRegistry:
    return FaultRegistry(lambda: clock[0])


async def test_nothing_happens_without_a_fault_for_the_state(registry: FaultRegistry) -> None:
    registry.arm(JobFail(before="completed"))
    registry.arm(JobHold(before="processing"))
    assert await ArmedJobFaults(registry).before("one", JobStatus.DISPATCHED) is None


async def test_a_failure_happens_as_often_as_it_is_scheduled(registry: FaultRegistry) -> None:
    faults = ArmedJobFaults(registry)
    registry.arm(JobFail(before="completed", message="out of memory"))
    assert await faults.before("one", JobStatus.COMPLETED) == "out of memory"
    assert await faults.before("one", JobStatus.COMPLETED) is None


async def test_a_job_is_held_until_the_fault_is_disarmed(registry: FaultRegistry) -> None:
    armed = registry.arm(JobHold(before="dispatched"))
    held = asyncio.create_task(ArmedJobFaults(registry).before("one", JobStatus.DISPATCHED))
    await asyncio.wait({held}, timeout=0.2)
    assert not held.done()
    registry.disarm(armed.number)
    assert await held is None


async def test_a_job_is_held_for_the_duration_of_the_fault(
    registry: FaultRegistry, clock: list[float]
) -> None:
    registry.arm(JobHold(before="dispatched"), Schedule(duration=5))
    held = asyncio.create_task(ArmedJobFaults(registry).before("one", JobStatus.DISPATCHED))
    await asyncio.wait({held}, timeout=0.2)
    assert not held.done()
    clock[0] += 5
    assert await held is None
