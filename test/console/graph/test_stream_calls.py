"""The requests to a bridge's services; `test_stream_routes.py` sends them to a bridge."""

from __future__ import annotations

from typing import Any

import pytest

from odyssey_ros import srv
from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.client.service_text import MAX_LENGTH, MAX_PROMPT_LENGTH
from odyssey_ros.console.graph.graph_nodes import GraphNode, NodeKind
from odyssey_ros.console.graph.service_calls import ServiceCalls
from odyssey_ros.console.graph.stream_calls import EncodedPicture, StartedStream, StreamCalls, StreamStart

BRIDGE = GraphNode(
    "/odyssey",
    NodeKind.BRIDGE,
    services={"start_stream": "/robot/begin", "interact": "/robot/change", "end_stream": "/robot/end"},
)


class RecordedCalls(ServiceCalls):
    """Records requests instead of sending them."""

    def __init__(self, response: Any) -> None:
        self.made: list[tuple[Any, str, Any]] = []
        self._answer = response

    async def call(self, kind: Any, name: str, request: Any, *, timeout_s: float = 1.0) -> Any:
        """Return the response."""
        self.made.append((kind, name, request))
        return self._answer


async def test_start_sends_pixels() -> None:
    """To the service under its own name, and no path."""
    calls = RecordedCalls(srv.StartStream.Response(stream_id="stream", applied_prompt="sea, wide"))
    start = StreamStart("sea", portrait=True, broadcast=True, picture=EncodedPicture(b"\xff\x00\x10", "jpeg"))
    assert await StreamCalls(calls).start(BRIDGE, start) == StartedStream("stream", "sea, wide")
    ((kind, name, request),) = calls.made
    assert (kind, name) == (srv.StartStream, "/robot/begin")
    assert (request.prompt, request.portrait, request.broadcast) == ("sea", True, True)
    assert (bytes(request.image.data), request.image.format) == (b"\xff\x00\x10", "jpeg")
    assert (request.image_path, request.bypass_prompt_expansion) == ("", -1)


async def test_start_without_a_picture() -> None:
    """The bridge ignores an image whose data is empty."""
    calls = RecordedCalls(srv.StartStream.Response())
    await StreamCalls(calls).start(BRIDGE, StreamStart("sea"))
    assert len(calls.made[0][2].image.data) == 0


async def test_interact_and_end() -> None:
    """They return what the node says."""
    calls = RecordedCalls(srv.Interact.Response(applied_prompt="snow, wide"))
    assert await StreamCalls(calls).interact(BRIDGE, "snow") == "snow, wide"
    assert calls.made[0][1:] == ("/robot/change", srv.Interact.Request(prompt="snow"))
    calls = RecordedCalls(srv.EndStream.Response(stream_id="stream"))
    assert await StreamCalls(calls).end(BRIDGE) == "stream"


async def test_texts_of_the_node_are_cleaned() -> None:
    """Any node can answer with any text, of any length."""
    response = srv.StartStream.Response(
        stream_id="a\x1b[31mb" + "x" * 1000, applied_prompt="s\u202eea\n" * 50_000
    )
    started = await StreamCalls(RecordedCalls(response)).start(BRIDGE, StreamStart("sea"))
    assert started.stream_id.startswith("a bx")
    assert len(started.stream_id) == MAX_LENGTH
    assert started.applied_prompt.startswith("sea\nsea")
    assert len(started.applied_prompt) <= MAX_PROMPT_LENGTH
    calls = StreamCalls(RecordedCalls(srv.Interact.Response(applied_prompt="s\u202eea")))
    assert await calls.interact(BRIDGE, "sea") == "sea"
    assert await StreamCalls(RecordedCalls(srv.EndStream.Response(stream_id="a\nb"))).end(BRIDGE) == "a b"


async def test_other_nodes_have_no_stream() -> None:
    """A spectator and a player are told from a bridge that is gone."""
    calls = RecordedCalls(None)
    with pytest.raises(OdysseyError, match="is a spectator, which has no service interact") as refused:
        await StreamCalls(calls).interact(GraphNode("/watcher", NodeKind.SPECTATOR), "snow")
    assert refused.value.code is ErrorCode.UNREACHABLE
    assert calls.made == []
