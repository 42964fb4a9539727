"""Calls of the services of a bridge that start, change and end its stream."""

from __future__ import annotations

import array
import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sensor_msgs.msg import CompressedImage

from odyssey_ros import srv
from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph.node_presence import NodePresence

if TYPE_CHECKING:
    from rclpy.node import Node

    from odyssey_ros.console.graph.graph_nodes import GraphNode
    from odyssey_ros.console.graph.service_calls import ServiceCalls

PRESENCE_POLL_S: Final = 0.5


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
        node: The node of the console.
        calls: Calls services.
    """

    def __init__(self, node: Node, calls: ServiceCalls) -> None:
        self._node = node
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
        return StartedStream(response.stream_id, response.applied_prompt)

    async def interact(self, target: GraphNode, prompt: str) -> str:
        """Change the running stream; return the prompt as applied."""
        response = await self._call(target, "interact", srv.Interact, srv.Interact.Request(prompt=prompt))
        return str(response.applied_prompt)

    async def end(self, target: GraphNode) -> str:
        """End the running stream; return its id."""
        response = await self._call(target, "end_stream", srv.EndStream, srv.EndStream.Request())
        return str(response.stream_id)

    async def _call(self, target: GraphNode, role: str, kind: type, request: Any) -> Any:
        service = target.services.get(role)
        if service is None:
            raise OdysseyError(
                f"The node {target.name} is a {target.kind.value}, which has no service {role}: choose a "
                "bridge",
                code=ErrorCode.UNREACHABLE,
            )
        presence = await self._calls.on_executor(lambda: NodePresence(self._node, target))
        call = asyncio.ensure_future(self._calls.call(kind, service, request))
        try:
            while not (await asyncio.wait((call,), timeout=PRESENCE_POLL_S))[0]:
                if await self._calls.on_executor(presence.has_left) and not call.done():
                    raise OdysseyError(
                        f"The node {target.name} ended before it responded: the request may not have taken "
                        "effect",
                        code=ErrorCode.UNREACHABLE,
                    )
            return call.result()
        finally:
            call.cancel()
