"""Reports of the graph cross to the asyncio thread in order, and in bounded memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from odyssey_ros.console.graph.graph_nodes import GraphNode, NodeKind
from odyssey_ros.console.server.graph_reports import ARRIVED, LEFT, MAX_WAITING_EVENTS, GraphReports
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable


class Receiver:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, Any]] = []

    def nodes_changed(self, nodes: tuple[GraphNode, ...]) -> None:
        self.told.append(("", "nodes", nodes))

    def reported(self, name: str, kind: str, value: Any) -> None:
        self.told.append((name, kind, value))


async def reported(act: Callable[[GraphReports], None]) -> list[tuple[str, str, Any]]:
    """Let a function report on another thread, while this one is busy; return what was told."""
    receiver = Receiver()
    reports = GraphReports(asyncio.get_running_loop(), receiver)
    thread = asyncio.to_thread(act, reports)
    await thread
    await eventually(lambda: receiver.told)
    return receiver.told


async def test_the_last_report_is_handled_last() -> None:
    """A node that left and returned is there."""
    node = GraphNode("/one", NodeKind.BRIDGE)

    def act(reports: GraphReports) -> None:
        reports.arrived(node)
        reports.reported("/one", "status", 1)
        reports.left("/one")
        reports.arrived(node)
        reports.reported("/one", "status", 2)
        reports.nodes_changed((node,))

    told = await reported(act)
    assert [(kind, value) for _, kind, value in told][-4:] == [
        (LEFT, None),
        (ARRIVED, node),
        ("status", 2),
        ("nodes", (node,)),
    ]


async def test_waiting_reports_are_bounded() -> None:
    """A loop that is busy gets the newest values and events."""
    receiver = Receiver()
    reports = GraphReports(asyncio.get_running_loop(), receiver)
    for number in range(10_000):  # the loop does not run meanwhile
        reports.reported("/one", "status", number)
        reports.reported("/one", "events", number)
    await eventually(lambda: receiver.told)
    assert receiver.told[0] == ("/one", "status", 9999)
    assert [value for _, _, value in receiver.told[1:]] == list(range(10_000 - MAX_WAITING_EVENTS, 10_000))
    reports.reported("/one", "status", 0)
    await eventually(lambda: receiver.told[-1] == ("/one", "status", 0))
