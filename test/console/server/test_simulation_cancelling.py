"""Cancelling: by the goal where there is one, else by the service."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from odyssey_ros.action import RunSimulation
from odyssey_ros.msg import SimulationJobDetail, SimulationJobInfo

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph.graph_nodes import GraphNode, NodeKind
from odyssey_ros.console.server import simulation_cancelling
from odyssey_ros.console.server.simulation_cancelling import cancel_job

TARGET = GraphNode("/odyssey", NodeKind.BRIDGE)


class Goal:
    """A goal; `known` tells whether the node knows it, and `ended` whether the node ends meanwhile."""

    def __init__(
        self, result: RunSimulation.Result | None, *, known: bool = True, ended: bool = False
    ) -> None:
        self.result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.known = known
        if result is not None:
            self.result.set_result(result)
        elif ended:
            self.result.set_exception(OdysseyError("not known", code=ErrorCode.UNREACHABLE))

    async def cancel(self) -> bool:
        """Return whether the node knows the goal."""
        return self.known


class Jobs:
    """The jobs of the console: one goal, or none."""

    def __init__(self, goal: Goal | None) -> None:
        self._goal = goal
        self.observed: list[str] = []

    def goal_of(self, *_: str) -> Goal | None:
        """Return the goal."""
        return self._goal

    def observe(self, _: str, value: dict[str, Any]) -> None:
        """Take over a state."""
        self.observed.append(value["status"])


class Calls:
    """The service of the node."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []

    async def cancel(self, _: GraphNode, job_id: str) -> SimulationJobInfo:
        """Cancel a job."""
        self.cancelled.append(job_id)
        return SimulationJobInfo(job_id=job_id, status="cancelled")


def result(status: str, error_code: str = "", message: str = "") -> RunSimulation.Result:
    """Return the result of a goal."""
    job = SimulationJobDetail(job_id="a", status=status)
    return RunSimulation.Result(success=not error_code, error_code=error_code, message=message, job=job)


async def cancelled(goal: Goal | None) -> tuple[dict[str, Any], list[str], list[str]]:
    """Cancel a job; return it, what was observed, and the calls of the service."""
    jobs, calls = Jobs(goal), Calls()
    value = await cancel_job(TARGET, "a", jobs, calls)  # type: ignore[arg-type]
    return value, jobs.observed, calls.cancelled


async def test_the_goal_is_cancelled() -> None:
    value, observed, called = await cancelled(Goal(result("cancelled", "JOB_CANCELLED")))
    assert (value["status"], observed, called) == ("cancelled", ["cancelled"], [])


async def test_without_a_goal_the_service_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation_cancelling, "RESULT_TIMEOUT_S", 0.01)
    for goal in (None, Goal(None, known=False), Goal(None), Goal(None, ended=True)):
        value, observed, called = await cancelled(goal)
        assert (value["status"], observed, called) == ("cancelled", ["cancelled"], ["a"])


async def test_a_late_cancel_is_explained() -> None:
    with pytest.raises(OdysseyError, match="runs to its end") as refused:
        await cancelled(Goal(result("processing", "NOT_CANCELLABLE", "it runs to its end")))
    assert refused.value.code is ErrorCode.NOT_CANCELLABLE
    with pytest.raises(OdysseyError, match="has ended already") as refused:
        await cancelled(Goal(result("completed")))
    assert refused.value.code is ErrorCode.NOT_CANCELLABLE
