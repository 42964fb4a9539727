"""The state of a real bridge reaches the pages, and nothing is subscribed without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from odyssey_ros.srv import Interact

from console_client import ConsoleClient
from foreign_nodes import wait_for_subscribers
from vanishing_page import VanishingPage
from waiting import wait_until

if TYPE_CHECKING:
    from console_graph import ConsoleGraph, ConsoleProcess
    from probe import Probe
    from processes import EmulatorProcess, Process

PROMPT = "a harbour at dawn"
MAX_PROMPT = 321
TOPICS = ("/odyssey/status", "/odyssey/events", "/odyssey/transition_event", "/diagnostics")
NEVER = ("/odyssey/frame_info", "/odyssey/image_raw", "/odyssey/image_raw/foxglove")


@pytest.fixture(scope="module")
def emulator(graph: ConsoleGraph) -> EmulatorProcess:
    """An emulator at a low rate: no picture is looked at."""
    return graph.emulator("--fps", "5")


@pytest.fixture(scope="module")
def bridge(graph: ConsoleGraph, emulator: EmulatorProcess) -> Process:
    """A bridge that streams."""
    return graph.bridge(emulator, {"prompt": PROMPT, "max_prompt_length": MAX_PROMPT})


def test_nothing_is_subscribed_without_a_page(console: ConsoleProcess, bridge: Process, probe: Probe) -> None:
    """Pages share the subscriptions. A page that vanishes without a word counts as closed after a while."""
    wait_until(lambda: probe.node.count_publishers("/odyssey/status"))
    wait_until(lambda: ("console", "/") in probe.node.get_node_names_and_namespaces())
    wait_for_subscribers(probe.node, (*TOPICS, *NEVER), 0)
    with ConsoleClient(console.url, "/odyssey"):
        wait_for_subscribers(probe.node, TOPICS, 1)
        with ConsoleClient(console.url, "/odyssey") as second:
            second.wait_for(lambda state: state.get("status"))
            wait_for_subscribers(probe.node, TOPICS, 1)
        with ConsoleClient(console.url, "/elsewhere"):
            wait_for_subscribers(probe.node, TOPICS, 1)
        wait_for_subscribers(probe.node, NEVER, 0)
    wait_for_subscribers(probe.node, TOPICS, 0)
    with VanishingPage(console.url, "/odyssey"):
        wait_for_subscribers(probe.node, TOPICS, 1)
        wait_for_subscribers(probe.node, TOPICS, 0)


def test_pages_get_the_whole_state(console: ConsoleProcess, bridge: Process, probe: Probe) -> None:
    """A page that comes later gets what is known, and the events so far."""
    with ConsoleClient(console.url, "/odyssey") as page:
        page.wait_for(lambda state: (state.get("status") or {}).get("streaming"))
        page.wait_for(lambda state: state.get("limits") == {"max_prompt_length": MAX_PROMPT})
        page.wait_for(
            lambda state: (
                state.get("lifecycle") == {"state": "active", "transitions": ["deactivate", "shutdown"]}
            )
        )
        page.wait_for(lambda state: [one["level"] for one in state.get("diagnostics") or []])
        (node,) = page.wait_for(lambda state: state.get("nodes"))
        assert (node["name"], node["kind"]) == ("/odyssey", "bridge")
        assert {"start_stream", "interact", "get_state", "run_simulation"} <= set(node["can"])
        assert probe.call(Interact, "/odyssey/interact", Interact.Request(prompt="snow")).success
        page.wait_for(lambda state: any(one["prompt"].startswith("snow") for one in state["events"]))
        with ConsoleClient(console.url, "/odyssey") as later:
            later.wait_for(lambda state: later_has_everything(state, page.state))


def later_has_everything(state: dict[str, object], first: dict[str, object]) -> bool:
    """Return whether a page has what another one has."""
    return all(state.get(kind) == first[kind] for kind in ("events", "limits", "lifecycle", "nodes"))


def test_a_bridge_that_returns_is_watched_again(
    console: ConsoleProcess, bridge: Process, graph: ConsoleGraph, emulator: EmulatorProcess
) -> None:
    """Its values are unknown while it is away. It may have other topics, and another limit."""
    with ConsoleClient(console.url, "/odyssey") as page:
        page.wait_for(lambda state: state.get("limits") and state.get("status") and state.get("lifecycle"))
        bridge.stop()
        page.wait_for(lambda state: state["nodes"] == [])
        page.wait_for(lambda state: not any(state[kind] for kind in ("status", "lifecycle", "limits")))
        assert page.state["events"] is not None
        again = graph.bridge(emulator, {"max_prompt_length": 50}, "-r", "~/status:=/robot/state")
        page.wait_for(lambda state: state["limits"] == {"max_prompt_length": 50})
        page.wait_for(lambda state: (state["status"] or {}).get("connection_text") == "connected")
        page.wait_for(lambda state: state["lifecycle"]["state"] == "active")
        again.stop()
        page.wait_for(lambda state: state["nodes"] == [])


def test_several_nodes_at_once(
    console: ConsoleProcess, graph: ConsoleGraph, emulator: EmulatorProcess
) -> None:
    """Two bridges in namespaces, and a player that has nothing to play."""
    for place in ("left", "right"):
        graph.bridge(emulator, {"autostart": place == "left"}, "-r", f"__ns:=/{place}", "-r", "__node:=cam")
    graph.bridge(emulator, {}, name="player")
    with (
        ConsoleClient(console.url, "/left/cam") as left,
        ConsoleClient(console.url, "/right/cam") as right,
        ConsoleClient(console.url, "/player") as player,
    ):
        left.wait_for(lambda state: (state.get("lifecycle") or {}).get("state") == "active")
        right.wait_for(lambda state: (state.get("lifecycle") or {}).get("state") == "unconfigured")
        player.wait_for(lambda state: state.get("playback"))
        nodes = [("/left/cam", "bridge"), ("/player", "player"), ("/right/cam", "bridge")]
        left.wait_for(lambda state: [(one["name"], one["kind"]) for one in state["nodes"]] == nodes)
        left.wait_for(lambda state: (state["status"] or {}).get("connection_text") == "connected")
