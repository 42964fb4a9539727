"""The process of the console: its names, its clock, its errors and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.msg import StreamStatus

from console_client import ConsoleClient
from foreign_nodes import ForeignNodes
from waiting import wait_until

if TYPE_CHECKING:
    from console_graph import ConsoleGraph, ConsoleProcess
    from probe import Probe


def test_ends_with_a_reason_when_the_port_is_in_use(graph: ConsoleGraph, console: ConsoleProcess) -> None:
    """In one line, with the remedy and an exit status."""
    port = console.url.rpartition(":")[2]
    second = graph.node("console", {"port": port})
    wait_until(lambda: second.popen.poll() is not None)
    assert second.popen.returncode == 1
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
