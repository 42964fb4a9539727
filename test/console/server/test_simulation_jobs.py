"""Jobs that were submitted through the console, with a real action server in another node.

test_simulation_routes.py submits them to a bridge.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import TYPE_CHECKING, Any

import pytest
from odyssey_ros.action import RunSimulation

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph.graph_nodes import GraphNode, NodeKind
from odyssey_ros.console.server import simulation_jobs
from odyssey_ros.console.server.simulation_jobs import MAX_JOBS, MAX_NODES, SimulationJobs
from simulation_graph import SimulationGraph
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from simulation_graph import SimulationWorker

NODE = "/odyssey"
GOAL = RunSimulation.Goal()


@pytest.fixture(scope="module")
def graph() -> Iterator[SimulationGraph]:
    """The console's side."""
    with SimulationGraph() as one:
        yield one


@pytest.fixture
def worker(graph: SimulationGraph) -> Iterator[SimulationWorker]:
    """A node that runs jobs."""
    one = graph.worker()
    yield one
    one.end()


class Console:
    """The jobs and what was published."""

    def __init__(self, graph: SimulationGraph) -> None:
        self.published: list[tuple[str, list[dict[str, Any]]]] = []
        self.jobs = SimulationJobs(
            graph.observer.node,
            graph.calls,
            graph.goals,
            lambda node, jobs: self.published.append((node, jobs)),
        )

    @property
    def states(self) -> list[str]:
        """The states that were published last."""
        return [job["status"] for job in self.published[-1][1]] if self.published else []

    @property
    def newest(self) -> str:
        """The id of the newest job."""
        return str(self.published[-1][1][0]["job_id"])


@pytest.fixture
async def console(graph: SimulationGraph, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Console]:
    """The jobs of a console, which looks often whether nodes are there."""
    monkeypatch.setattr(simulation_jobs, "SUBMITTING_POLL_S", 0.05)
    monkeypatch.setattr(simulation_jobs, "FOLLOWING_POLL_S", 0.05)
    one = Console(graph)
    yield one
    await one.jobs.close()


async def test_a_job_is_followed_to_its_end(console: Console, worker: SimulationWorker) -> None:
    job = await console.jobs.submit(worker.target, GOAL)
    assert job["status"] == "pending"
    assert console.jobs.goal_of(NODE, job["job_id"]) is not None
    worker.report("processing")
    await eventually(lambda: console.states == ["processing"])
    # An older answer of the service.
    console.jobs.observe(NODE, {"job_id": job["job_id"], "status": "dispatched"})
    assert console.states == ["processing"]
    worker.release()
    await eventually(lambda: console.states == ["completed"])
    assert console.jobs.goal_of(NODE, job["job_id"]) is None


async def test_the_content_of_a_goal_is_not_kept(console: Console, worker: SimulationWorker) -> None:
    """It can have 64 MiB, and a job can take hours."""
    goal = RunSimulation.Goal()
    references = sys.getrefcount(goal)
    await console.jobs.submit(worker.target, goal)
    gc.collect()
    assert sys.getrefcount(goal) == references
    worker.release()
    await eventually(lambda: console.states == ["completed"])


async def test_a_refusal_is_raised(console: Console, worker: SimulationWorker) -> None:
    worker.refusal = "BAD_SCRIPT"
    with pytest.raises(OdysseyError, match="no such scripts") as refused:
        await console.jobs.submit(worker.target, GOAL)
    assert refused.value.code is ErrorCode.BAD_SCRIPT
    with pytest.raises(OdysseyError, match="runs no jobs"):
        await console.jobs.submit(GraphNode("/player", NodeKind.PLAYER), GOAL)


async def submit_and_go(console: Console, worker: SimulationWorker) -> None:
    """Submit a job, whose page goes before the node accepts it."""
    worker.accepting.clear()
    submitting = asyncio.ensure_future(console.jobs.submit(worker.target, GOAL))
    await eventually(lambda: worker.asked == 1)
    submitting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await submitting
    worker.accepting.set()


async def test_a_job_whose_page_has_gone_is_followed(console: Console, worker: SimulationWorker) -> None:
    """As after a logout while the job is submitted: the other pages see it."""
    await submit_and_go(console, worker)
    await eventually(lambda: console.states == ["pending"])
    assert console.jobs.goal_of(NODE, console.newest) is not None
    worker.release()
    await eventually(lambda: console.states == ["completed"])


async def test_a_refusal_without_a_page_is_logged(
    console: Console, worker: SimulationWorker, caplog: pytest.LogCaptureFixture
) -> None:
    """In one line, which is not that of a forgotten exception."""
    worker.refusal = "BAD_SCRIPT"
    await submit_and_go(console, worker)
    await eventually(lambda: "which failed: no such scripts" in caplog.text)
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_a_node_that_ends_is_followed_no_longer(
    graph: SimulationGraph, console: Console, worker: SimulationWorker
) -> None:
    """Its job keeps the last state, and has no goal any more."""
    job = await console.jobs.submit(worker.target, GOAL)
    worker.report("processing")
    await eventually(lambda: console.states == ["processing"])
    goal = console.jobs.goal_of(NODE, job["job_id"])
    assert goal is not None
    worker.end()
    await eventually(lambda: console.jobs.goal_of(NODE, job["job_id"]) is None)
    assert not await goal.cancel()  # at once
    assert console.states == ["processing"]


async def test_a_node_that_ends_leaves_the_submission_in_doubt(
    console: Console, worker: SimulationWorker
) -> None:
    worker.silent = True
    submitting = asyncio.ensure_future(console.jobs.submit(worker.target, GOAL))
    await eventually(lambda: worker.running == 1)
    worker.end()
    with pytest.raises(OdysseyError, match="ended before it answered: look at the list of jobs") as refused:
        await submitting
    assert refused.value.code is ErrorCode.SUBMIT_IN_DOUBT


async def test_a_node_that_does_not_answer_leaves_the_submission_in_doubt(
    console: Console, worker: SimulationWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that is reported later appears all the same."""
    monkeypatch.setattr(simulation_jobs, "CALL_TIMEOUT_S", 0.1)
    worker.silent = True
    with pytest.raises(OdysseyError, match=r"did not answer within 0\.1 s") as refused:
        await console.jobs.submit(worker.target, GOAL)
    assert refused.value.code is ErrorCode.SUBMIT_IN_DOUBT
    worker.report("pending")
    await eventually(lambda: console.states == ["pending"])
    worker.release()
    await eventually(lambda: console.states == ["completed"])


async def test_the_end_of_the_console_ends_submissions(
    console: Console, worker: SimulationWorker, caplog: pytest.LogCaptureFixture
) -> None:
    worker.silent = True
    submitting = asyncio.ensure_future(console.jobs.submit(worker.target, GOAL))
    await eventually(lambda: worker.running == 1)
    await console.jobs.close()
    with pytest.raises(OdysseyError, match="the console is ending: look at the list of jobs"):
        await submitting
    assert not caplog.records
    worker.release()


async def test_an_unexpected_error_is_raised_and_logged(
    console: Console, worker: SimulationWorker, caplog: pytest.LogCaptureFixture
) -> None:
    wrong: Any = "not a goal"
    with pytest.raises(OdysseyError) as refused:
        await console.jobs.submit(worker.target, wrong)
    assert refused.value.code is ErrorCode.INTERNAL
    await eventually(lambda: "TypeError" in caplog.text)


def test_only_jobs_of_the_console_are_published_and_they_are_bounded(graph: SimulationGraph) -> None:
    console = Console(graph)
    console.jobs.observe(NODE, {"job_id": "other", "status": "pending"})
    assert console.published == []
    for index in range(MAX_JOBS + 5):
        console.jobs.observe(NODE, {"job_id": str(index), "status": "pending"}, submitted=True)
    console.jobs.observe(NODE, {"job_id": str(MAX_JOBS), "status": "failed"})
    node, jobs = console.published[-1]
    assert (node, len(jobs)) == (NODE, MAX_JOBS)
    assert jobs[0]["job_id"] == str(MAX_JOBS + 4)
    assert jobs[4]["status"] == "failed"
    for index in range(MAX_NODES):
        console.jobs.observe(f"/other{index}", {"job_id": "a", "status": "pending"}, submitted=True)
    count = len(console.published)
    console.jobs.observe(NODE, {"job_id": str(MAX_JOBS), "status": "completed"})
    assert len(console.published) == count  # its jobs are forgotten
