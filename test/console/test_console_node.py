"""The process of the console: its names, its clock, its errors and its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import rclpy
from odyssey_ros.msg import StreamStatus
from rclpy.context import Context
from rclpy.parameter import Parameter

from console_client import ConsoleClient
from domain_reservation import reserved_domain
from foreign_nodes import ForeignNodes
from odyssey_ros.bridge.runtime.asyncio_thread import AsyncioThread
from odyssey_ros.console.console_node import SERVER_STOP_TIMEOUT_S, STOP_TIMEOUT_S, ConsoleNode
from odyssey_ros.console.graph.picture_thread import PictureThread
from odyssey_ros.console.server.console_server import ConsoleServer, Served
from waiting import wait_until

if TYPE_CHECKING:
    import pytest

    from console_graph import ConsoleGraph, ConsoleProcess
    from probe import Probe


def test_ends_with_a_reason_when_the_port_is_in_use(graph: ConsoleGraph, console: ConsoleProcess) -> None:
    """In one line, with the remedy and an exit status."""
    port = console.url.rpartition(":")[2]
    second = graph.node("console", {"port": port})
    assert second.exit_status() == 1
    (line,) = second.output
    assert f"Cannot serve the console: port {port} of 127.0.0.1 is in use" in line
    assert "set port to another one" in line


def test_has_any_name_and_a_simulation_time(graph: ConsoleGraph, probe: Probe) -> None:
    """A clock that does not run stops nothing. Open pages do not delay the end."""
    console = graph.console({"use_sim_time": True}, "-r", "__node:=ops", "-r", "__ns:=/room")
    wait_until(lambda: ("ops", "/room") in probe.node.get_node_names_and_namespaces())
    with ForeignNodes(graph.domain) as others, ConsoleClient(console.url, "/cam") as page:
        bridge = others.bridge("cam")
        page.wait_for(lambda state: [one["name"] for one in state.get("nodes") or []] == ["/cam"])
        publisher = bridge.node.create_publisher(StreamStatus, "~/status", 1)
        page.wait_for(
            lambda state: (
                publisher.publish(StreamStatus(prompt="sea"))
                or (state.get("status") or {}).get("prompt") == "sea"
            )
        )
        bridge.end()
        page.wait_for(lambda state: state["nodes"] == [])
        assert console.process.stop() == 0
    assert "Traceback" not in console.process.text


def test_its_end_has_one_time_limit(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A server that does not stop takes a part of it: the launch system would kill the process."""
    limits: list[float] = []

    async def start(_: ConsoleServer) -> Served:
        return Served("")

    async def stop(_: ConsoleServer) -> None:
        await asyncio.Event().wait()

    def record(kind: type, name: str) -> None:
        real = getattr(kind, name)

        def stopped(one: Any, limit_s: float) -> Any:
            limits.append(limit_s)
            return real(one, limit_s)

        monkeypatch.setattr(kind, name, stopped)

    monkeypatch.setattr(ConsoleServer, "start", start)
    monkeypatch.setattr(ConsoleServer, "stop", stop)
    record(AsyncioThread, "stop")
    record(PictureThread, "stop")
    with reserved_domain() as domain:
        context = Context()
        rclpy.init(context=context, domain_id=domain)
        ConsoleNode(
            context=context, parameter_overrides=[Parameter("port", value=0)], use_global_arguments=False
        ).destroy_node()
        rclpy.try_shutdown(context=context)
    assert 0 <= limits[1] <= limits[0] <= STOP_TIMEOUT_S - SERVER_STOP_TIMEOUT_S
    assert f"did not stop within {SERVER_STOP_TIMEOUT_S:g} s" in capfd.readouterr().err
    assert STOP_TIMEOUT_S < 5  # SIGTERM of the launch system
