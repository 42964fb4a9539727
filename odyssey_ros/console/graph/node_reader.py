"""Reads what no topic of a node says: its lifecycle and its limits."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from lifecycle_msgs.srv import GetAvailableTransitions, GetState
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import GetParameters

from odyssey_ros.client import OdysseyError
from odyssey_ros.client.service_text import clean_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.console.graph.graph_nodes import GraphNode
    from odyssey_ros.console.graph.service_calls import ServiceCalls

logger = logging.getLogger(__name__)

READ_TIMEOUT_S: Final = 5.0
RETRY_S: Final = 2.0
"""After a node that did not answer."""

MAX_PROMPT_LENGTH: Final = "max_prompt_length"

_TRANSITIONS: Final = ("configure", "activate", "deactivate", "cleanup", "shutdown")


class NodeReader:
    """Reads the lifecycle and the limits of a node now, and whenever they may have changed.

    For the asyncio thread.

    Args:
        calls: Calls services.
        node: The node.
        publish: Called with the kind of the value, `lifecycle` or `limits`, and the value.
    """

    def __init__(self, calls: ServiceCalls, node: GraphNode, publish: Callable[[str, Any], None]) -> None:
        self._calls = calls
        self._node = node
        self._publish = publish
        self._changed = asyncio.Event()
        self._changed.set()
        self._task = asyncio.ensure_future(self._run())
        self._task.add_done_callback(self._ended)

    def changed(self) -> None:
        """Read again."""
        self._changed.set()

    def stop(self) -> None:
        """Read no more. Idempotent."""
        self._task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error(
                "The lifecycle and the limits of %s are not read any more; please report it",
                self._node.name,
                exc_info=error,
            )

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                self._publish("lifecycle", await read_lifecycle(self._calls, self._node))
                self._publish("limits", await read_limits(self._calls, self._node))
            except OdysseyError:  # a node that is starting, busy or leaving
                await asyncio.sleep(RETRY_S)
                self._changed.set()


async def read_lifecycle(calls: ServiceCalls, node: GraphNode) -> dict[str, Any] | None:
    """Return `{"state": ..., "transitions": [...]}` of a node: the labels; None without a lifecycle.

    Raises:
        OdysseyError: The node did not answer.
    """
    state, available = node.services.get("get_state"), node.services.get("get_available_transitions")
    if state is None or available is None:
        return None
    current = await calls.call(GetState, state, GetState.Request(), timeout_s=READ_TIMEOUT_S)
    answer = await calls.call(
        GetAvailableTransitions, available, GetAvailableTransitions.Request(), timeout_s=READ_TIMEOUT_S
    )
    label = current.current_state.label
    possible = [
        one.transition.label for one in answer.available_transitions if one.start_state.label == label
    ]
    return {
        "state": clean_text(label),
        "transitions": [one for one in _TRANSITIONS if one in possible],
    }


async def read_limits(calls: ServiceCalls, node: GraphNode) -> dict[str, Any] | None:
    """Return `{"max_prompt_length": ...}` of a node, in characters; None for a node that takes no prompts.

    Raises:
        OdysseyError: The node did not answer.
    """
    service = node.services.get("get_parameters")
    if service is None or "start_stream" not in node.services:
        return None
    request = GetParameters.Request(names=[MAX_PROMPT_LENGTH])
    response = await calls.call(GetParameters, service, request, timeout_s=READ_TIMEOUT_S)
    whole = [one.integer_value for one in response.values if one.type == ParameterType.PARAMETER_INTEGER]
    return {MAX_PROMPT_LENGTH: whole[0]} if whole else None
