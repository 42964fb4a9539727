"""Goals of simulations between two nodes of one graph: the node of a console, and a worker like a bridge."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import rclpy
from odyssey_ros.action import RunSimulation
from odyssey_ros.msg import SimulationJobDetail, StreamStatus
from rclpy.action import ActionServer, CancelResponse, GoalResponse

from domain_reservation import reserved_domain
from foreign_nodes import ForeignNode
from observer import Observer
from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls
from odyssey_ros.console.graph.graph_nodes import GraphNode, NodeKind
from odyssey_ros.console.graph.service_calls import ServiceCalls
from odyssey_ros.console.graph.simulation_goals import SimulationGoals
from waiting import wait_until

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


class SimulationWorker:
    """A node whose goals run until they are released or cancelled.

    Attributes:
        target: The node, as a console finds it.
        response: What the next goals are answered.
        refusal: The error code of the result of the next goals; empty runs them.
        silent: Whether the next goals report no job when they begin.
        accepting: Goals are answered while it is set.
        asked: The number of goals that have arrived.
    """

    def __init__(self, domain: int, name: str) -> None:
        self._node = ForeignNode(domain, name)
        self._node.publisher(StreamStatus, "~/status")
        self._running: list[tuple[Any, Any]] = []
        self.response = GoalResponse.ACCEPT
        self.refusal = ""
        self.silent = False
        self.accepting = threading.Event()
        self.accepting.set()
        self.asked = 0
        self._server = ActionServer(
            self._node.node,
            RunSimulation,
            "~/run_simulation",
            self._execute,
            goal_callback=lambda _: self._answer(),
            cancel_callback=lambda _: self._cancelled(),
        )
        self.target = GraphNode(
            self._node.name,
            NodeKind.BRIDGE,
            topics={"status": f"{self._node.name}/status"},
            simulation_action=f"{self._node.name}/run_simulation",
        )
        self._node.spin()

    @property
    def running(self) -> int:
        """The number of goals that run."""
        return len(self._running)

    def report(self, *states: str) -> None:
        """Report states of the jobs of all goals, one after another."""
        for goal, _ in self._running:
            for status in states:
                goal.publish_feedback(RunSimulation.Feedback(job=_job(goal, status)))

    def release(self) -> None:
        """End all goals."""
        self._node.node.executor.create_task(self._release)

    def end(self) -> None:
        """Leave the graph without an answer."""
        self.accepting.set()
        self._node.end()

    def _release(self) -> None:
        for _, released in self._running:
            released.set_result(None)
        self._running.clear()

    def _answer(self) -> GoalResponse:
        self.asked += 1
        self.accepting.wait(60)
        return self.response

    def _cancelled(self) -> CancelResponse:
        self.release()
        return CancelResponse.ACCEPT

    async def _execute(self, goal: Any) -> RunSimulation.Result:
        if self.refusal:
            goal.abort()
            return RunSimulation.Result(error_code=self.refusal, message="no such scripts")
        if not self.silent:
            goal.publish_feedback(RunSimulation.Feedback(job=_job(goal, "pending")))
        released = rclpy.task.Future(executor=self._node.node.executor)
        self._running.append((goal, released))
        await released
        if goal.is_cancel_requested:
            goal.canceled()
            return RunSimulation.Result(error_code="JOB_CANCELLED", job=_job(goal, "cancelled"))
        goal.succeed()
        return RunSimulation.Result(success=True, job=_job(goal, "completed"))


class SimulationGraph:
    """The console's side of a graph with workers. Use as a context manager.

    Attributes:
        observer: The node of the console.
        executor: Runs calls on the thread that spins it.
        calls: The same for coroutines.
        goals: Sends goals.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._domain = self._stack.enter_context(reserved_domain())
        self.observer = self._stack.enter_context(Observer(self._domain))
        node = self.observer.node
        self.executor: ExecutorCalls = self.observer.run(lambda: ExecutorCalls(node))
        self.calls = ServiceCalls(node, self.executor)
        self.goals = SimulationGoals(node, self.executor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def worker(self, name: str = "odyssey") -> SimulationWorker:
        """Start a worker; return it when the console knows it."""
        worker = SimulationWorker(self._domain, name)
        self._stack.callback(worker.end)
        topic, node = worker.target.topics["status"], self.observer.node
        wait_until(lambda: [one.node_name for one in node.get_publishers_info_by_topic(topic)] == [name])
        return worker


def _job(goal: Any, status: str) -> SimulationJobDetail:
    return SimulationJobDetail(job_id=bytes(goal.goal_id.uuid).hex(), status=status)
