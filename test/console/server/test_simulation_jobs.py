"""Jobs that were submitted through the console; test_simulation_routes.py submits them to a bridge."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from odyssey_ros.action import RunSimulation
from odyssey_ros.msg import SimulationJobDetail

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph.graph_nodes import GraphNode, NodeKind
from odyssey_ros.console.server import simulation_jobs
from odyssey_ros.console.server.simulation_jobs import MAX_JOBS, SimulationJobs

NODE = "/odyssey"
TARGET = GraphNode(NODE, NodeKind.BRIDGE, simulation_action="/odyssey/run_simulation")


class Goal:
    """A goal that was accepted."""

    def __init__(self) -> None:
        self.result: asyncio.Future[RunSimulation.Result] = asyncio.get_running_loop().create_future()


class Goals:
    """Accepts goals, and keeps what reports their jobs."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[tuple[Goal, Any]] = asyncio.Queue()

    async def send(self, action: str, _: Any, on_job: Any) -> Goal:
        """Accept a goal."""
        goal = Goal()
        self.sent.put_nowait((goal, on_job))
        return goal


class Presence:
    """A process that never leaves."""

    left = False

    def __init__(self, *_: Any) -> None:
        pass

    def has_left(self) -> bool:
        """Return whether the process has ended."""
        return self.left


class Calls:
    """Runs functions at once."""

    async def on_executor(self, call: Any) -> Any:
        """Run a function."""
        return call()


class Console:
    """The jobs and what was published."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(simulation_jobs, "NodePresence", Presence)
        monkeypatch.setattr(simulation_jobs, "_PRESENCE_POLL_S", 0.01)
        self.published: list[Any] = []
        self.goals = Goals()
        nothing: Any = None
        self.jobs = SimulationJobs(
            nothing,
            Calls(),  # type: ignore[arg-type]
            self.goals,  # type: ignore[arg-type]
            lambda node, jobs: self.published.append((node, jobs)),
        )

    @property
    def states(self) -> list[str]:
        """The states that were published last."""
        return [job["status"] for job in self.published[-1][1]]


def job(status: str, job_id: str = "a") -> SimulationJobDetail:
    """Return a job."""
    return SimulationJobDetail(job_id=job_id, status=status)


async def test_a_job_is_followed_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(monkeypatch)
    submitting = asyncio.ensure_future(console.jobs.submit(TARGET, RunSimulation.Goal()))
    goal, on_job = await console.goals.sent.get()
    assert not submitting.done()
    on_job(job("pending"))
    assert (await submitting)["job_id"] == "a"
    assert console.jobs.goal_of(NODE, "a") is goal
    on_job(job("processing"))
    console.jobs.observe(NODE, {"job_id": "a", "status": "dispatched"})  # an older answer of the service
    assert console.states == ["processing"]
    goal.result.set_result(RunSimulation.Result(success=True, job=job("completed")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert console.states == ["completed"]
    assert console.jobs.goal_of(NODE, "a") is None


async def test_a_refusal_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(monkeypatch)
    submitting = asyncio.ensure_future(console.jobs.submit(TARGET, RunSimulation.Goal()))
    goal, _ = await console.goals.sent.get()
    goal.result.set_result(RunSimulation.Result(error_code="BAD_SCRIPT", message="too many"))
    with pytest.raises(OdysseyError, match="too many") as refused:
        await submitting
    assert refused.value.code is ErrorCode.BAD_SCRIPT
    with pytest.raises(OdysseyError, match="runs no jobs"):
        await console.jobs.submit(GraphNode("/player", NodeKind.PLAYER), RunSimulation.Goal())


async def test_a_node_that_ends_leaves_the_submission_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(monkeypatch)
    monkeypatch.setattr(Presence, "left", True)
    with pytest.raises(OdysseyError, match="look at the list of jobs") as refused:
        await console.jobs.submit(TARGET, RunSimulation.Goal())
    assert refused.value.code is ErrorCode.SUBMIT_IN_DOUBT


async def test_only_jobs_of_the_console_are_published_and_they_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    console = Console(monkeypatch)
    console.jobs.observe(NODE, {"job_id": "other", "status": "pending"})
    assert console.published == []
    for index in range(MAX_JOBS + 5):
        console.jobs.observe(NODE, {"job_id": str(index), "status": "pending"}, submitted=True)
    console.jobs.observe(NODE, {"job_id": str(MAX_JOBS), "status": "failed"})
    node, jobs = console.published[-1]
    assert (node, len(jobs)) == (NODE, MAX_JOBS)
    assert jobs[0]["job_id"] == str(MAX_JOBS + 4)
    assert jobs[4]["status"] == "failed"
