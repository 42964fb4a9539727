"""Cancels simulation jobs: by their goals where the console has one, else by the service."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph.service_calls import refusal
from odyssey_ros.console.graph.simulation_values import job_info_value, job_value

if TYPE_CHECKING:
    from odyssey_ros.console.graph.graph_nodes import GraphNode
    from odyssey_ros.console.graph.simulation_calls import SimulationCalls
    from odyssey_ros.console.graph.simulation_goals import SimulationGoal
    from odyssey_ros.console.server.simulation_jobs import SimulationJobs

RESULT_TIMEOUT_S: Final = 30.0
"""For the result of a goal that is being cancelled. The node repeats requests to the service that fail."""

_CANCELLED: Final = "cancelled"


async def cancel_job(
    target: GraphNode, job_id: str, jobs: SimulationJobs, calls: SimulationCalls
) -> dict[str, Any]:
    """Cancel a job; return it. For the asyncio thread.

    Args:
        target: The node.
        job_id: The job, which may have been submitted elsewhere.
        jobs: The jobs that were submitted through the console.
        calls: Calls the services of the node.

    Raises:
        OdysseyError: `NOT_CANCELLABLE`: the job is being processed, or has ended; or the node's own error.
    """
    goal = jobs.goal_of(target.name, job_id)
    value = None if goal is None else await _by_goal(goal)
    if value is None:
        value = job_info_value(await calls.cancel(target, job_id))
    jobs.observe(target.name, value)
    return value


async def _by_goal(goal: SimulationGoal) -> dict[str, Any] | None:
    """Cancel a goal; return its job, or None if the node does not know the goal any more, or has ended."""
    if not await goal.cancel():
        return None
    await asyncio.wait({goal.result}, timeout=RESULT_TIMEOUT_S)
    if not goal.result.done() or goal.result.exception() is not None:
        return None
    result = goal.result.result()
    value = job_value(result.job)
    if value["status"] == _CANCELLED:
        return value
    if result.success or not result.error_code:
        raise OdysseyError("The job has ended already", code=ErrorCode.NOT_CANCELLABLE)
    raise refusal(result.error_code, result.message)
