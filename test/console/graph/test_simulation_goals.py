"""Goals of simulations, with a real action server in another node."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from odyssey_ros.action import RunSimulation
from rclpy.action import ActionClient, GoalResponse

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph import kept_clients, ready_clients, simulation_goals
from simulation_graph import SimulationGraph
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odyssey_ros.msg import SimulationJobDetail

    from odyssey_ros.console.graph.simulation_goals import SimulationGoal
    from simulation_graph import SimulationWorker

ACTION = "/odyssey/run_simulation"
GOAL = RunSimulation.Goal()


@pytest.fixture(scope="module")
def graph() -> Iterator[SimulationGraph]:
    """The console's side."""
    with SimulationGraph() as one:
        yield one


@pytest.fixture(scope="module")
def worker(graph: SimulationGraph) -> SimulationWorker:
    """The other node."""
    return graph.worker()


class Jobs:
    """What is reported."""

    def __init__(self) -> None:
        self.goals: set[SimulationGoal] = set()
        self.states: list[str] = []

    def __call__(self, goal: SimulationGoal, job: SimulationJobDetail) -> None:
        self.goals.add(goal)
        self.states.append(job.status)


async def test_a_goal_reports_its_job_and_result(graph: SimulationGraph, worker: SimulationWorker) -> None:
    jobs = Jobs()
    async with graph.goals.sent(ACTION, GOAL, jobs) as goal:
        await eventually(lambda: jobs.states == ["pending"])
        assert jobs.goals == {goal}
        assert not goal.result.done()
        worker.release()
        result = await asyncio.wait_for(goal.result, 60)
        assert (result.success, result.job.status) == (True, "completed")
        assert not await goal.cancel()  # it has ended


async def test_of_states_that_wait_the_newest_is_reported(
    graph: SimulationGraph, worker: SimulationWorker
) -> None:
    """A node that reports faster than the console works cannot fill its memory."""
    jobs = Jobs()
    async with graph.goals.sent(ACTION, GOAL, jobs):
        await eventually(lambda: jobs.states == ["pending"])
        came: list[None] = []
        subscription = graph.observer.run(
            lambda: graph.observer.node.create_subscription(
                RunSimulation.Impl.FeedbackMessage,
                f"{ACTION}/_action/feedback",
                lambda _: came.append(None),
                100,
            )
        )
        await eventually(lambda: graph.observer.node.count_subscribers(f"{ACTION}/_action/feedback") == 2)

        def wait_on_this_thread() -> None:
            while not came:
                worker.report("dispatched", "processing")

        wait_on_this_thread()
        await eventually(lambda: jobs.states[-1] == "processing")
        graph.observer.run(lambda: graph.observer.node.destroy_subscription(subscription))
        worker.release()


async def test_a_goal_is_cancelled(graph: SimulationGraph, worker: SimulationWorker) -> None:
    async with graph.goals.sent(ACTION, GOAL, Jobs()) as goal:
        await eventually(lambda: worker.running == 1)
        assert await goal.cancel()
        assert (await asyncio.wait_for(goal.result, 60)).error_code == "JOB_CANCELLED"


async def test_a_goal_that_is_left_has_no_result(graph: SimulationGraph, worker: SimulationWorker) -> None:
    """Who waits for it is told."""
    jobs = Jobs()
    async with graph.goals.sent(ACTION, GOAL, jobs) as goal:
        await eventually(lambda: jobs.states == ["pending"])
    with pytest.raises(OdysseyError, match="is not known"):
        await goal.result
    assert not await goal.cancel()
    worker.report("processing")
    worker.release()
    await eventually(lambda: worker.running == 0)
    assert jobs.states == ["pending"]


async def test_refused_goals_have_words(
    graph: SimulationGraph, worker: SimulationWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.response = GoalResponse.REJECT
    with pytest.raises(OdysseyError, match="rejected the goal") as refused:
        await graph.goals.sent(ACTION, GOAL, Jobs()).__aenter__()
    assert refused.value.code is ErrorCode.TOO_MANY_CALLS
    worker.response = GoalResponse.ACCEPT
    monkeypatch.setattr(ready_clients, "READY_TIMEOUT_S", 0.1)
    with pytest.raises(OdysseyError, match="The action /nothing/run_simulation is not there") as refused:
        await graph.goals.sent("/nothing/run_simulation", GOAL, Jobs()).__aenter__()
    assert refused.value.code is ErrorCode.UNREACHABLE


async def test_a_late_acceptance_is_ignored(
    graph: SimulationGraph, worker: SimulationWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The submission is in doubt; nothing of the goal remains, and the next one works."""
    monkeypatch.setattr(simulation_goals, "ACCEPT_TIMEOUT_S", 0.2)
    asked, late = worker.asked, Jobs()
    worker.accepting.clear()
    with pytest.raises(OdysseyError, match="look at the list of jobs") as refused:
        await graph.goals.sent(ACTION, GOAL, late).__aenter__()
    assert refused.value.code is ErrorCode.SUBMIT_IN_DOUBT
    await eventually(lambda: worker.asked == asked + 1)
    worker.accepting.set()
    await eventually(lambda: worker.running == 1)
    monkeypatch.undo()
    jobs = Jobs()
    async with graph.goals.sent(ACTION, GOAL, jobs):
        await eventually(lambda: jobs.states)
    assert late.states == []
    worker.release()


async def test_idle_clients_are_destroyed(
    graph: SimulationGraph, worker: SimulationWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client remains while a goal uses it."""
    for module in (kept_clients, ready_clients):
        monkeypatch.setattr(module, "IDLE_S", 0.0)
    other = graph.worker("other")

    def clients() -> int:
        return sum(isinstance(one, ActionClient) for one in graph.observer.node.waitables)

    async with graph.goals.sent(other.target.simulation_action, GOAL, Jobs()) as goal:
        async with graph.goals.sent(ACTION, GOAL, Jobs()):
            pass
        await eventually(lambda: clients() == 1)
        assert await goal.cancel()
        await asyncio.wait_for(goal.result, 60)
    await eventually(lambda: clients() == 0)
    worker.release()
    other.end()
