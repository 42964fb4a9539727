"""Calls that list, describe and cancel jobs; test_simulation_routes.py makes them at a bridge."""

from __future__ import annotations

from typing import Any

import pytest
from odyssey_ros.msg import SimulationJobInfo

from odyssey_ros import srv
from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph.graph_nodes import GraphNode, NodeKind
from odyssey_ros.console.graph.simulation_calls import SimulationCalls

NAMES = ("list_simulation_jobs", "get_simulation_job", "cancel_simulation_job")


class Calls:
    """Remembers the requests, and answers them."""

    def __init__(self) -> None:
        self.requests: list[tuple[Any, str, Any]] = []

    async def call(self, kind: Any, name: str, request: Any) -> Any:
        """Return the response to a request."""
        self.requests.append((kind, name, request))
        return kind.Response(
            **({"jobs": [SimulationJobInfo()], "total": -1} if kind is srv.ListSimulationJobs else {})
        )


async def test_the_requests() -> None:
    calls = Calls()
    node = GraphNode("/odyssey", NodeKind.BRIDGE, services={name: f"/remapped/{name}" for name in NAMES})
    simulations = SimulationCalls(calls)  # type: ignore[arg-type]
    jobs, total = await simulations.page(node, active=1, limit=5, offset=10)
    assert (len(jobs), total) == (1, 0)
    await simulations.job(node, "a")
    await simulations.cancel(node, "b")
    kind, name, request = calls.requests[0]
    assert (kind, name) == (srv.ListSimulationJobs, "/remapped/list_simulation_jobs")
    assert (request.status, request.active, request.limit, request.offset) == ("", 1, 5, 10)
    assert [request.job_id for _, _, request in calls.requests[1:]] == ["a", "b"]


async def test_a_player_has_no_jobs() -> None:
    with pytest.raises(OdysseyError, match="is a player, which has no simulation jobs") as refused:
        await SimulationCalls(Calls()).job(GraphNode("/player", NodeKind.PLAYER), "a")  # type: ignore[arg-type]
    assert refused.value.code is ErrorCode.UNREACHABLE
