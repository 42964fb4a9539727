"""Calls of the services of a bridge that list, describe and cancel simulation jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from odyssey_ros import srv
from odyssey_ros.client import ErrorCode, OdysseyError

if TYPE_CHECKING:
    from odyssey_ros.console.graph.graph_nodes import GraphNode
    from odyssey_ros.console.graph.service_calls import ServiceCalls
    from odyssey_ros.msg import SimulationJobDetail, SimulationJobInfo


class SimulationCalls:
    """Calls the services. The methods are for the asyncio thread.

    Each method raises OdysseyError: the node's own error; `UNREACHABLE` if the node has no such service, or
    the service is not there; `TIMEOUT` if it does not respond.

    Args:
        calls: Calls services.
    """

    def __init__(self, calls: ServiceCalls) -> None:
        self._calls = calls

    async def page(
        self, target: GraphNode, *, status: str = "", active: int = -1, limit: int, offset: int
    ) -> tuple[list[SimulationJobInfo], int]:
        """Return a page of the account's jobs, newest first, and the number of jobs.

        Args:
            target: The node.
            status: Only jobs in this state; empty for all.
            active: 1 for unfinished jobs, 0 for finished jobs, -1 for all.
            limit: Length of the page, from 1 to 100.
            offset: Number of jobs before the page.
        """
        request = srv.ListSimulationJobs.Request(status=status, active=active, limit=limit, offset=offset)
        response = await self._call(target, "list_simulation_jobs", srv.ListSimulationJobs, request)
        return list(response.jobs), max(response.total, 0)

    async def job(self, target: GraphNode, job_id: str) -> SimulationJobDetail:
        """Return a job with the presigned addresses of its videos, which are secrets."""
        request = srv.GetSimulationJob.Request(job_id=job_id)
        response = await self._call(target, "get_simulation_job", srv.GetSimulationJob, request)
        job: SimulationJobDetail = response.job
        return job

    async def cancel(self, target: GraphNode, job_id: str) -> SimulationJobInfo:
        """Cancel a job that is pending or dispatched."""
        request = srv.CancelSimulationJob.Request(job_id=job_id)
        response = await self._call(target, "cancel_simulation_job", srv.CancelSimulationJob, request)
        job: SimulationJobInfo = response.job
        return job

    async def _call(self, target: GraphNode, role: str, kind: type, request: Any) -> Any:
        service = target.services.get(role)
        if service is None:
            raise OdysseyError(
                f"The node {target.name} is a {target.kind.value}, which has no simulation jobs: choose a "
                "bridge",
                code=ErrorCode.UNREACHABLE,
            )
        return await self._calls.call(kind, service, request)
