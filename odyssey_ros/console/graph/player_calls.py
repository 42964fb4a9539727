"""Calls the services with which a person controls a player."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from std_srvs.srv import Trigger

from odyssey_ros import srv
from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.client.service_text import clean_text
from odyssey_ros.console.graph.graph_nodes import NodeKind
from odyssey_ros.console.graph.service_calls import refusal

if TYPE_CHECKING:
    from odyssey_ros.console.graph.graph_nodes import GraphNode
    from odyssey_ros.console.graph.service_calls import ServiceCalls

CALL_TIMEOUT_S: Final = 30.0
"""A seek opens a file and decodes from the key frame before it; a step waits for its frame."""

_RATE: Final = "rate"


@dataclass(frozen=True, slots=True)
class SeekTarget:
    """Where to continue; the definition of the service Seek describes the fields."""

    episode: int
    frame_index: int
    position: float


@dataclass(frozen=True, slots=True)
class FramePlace:
    """The next frame that a player publishes.

    Attributes:
        episode: Number of the episode, from 0.
        stream_id: The stream of the episode.
        frame_index: Number of the frame in the episode, from 0.
        position: Its media time in seconds.
    """

    episode: int
    stream_id: str
    frame_index: int
    position: float


class PlayerCalls:
    """Controls players. The methods are for the asyncio thread.

    Args:
        calls: Calls services.
    """

    def __init__(self, calls: ServiceCalls) -> None:
        self._calls = calls

    async def trigger(self, node: GraphNode, role: str) -> str:
        """Call `pause`, `resume` or `step`; return the text of the response.

        Raises:
            OdysseyError: The player refused, is no player, or does not answer.
        """
        response = await self._call(node, role, Trigger, Trigger.Request())
        if not response.success:
            raise refusal("", response.message or f"The player {node.name} refused to {role}")
        return clean_text(response.message)

    async def seek(self, node: GraphNode, target: SeekTarget) -> FramePlace:
        """Continue with another frame; a paused player stays paused.

        Raises:
            OdysseyError: There is no such frame, the node is no player, or it does not answer.
        """
        request = srv.Seek.Request(
            episode=target.episode, frame_index=target.frame_index, position=target.position
        )
        response = await self._call(node, "seek", srv.Seek, request)
        return FramePlace(
            response.episode, clean_text(response.stream_id), response.frame_index, response.position
        )

    async def set_rate(self, node: GraphNode, rate: float) -> None:
        """Change the speed, in media seconds per second.

        Raises:
            OdysseyError: The player refused, is no player, or does not answer.
        """
        value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=rate)
        request = SetParameters.Request(parameters=[Parameter(name=_RATE, value=value)])
        response = await self._call(node, "set_parameters", SetParameters, request)
        for result in response.results:
            if not result.successful:
                raise refusal("", result.reason or f"The player {node.name} refused the speed")

    async def _call(self, node: GraphNode, role: str, kind: type, request: Any) -> Any:
        service = node.services.get(role)
        if service is None or node.kind is not NodeKind.PLAYER:
            raise OdysseyError(
                f"The node {node.name} is a {node.kind.value}, which has no service {role}: choose a player",
                code=ErrorCode.NOT_FOUND,
            )
        return await self._calls.call(kind, service, request, timeout_s=CALL_TIMEOUT_S)
