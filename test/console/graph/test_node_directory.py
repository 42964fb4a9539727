"""The directory of nodes follows a real graph while somebody wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rclpy.parameter import Parameter

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph.node_directory import NodeDirectory
from waiting import wait_until

if TYPE_CHECKING:
    from foreign_nodes import ForeignNodes
    from observer import Observer
    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls
    from odyssey_ros.console.graph.graph_nodes import GraphNode


def test_follows_who_comes_and_goes(
    observer: Observer, executor: ExecutorCalls, others: ForeignNodes
) -> None:
    """Also under a simulation time that stands still. Without an observer, no timer runs."""
    observer.node.set_parameters([Parameter("use_sim_time", value=True)])
    directory = NodeDirectory(observer.node, executor)
    (timer,) = observer.node.timers
    assert timer.is_canceled()
    seen: list[set[str]] = []

    def follow(nodes: tuple[GraphNode, ...]) -> None:
        seen.append({node.name for node in nodes})

    observer.run(lambda: directory.follow(follow))
    bridge = others.bridge("odyssey")
    wait_until(lambda: "/odyssey" in seen[-1])
    assert directory.get("/odyssey").topics["status"] == "/odyssey/status"
    bridge.end()
    wait_until(lambda: "/odyssey" not in seen[-1])
    with pytest.raises(OdysseyError, match="/odyssey is not on the graph") as raised:
        directory.get("/odyssey")
    assert raised.value.code is ErrorCode.NOT_FOUND
    observer.run(lambda: directory.unfollow(follow))
    assert timer.is_canceled()
