"""Changes the state of a node's lifecycle through its services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lifecycle_msgs.srv import ChangeState, GetAvailableTransitions, GetState

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.client.service_text import clean_text

if TYPE_CHECKING:
    from odyssey_ros.console.graph.graph_nodes import GraphNode
    from odyssey_ros.console.graph.service_calls import ServiceCalls

TRANSITIONS: Final = ("configure", "activate", "deactivate", "cleanup", "shutdown")
"""What a person can ask for, by the label of the transition."""

CHANGE_TIMEOUT_S: Final = 30.0
READ_TIMEOUT_S: Final = 5.0


class LifecycleCalls:
    """Changes the state of nodes. The methods are for the asyncio thread.

    Args:
        calls: Calls services.
    """

    def __init__(self, calls: ServiceCalls) -> None:
        self._calls = calls

    async def change(self, node: GraphNode, transition: str) -> str:
        """Run a transition, and return the label of the state after it.

        Args:
            node: The node.
            transition: One of `TRANSITIONS`.

        Raises:
            OdysseyError: The node has no lifecycle (`NOT_FOUND`), does not answer, or stays in its state
                (`CONFIGURATION`): the message names the state.
        """
        request = ChangeState.Request()
        request.transition.label = transition
        changed = await self._call(node, "change_state", ChangeState, request, CHANGE_TIMEOUT_S)
        state = await self._state(node)
        if not changed.success:
            raise OdysseyError(await self._refusal(node, transition, state), code=ErrorCode.CONFIGURATION)
        return state

    async def _refusal(self, node: GraphNode, transition: str, state: str) -> str:
        response = await self._call(
            node,
            "get_available_transitions",
            GetAvailableTransitions,
            GetAvailableTransitions.Request(),
            READ_TIMEOUT_S,
        )
        possible = {
            one.transition.label for one in response.available_transitions if one.start_state.label == state
        }
        if transition in possible:
            verb = _VERBS[transition]
            return f"The node {node.name} refused to {verb}, and is {state}. Its log has the reason"
        offered = [_VERBS[label] for label in TRANSITIONS if label in possible]
        return (
            f"The node {node.name} cannot {_VERBS[transition]} while it is {state}. It can "
            f"{' or '.join(offered) or 'do nothing until its transition has ended'}"
        )

    async def _state(self, node: GraphNode) -> str:
        response = await self._call(node, "get_state", GetState, GetState.Request(), READ_TIMEOUT_S)
        return clean_text(response.current_state.label)

    async def _call(self, node: GraphNode, role: str, kind: type, request: Any, timeout_s: float) -> Any:
        service = node.services.get(role)
        if service is None:
            raise OdysseyError(f"The node {node.name} has no lifecycle", code=ErrorCode.NOT_FOUND)
        return await self._calls.call(kind, service, request, timeout_s=timeout_s)


_VERBS: Final = {
    "configure": "configure itself",
    "activate": "activate",
    "deactivate": "deactivate",
    "cleanup": "clean up",
    "shutdown": "shut down",
}
