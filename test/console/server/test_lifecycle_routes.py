"""The lifecycle of a real bridge, changed through a console."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from lifecycle_msgs.srv import GetState

from console_client import ConsoleClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console_graph import ConsoleGraph, ConsoleProcess
    from probe import Probe
    from processes import EmulatorProcess, Process


@pytest.fixture(scope="module")
def bridge(graph: ConsoleGraph, emulator: EmulatorProcess) -> Process:
    """A bridge that waits to be configured."""
    return graph.bridge(emulator, {"autostart": False})


@pytest.fixture(scope="module")
def client(console: ConsoleProcess, bridge: Process) -> Iterator[ConsoleClient]:
    """A page that watches the bridge."""
    with ConsoleClient(console.url, "/odyssey") as one:
        one.wait_for(lambda state: state.get("lifecycle"), "the lifecycle")
        yield one


def test_a_bridge_is_configured_activated_and_cleaned_up(client: ConsoleClient, probe: Probe) -> None:
    """The answer has the new state, and all pages are told of it."""
    for transition, state in (
        ("configure", "inactive"),
        ("activate", "active"),
        ("deactivate", "inactive"),
        ("cleanup", "unconfigured"),
    ):
        assert client.post("/api/lifecycle", transition=transition) == (200, {"state": state})
        assert probe.call(GetState, "/odyssey/get_state").current_state.label == state
        client.wait_for(lambda known, state=state: known["lifecycle"]["state"] == state)
    assert client.state["lifecycle"]["transitions"] == ["configure", "shutdown"]


def test_an_impossible_transition_is_refused_in_words(client: ConsoleClient) -> None:
    """The answer names the state, and what is possible."""
    assert client.post("/api/lifecycle", transition="activate") == (
        409,
        {
            "error_code": "CONFIGURATION",
            "message": "The node /odyssey cannot activate while it is unconfigured. It can configure "
            "itself or shut down",
        },
    )


@pytest.mark.parametrize("transition", ["destroy", "", "activate\n"])
def test_only_the_transitions_of_an_operator_are_sent(client: ConsoleClient, transition: str) -> None:
    """Any other label is refused without asking the node."""
    status, answer = client.post("/api/lifecycle", transition=transition)
    assert (status, answer["error_code"]) == (400, "BAD_ARGUMENT")


def test_a_node_that_does_not_exist_is_named(client: ConsoleClient) -> None:
    """The request names the node."""
    response = client.http.post("/api/lifecycle", params={"node": "/nobody"}, json={"transition": "activate"})
    assert response.status_code == 404
    assert response.json()["message"] == "The node /nobody is not on the graph"
