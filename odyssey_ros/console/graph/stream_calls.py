"""Calls of the services of a bridge that start, change and end its stream."""

from __future__ import annotations

import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sensor_msgs.msg import CompressedImage

from odyssey_ros import srv
from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.client.service_text import clean_text

if TYPE_CHECKING:
    from odyssey_ros.console.graph.graph_nodes import GraphNode
    from odyssey_ros.console.graph.service_calls import ServiceCalls


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A picture to start from.

    Attributes:
        content: The file.
        format: Its format in lower case, such as `jpeg`.
    """

    content: bytes
    format: str


@dataclass(frozen=True, slots=True)
class StreamStart:
    """A stream to start; `odyssey_ros/srv/StartStream` has the meanings."""

    prompt: str
    portrait: bool = False
    broadcast: bool = False
    picture: EncodedPicture | None = None


@dataclass(frozen=True, slots=True)
class StartedStream:
    """A stream that was started.

    Attributes:
        stream_id: Its id.
        applied_prompt: The prompt as the service applied it.
    """

    stream_id: str
    applied_prompt: str


class StreamCalls:
    """Starts, prompts and ends the streams of bridges. The methods are for the asyncio thread.

    Each method raises OdysseyError: the node's own error; `UNREACHABLE` if the node has no such service, or
    its process ends before it responds; `TIMEOUT` if it does not respond.

    Args:
        calls: Calls services.
    """

    def __init__(self, calls: ServiceCalls) -> None:
        self._calls = calls

    async def start(self, target: GraphNode, start: StreamStart) -> StartedStream:
        """Start a stream, and wait until it runs."""
        request = srv.StartStream.Request(
            prompt=start.prompt, portrait=start.portrait, broadcast=start.broadcast
        )
        if start.picture is not None:
            # An array is taken over as it is; rclpy checks each byte of any other sequence.
            request.image = CompressedImage(
                format=start.picture.format, data=array.array("B", start.picture.content)
            )
        response = await self._call(target, "start_stream", srv.StartStream, request)
        return StartedStream(
            clean_text(response.stream_id), clean_text(response.applied_prompt, is_prompt=True)
        )

    async def interact(self, target: GraphNode, prompt: str) -> str:
        """Change the running stream; return the prompt as applied."""
        response = await self._call(target, "interact", srv.Interact, srv.Interact.Request(prompt=prompt))
        return clean_text(response.applied_prompt, is_prompt=True)

    async def end(self, target: GraphNode) -> str:
        """End the running stream; return its id."""
        response = await self._call(target, "end_stream", srv.EndStream, srv.EndStream.Request())
        return clean_text(response.stream_id)

    async def _call(self, target: GraphNode, role: str, kind: type, request: Any) -> Any:
        service = target.services.get(role)
        if service is None:
            raise OdysseyError(
                f"The node {target.name} is a {target.kind.value}, which has no service {role}: choose a "
                "bridge",
                code=ErrorCode.UNREACHABLE,
            )
        return await self._calls.call(kind, service, request)
