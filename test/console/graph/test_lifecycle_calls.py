"""What a person is told about a transition that was refused. The routes are tested with real nodes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from lifecycle_msgs.msg import State, Transition, TransitionDescription
from lifecycle_msgs.srv import ChangeState, GetAvailableTransitions, GetState

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph.graph_nodes import GraphNode, NodeKind
from odyssey_ros.console.graph.lifecycle_calls import LifecycleCalls

if TYPE_CHECKING:
    from collections.abc import Callable

ROLES = ("change_state", "get_state", "get_available_transitions")
NODE = GraphNode("/odyssey", NodeKind.BRIDGE, services={role: f"/odyssey/{role}" for role in ROLES})


class Answers:
    """Answers as a node in one state does."""

    def __init__(self, state: str, possible: tuple[str, ...] = (), *, success: bool = False) -> None:
        self._state, self._possible, self._success = state, possible, success

    async def call(self, kind: Any, name: str, request: Any, *, timeout_s: float) -> Any:
        """Return the response."""
        if kind is ChangeState:
            return ChangeState.Response(success=self._success)
        if kind is GetState:
            return GetState.Response(current_state=State(label=self._state))
        described = [
            TransitionDescription(transition=Transition(label=label), start_state=State(label=self._state))
            for label in self._possible
        ]
        elsewhere = TransitionDescription(
            transition=Transition(label="configure"), start_state=State(label="elsewhere")
        )
        return GetAvailableTransitions.Response(available_transitions=[*described, elsewhere])


@pytest.fixture
def change() -> Callable[..., str]:
    """Runs a transition of a node that answers in this way."""

    def act(transition: str, answers: Answers, node: GraphNode = NODE) -> str:
        calls: Any = answers
        return asyncio.run(LifecycleCalls(calls).change(node, transition))

    return act


def test_a_transition_returns_the_new_state(change: Callable[..., str]) -> None:
    """The state is read after the transition."""
    assert change("activate", Answers("active", success=True)) == "active"


@pytest.mark.parametrize(
    ("state", "possible", "text"),
    [
        (
            "unconfigured",
            ("shutdown", "configure"),
            (
                "The node /odyssey cannot activate while it is unconfigured. It can configure itself or "
                "shut down"
            ),
        ),
        (
            "inactive",
            ("activate", "cleanup"),
            "The node /odyssey refused to activate, and is inactive. Its log has the reason",
        ),
        (
            "configuring",
            (),
            (
                "The node /odyssey cannot activate while it is configuring. It can do nothing until its "
                "transition has ended"
            ),
        ),
    ],
)
def test_a_refusal_tells_the_state_and_what_is_possible(
    change: Callable[..., str], state: str, possible: tuple[str, ...], text: str
) -> None:
    """A transition that is possible was refused by the node itself."""
    with pytest.raises(OdysseyError) as refused:
        change("activate", Answers(state, possible))
    assert (refused.value.message, refused.value.code) == (text, ErrorCode.CONFIGURATION)


def test_a_node_without_a_lifecycle_is_named(change: Callable[..., str]) -> None:
    """Such a node lacks the services."""
    with pytest.raises(OdysseyError, match=r"The node /other has no lifecycle"):
        change("activate", Answers("active"), GraphNode("/other", NodeKind.BRIDGE))
