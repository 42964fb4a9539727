"""Lifecycle and limits are read from real nodes, and read again when they change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lifecycle_msgs.msg import State, Transition, TransitionDescription
from lifecycle_msgs.srv import GetAvailableTransitions, GetState
from odyssey_ros.srv import StartStream

from odyssey_ros.console.graph import node_reader
from odyssey_ros.console.graph.graph_nodes import GraphNode, NodeKind
from odyssey_ros.console.graph.node_reader import NodeReader
from odyssey_ros.console.graph.service_calls import ServiceCalls
from waiting import eventually

if TYPE_CHECKING:
    import pytest

    from foreign_nodes import ForeignNodes
    from observer import Observer
    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls

STATES = {"unconfigured": ("configure", "shutdown"), "inactive": ("activate", "cleanup")}
SERVICES = {
    "get_state": "/node/get_state",
    "get_available_transitions": "/node/get_available_transitions",
    "get_parameters": "/node/get_parameters",
    "start_stream": "/node/start_stream",
}


async def test_reads_again_after_changes(
    observer: Observer, executor: ExecutorCalls, others: ForeignNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that does not answer at first is asked again; internal transitions are left out."""
    monkeypatch.setattr(node_reader, "READ_TIMEOUT_S", 0.5)
    monkeypatch.setattr(node_reader, "RETRY_S", 0.05)
    current = {"state": "unconfigured"}

    def get_state(_: Any, response: Any) -> Any:
        response.current_state.label = current["state"]
        return response

    def get_transitions(_: Any, response: Any) -> Any:
        for state, labels in STATES.items():
            for label in (*labels, "on_error"):
                description = TransitionDescription(
                    transition=Transition(label=label), start_state=State(label=state)
                )
                response.available_transitions.append(description)
        return response

    node = others.node("node")
    node.node.declare_parameter("max_prompt_length", 77)
    node.serve(GetState, "~/get_state", get_state)
    node.serve(GetAvailableTransitions, "~/get_available_transitions", get_transitions)
    node.serve(StartStream, "~/start_stream")
    published: dict[str, Any] = {}
    reader = NodeReader(
        ServiceCalls(observer.node, executor),
        GraphNode("/node", NodeKind.BRIDGE, services=SERVICES),
        published.__setitem__,
    )
    await asyncio.sleep(0)
    assert not published
    node.spin()
    await eventually(lambda: len(published) == 2)
    assert published == {
        "lifecycle": {"state": "unconfigured", "transitions": ["configure", "shutdown"]},
        "limits": {"max_prompt_length": 77},
    }
    current["state"] = "inactive"
    reader.changed()
    await eventually(lambda: published["lifecycle"]["state"] == "inactive")
    assert published["lifecycle"]["transitions"] == ["activate", "cleanup"]
    reader.stop()


async def test_reads_nothing_of_a_node_without_services(observer: Observer, executor: ExecutorCalls) -> None:
    """Such as a spectator that is no managed node."""
    published: dict[str, Any] = {}
    reader = NodeReader(
        ServiceCalls(observer.node, executor), GraphNode("/node", NodeKind.SPECTATOR), published.__setitem__
    )
    await eventually(lambda: published == {"lifecycle": None, "limits": None})
    reader.stop()


async def test_an_unexpected_error_is_in_the_log_at_once(
    observer: Observer, executor: ExecutorCalls, caplog: pytest.LogCaptureFixture
) -> None:
    """With its reason, while the reader still exists."""

    def publish(*_: Any) -> None:
        raise ZeroDivisionError

    node = GraphNode("/node", NodeKind.SPECTATOR)
    reader = NodeReader(ServiceCalls(observer.node, executor), node, publish)
    await eventually(lambda: "of /node are not read any more" in caplog.text)
    assert "ZeroDivisionError" in caplog.text
    reader.stop()
