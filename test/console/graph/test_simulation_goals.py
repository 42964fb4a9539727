"""Goals of simulations, with a real action server in another node."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import rclpy
from odyssey_ros.action import RunSimulation
from odyssey_ros.msg import SimulationJobDetail
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from domain_reservation import reserved_domain
from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls
from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph import simulation_goals
from odyssey_ros.console.graph.service_calls import ServiceCalls
from odyssey_ros.console.graph.simulation_goals import SimulationGoals
from spinning import SpinningThread

if TYPE_CHECKING:
    from collections.abc import Iterator

ACTION = "/odyssey/run_simulation"


class Worker:
    """An action server whose goals run until they are released or cancelled."""

    def __init__(self, node: Node, calls: ExecutorCalls) -> None:
        self._node = node
        self._calls = calls
        self._waiting: list[Any] = []
        self.response = GoalResponse.ACCEPT
        self.server = ActionServer(
            node,
            RunSimulation,
            ACTION,
            self._execute,
            goal_callback=lambda _: self.response,
            cancel_callback=lambda _: self._cancelled(),
            callback_group=ReentrantCallbackGroup(),
        )

    def release(self) -> None:
        """End all goals."""
        for one in self._waiting:
            one.set_result(None)
        self._waiting.clear()

    def _cancelled(self) -> CancelResponse:
        self._calls.post(self.release)
        return CancelResponse.ACCEPT

    async def _execute(self, goal: Any) -> RunSimulation.Result:
        job = SimulationJobDetail(job_id="job", status="pending")
        goal.publish_feedback(RunSimulation.Feedback(job=job))
        released = rclpy.task.Future(executor=self._node.executor)
        self._waiting.append(released)
        await released
        if goal.is_cancel_requested:
            goal.canceled()
            return RunSimulation.Result(error_code="JOB_CANCELLED", job=job)
        goal.succeed()
        return RunSimulation.Result(success=True, job=job)


class Graph:
    """A client and a worker on a domain of their own."""

    def __init__(self, domain: int) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = Node("console", context=self.context)
        other = Node("odyssey", context=self.context)
        self.executor_calls = ExecutorCalls(self.node)
        self.worker = Worker(other, self.executor_calls)
        executor = SingleThreadedExecutor(context=self.context)
        executor.add_node(self.node)
        executor.add_node(other)
        self._spinning = SpinningThread(executor)
        self.calls = ServiceCalls(self.node, self.executor_calls)
        self.goals = SimulationGoals(self.node, self.calls)

    def end(self) -> None:
        """End everything."""
        self._spinning.end()
        self.worker.server.destroy()
        rclpy.shutdown(context=self.context)


@pytest.fixture(scope="module")
def graph() -> Iterator[Graph]:
    """The client and the worker."""
    with reserved_domain() as domain:
        one = Graph(domain)
        yield one
        one.end()


async def test_a_goal_reports_its_job_and_its_result(graph: Graph) -> None:
    jobs: asyncio.Queue[SimulationJobDetail] = asyncio.Queue()
    goal = await graph.goals.send(ACTION, RunSimulation.Goal(), jobs.put_nowait)
    assert (await asyncio.wait_for(jobs.get(), 60)).job_id == "job"
    assert not goal.result.done()
    graph.executor_calls.post(graph.worker.release)
    result = await asyncio.wait_for(goal.result, 60)
    assert (result.success, result.job.job_id) == (True, "job")
    assert not await goal.cancel()  # it has ended


async def test_a_goal_is_cancelled(graph: Graph) -> None:
    jobs: asyncio.Queue[SimulationJobDetail] = asyncio.Queue()
    goal = await graph.goals.send(ACTION, RunSimulation.Goal(), jobs.put_nowait)
    await asyncio.wait_for(jobs.get(), 60)
    assert await goal.cancel()
    assert (await asyncio.wait_for(goal.result, 60)).error_code == "JOB_CANCELLED"


async def test_refused_goals_have_words(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    graph.worker.response = GoalResponse.REJECT
    with pytest.raises(OdysseyError, match="rejected the goal") as refused:
        await graph.goals.send(ACTION, RunSimulation.Goal(), lambda _: None)
    assert refused.value.code is ErrorCode.TOO_MANY_CALLS
    graph.worker.response = GoalResponse.ACCEPT
    monkeypatch.setattr(simulation_goals, "READY_TIMEOUT_S", 0.1)
    with pytest.raises(OdysseyError, match="is not there") as refused:
        await graph.goals.send("/nothing/run_simulation", RunSimulation.Goal(), lambda _: None)
    assert refused.value.code is ErrorCode.UNREACHABLE
