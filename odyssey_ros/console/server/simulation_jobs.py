"""The jobs that were submitted through the console, followed to their ends."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.client import ErrorCode, OdysseyError, as_odyssey_error
from odyssey_ros.client.tasks import TaskOwner
from odyssey_ros.console.graph.node_presence import NodePresence
from odyssey_ros.console.graph.service_calls import CALL_TIMEOUT_S, LEFT_LOOKS, refusal
from odyssey_ros.console.graph.simulation_values import job_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.node import Node

    from odyssey_ros.action import RunSimulation
    from odyssey_ros.console.graph.graph_nodes import GraphNode
    from odyssey_ros.console.graph.service_calls import ServiceCalls
    from odyssey_ros.console.graph.simulation_goals import SimulationGoal, SimulationGoals
    from odyssey_ros.msg import SimulationJobDetail

logger = logging.getLogger(__name__)

MAX_JOBS: Final = 50
"""Jobs of a node that pages are told about; the oldest are forgotten first."""

MAX_NODES: Final = 64
"""Nodes whose jobs are kept."""

SUBMITTING_POLL_S: Final = 0.5
"""How often a submission looks whether its node is still there."""

FOLLOWING_POLL_S: Final = 2.0
"""The same once the job has an id."""

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
        self._jobs: OrderedDict[str, OrderedDict[str, _Job]] = OrderedDict()
        self._tasks = TaskOwner(_log_failure)

    async def submit(self, target: GraphNode, goal: RunSimulation.Goal) -> dict[str, Any]:
        """Submit a job; return it as soon as it has an id.

        A job whose submission has begun is followed even if the caller is cancelled.

        Raises:
            OdysseyError: The job was refused; or the node ended, or did not answer in time, so that the job
                may have been submitted (`SUBMIT_IN_DOUBT`).
        """
        if not target.simulation_action:
            raise OdysseyError(
                f"The node {target.name} is a {target.kind.value}, which runs no jobs: choose a bridge",
                code=ErrorCode.UNREACHABLE,
            )
        submission = _Submission(target)
        self._tasks.spawn(self._run(submission, goal), "simulation job")
        return await submission.job

    async def close(self) -> None:
        """Follow the jobs no longer; the nodes continue them."""
        await self._tasks.close()

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
        jobs = self._jobs_of(node) if submitted else self._jobs.get(node, OrderedDict())
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

    def _jobs_of(self, node: str) -> OrderedDict[str, _Job]:
        jobs = self._jobs.setdefault(node, OrderedDict())
        self._jobs.move_to_end(node)
        if len(self._jobs) > MAX_NODES:
            self._jobs.popitem(last=False)
        return jobs

    async def _run(self, submission: _Submission, goal: RunSimulation.Goal) -> None:
        """Send a goal, and follow its job."""
        target = submission.target

        def changed(sent: SimulationGoal, job: SimulationJobDetail) -> None:
            value = job_value(job)
            self.observe(target.name, value, sent, submitted=True)
            submission.has_job(value)

        try:
            presence = await self._calls.on_executor(lambda: NodePresence(self._node, target))
            async with self._goals.sent(target.simulation_action, goal, changed) as sent:
                del goal  # up to 64 MiB, while a job can take hours
                result = await self._result(sent, submission, presence)
                if result is None:
                    return
                if result.job.job_id:
                    changed(sent, result.job)
                else:
                    submission.failed(refusal(result.error_code, result.message))
        except OdysseyError as error:
            submission.failed(error)
        except asyncio.CancelledError:
            submission.failed(submission.in_doubt("is not watched any more, because the console is ending"))
            raise
        except Exception as error:
            submission.failed(as_odyssey_error(error))
            raise

    async def _result(
        self, sent: SimulationGoal, submission: _Submission, presence: NodePresence
    ) -> RunSimulation.Result | None:
        """Wait for the result of a goal; return None when the process of the node has ended."""
        deadline = asyncio.get_running_loop().time() + CALL_TIMEOUT_S
        missing = 0
        while missing < LEFT_LOOKS:
            poll_s = FOLLOWING_POLL_S if submission.job.done() else SUBMITTING_POLL_S
            await asyncio.wait((sent.result,), timeout=poll_s)
            if sent.result.done():
                return sent.result.result()
            missing = missing + 1 if await self._calls.on_executor(presence.has_left) else 0
            if asyncio.get_running_loop().time() > deadline and not submission.job.done():
                submission.failed(submission.in_doubt(f"did not answer within {CALL_TIMEOUT_S:g} s"))
        if not submission.job.done():
            submission.failed(submission.in_doubt("ended before it answered"))
        return None


class _Submission:
    """A job that is being submitted.

    Attributes:
        target: The node.
        job: The job, as soon as it has an id; cancelled when nobody waits for it any more.
    """

    def __init__(self, target: GraphNode) -> None:
        self.target = target
        self.job: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    def has_job(self, value: dict[str, Any]) -> None:
        """Note the job. Without effect later."""
        if not self.job.done():
            self.job.set_result(value)

    def failed(self, error: OdysseyError) -> None:
        """Note that there is no job. Without effect later, but logged if nobody waits any more."""
        if not self.job.done():
            self.job.set_exception(error)
            self.job.exception()  # retrieved, in case that who waits is being cancelled
        elif self.job.cancelled():
            logger.warning("A page has gone that submitted a job, which failed: %s", error)

    def in_doubt(self, what: str) -> OdysseyError:
        """Return the error of a job that may have been submitted."""
        return OdysseyError(
            f"The node {self.target.name} {what}: look at the list of jobs before you submit the scripts "
            "again",
            code=ErrorCode.SUBMIT_IN_DOUBT,
        )


def _log_failure(error: Exception) -> None:
    logger.error("A simulation job is not followed any more; please report it", exc_info=error)


def _rank(value: dict[str, Any]) -> int:
    status = value["status"]
    return _ORDER.index(status) if status in _ORDER else len(_ORDER)
