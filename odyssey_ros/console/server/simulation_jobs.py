"""The jobs that were submitted through the console, followed to their ends."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph.node_presence import NodePresence
from odyssey_ros.console.graph.service_calls import CALL_TIMEOUT_S, refusal
from odyssey_ros.console.graph.simulation_values import job_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.node import Node

    from odyssey_ros.action import RunSimulation
    from odyssey_ros.console.graph.graph_nodes import GraphNode
    from odyssey_ros.console.graph.service_calls import ServiceCalls
    from odyssey_ros.console.graph.simulation_goals import SimulationGoal, SimulationGoals
    from odyssey_ros.msg import SimulationJobDetail

MAX_JOBS: Final = 50
"""Jobs of a node that pages are told about; the oldest are forgotten first."""

_PRESENCE_POLL_S: Final = 0.5
_ORDER: Final = ("pending", "dispatched", "processing")
"""The states of an unfinished job, in their order."""


@dataclass(slots=True)
class _Job:
    value: dict[str, Any]
    goal: SimulationGoal | None = None


class SimulationJobs:
    """Submits jobs as goals, and publishes their states. For the asyncio thread.

    A job does not depend on this class: the node continues it when the console ends.

    Args:
        node: The node of the console.
        calls: Runs functions on the executor's thread.
        goals: Sends the goals.
        publish: Receives the name of a node and its jobs, newest first, at every change.
    """

    def __init__(
        self,
        node: Node,
        calls: ServiceCalls,
        goals: SimulationGoals,
        publish: Callable[[str, list[dict[str, Any]]], None],
    ) -> None:
        self._node = node
        self._calls = calls
        self._goals = goals
        self._publish = publish
        self._jobs: defaultdict[str, OrderedDict[str, _Job]] = defaultdict(OrderedDict)
        self._following: set[asyncio.Task[None]] = set()

    async def submit(self, target: GraphNode, goal: RunSimulation.Goal) -> dict[str, Any]:
        """Submit a job; return it as soon as it has an id.

        Raises:
            OdysseyError: The job was refused; or the node ended, or did not answer in time, so that the job
                may have been submitted (`SUBMIT_IN_DOUBT`).
        """
        if not target.simulation_action:
            raise OdysseyError(
                f"The node {target.name} is a {target.kind.value}, which runs no jobs: choose a bridge",
                code=ErrorCode.UNREACHABLE,
            )
        presence = await self._calls.on_executor(lambda: NodePresence(self._node, target))
        first: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        running: list[SimulationGoal] = []

        def changed(job: SimulationJobDetail) -> None:
            value = job_value(job)
            self.observe(target.name, value, running[0] if running else None, submitted=True)
            if not first.done():
                first.set_result(value)

        running.append(await self._goals.send(target.simulation_action, goal, changed))
        task = asyncio.create_task(self._follow(running[0], first, changed))
        self._following.add(task)
        task.add_done_callback(self._following.discard)
        return await self._first(target, first, presence)

    def observe(
        self,
        node: str,
        value: dict[str, Any],
        goal: SimulationGoal | None = None,
        *,
        submitted: bool = False,
    ) -> None:
        """Take over a newer state of a job; publish it if the job was submitted through this console.

        Args:
            node: The fully qualified name of the node.
            value: The job, as a JSON value.
            goal: Its goal, if it is known.
            submitted: Whether the job was submitted through this console.
        """
        jobs = self._jobs[node] if submitted else self._jobs.get(node, OrderedDict())
        job = jobs.get(value["job_id"])
        if job is None:
            if not submitted:
                return
            job = jobs[value["job_id"]] = _Job(value)
            while len(jobs) > MAX_JOBS:
                jobs.popitem(last=False)
        elif _rank(value) >= _rank(job.value):
            job.value = {**job.value, **{key: value[key] for key in job.value if key in value}}
        job.goal = goal or job.goal
        self._publish(node, [one.value for one in reversed(jobs.values())])

    def goal_of(self, node: str, job_id: str) -> SimulationGoal | None:
        """Return the goal of a job that is not known to have ended; None without one."""
        job = self._jobs.get(node, OrderedDict()).get(job_id)
        return None if job is None or job.goal is None or job.goal.result.done() else job.goal

    async def _follow(
        self,
        goal: SimulationGoal,
        first: asyncio.Future[dict[str, Any]],
        changed: Callable[[SimulationJobDetail], None],
    ) -> None:
        """Wait for the result of a goal."""
        result = await goal.result
        if result.job.job_id:
            changed(result.job)
        elif not first.done():
            first.set_exception(refusal(result.error_code, result.message))

    async def _first(
        self, target: GraphNode, first: asyncio.Future[dict[str, Any]], presence: NodePresence
    ) -> dict[str, Any]:
        """Wait for the first state of a job."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CALL_TIMEOUT_S
        while not (await asyncio.wait((first,), timeout=_PRESENCE_POLL_S))[0]:
            left = await self._calls.on_executor(presence.has_left)
            if (left or loop.time() > deadline) and not first.done():
                what = "ended before it answered" if left else f"did not answer within {CALL_TIMEOUT_S:g} s"
                raise OdysseyError(
                    f"The node {target.name} {what}: look at the list of jobs before you submit the scripts "
                    "again",
                    code=ErrorCode.SUBMIT_IN_DOUBT,
                )
        return first.result()


def _rank(value: dict[str, Any]) -> int:
    status = value["status"]
    return _ORDER.index(status) if status in _ORDER else len(_ORDER)
