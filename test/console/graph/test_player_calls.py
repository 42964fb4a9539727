"""Responses of a player as results and errors. The routes are tested with a real player."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from odyssey_ros.srv import Seek
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters
from std_srvs.srv import Trigger

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph.graph_nodes import GraphNode, NodeKind
from odyssey_ros.console.graph.player_calls import FramePlace, PlayerCalls, SeekTarget

PLAYER = GraphNode(
    "/player",
    NodeKind.PLAYER,
    services={"step": "/player/step", "seek": "/player/seek", "set_parameters": "/player/rates"},
)


class Answers:
    """Answers every call with one response, and keeps the request."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.called: tuple[Any, str, Any] | None = None

    async def call(self, kind: Any, name: str, request: Any, *, timeout_s: float) -> Any:
        """Return the response."""
        self.called = (kind, name, request)
        return self.response


def calls_of(answers: Answers) -> PlayerCalls:
    """Return the calls of a player that answers in this way."""
    service_calls: Any = answers
    return PlayerCalls(service_calls)


def test_a_trigger_returns_the_text() -> None:
    """The text is cleaned of control characters."""
    answers = Answers(Trigger.Response(success=True, message="frame 3\x1b of a"))
    assert "frame 3" in asyncio.run(calls_of(answers).trigger(PLAYER, "step"))
    assert answers.called is not None
    assert answers.called[:2] == (Trigger, "/player/step")


@pytest.mark.parametrize(
    ("message", "text"),
    [("the player is not active", "the player is not active"), ("", "The player /player refused to step")],
)
def test_a_refused_trigger_is_an_error(message: str, text: str) -> None:
    """A Trigger has no error code."""
    with pytest.raises(OdysseyError) as refused:
        asyncio.run(
            calls_of(Answers(Trigger.Response(success=False, message=message))).trigger(PLAYER, "step")
        )
    assert (refused.value.message, refused.value.code) == (text, ErrorCode.ODYSSEY_ERROR)


def test_a_seek_returns_the_next_frame() -> None:
    """The fields are those of the service."""
    answers = Answers(Seek.Response(success=True, episode=1, stream_id="a", frame_index=7, position=0.35))
    place = asyncio.run(calls_of(answers).seek(PLAYER, SeekTarget(1, -1, 0.36)))
    assert place == FramePlace(1, "a", 7, 0.35)
    assert answers.called is not None
    assert answers.called[2] == Seek.Request(episode=1, frame_index=-1, position=0.36)


def test_a_speed_is_a_parameter() -> None:
    """No other parameter is set; the reason of the player becomes the error."""
    answers = Answers(SetParameters.Response(results=[SetParametersResult(successful=True)]))
    asyncio.run(calls_of(answers).set_rate(PLAYER, 0.5))
    assert answers.called is not None
    [parameter] = answers.called[2].parameters
    assert (answers.called[1], parameter.name, parameter.value.double_value) == ("/player/rates", "rate", 0.5)
    refusing = Answers(SetParameters.Response(results=[SetParametersResult(reason="rate can become 0")]))
    with pytest.raises(OdysseyError, match="rate can become 0"):
        asyncio.run(calls_of(refusing).set_rate(PLAYER, 0.5))


def test_a_node_that_is_no_player_is_named() -> None:
    """Such a node lacks the services."""
    bridge = GraphNode("/odyssey", NodeKind.BRIDGE, services={"set_parameters": "/odyssey/set_parameters"})
    with pytest.raises(OdysseyError, match="has no service set_parameters: choose a player"):
        asyncio.run(calls_of(Answers(None)).set_rate(bridge, 1.0))
    with pytest.raises(
        OdysseyError, match=r"/odyssey is a bridge, which has no service seek: choose a player"
    ):
        asyncio.run(calls_of(Answers(None)).seek(bridge, SeekTarget(-1, 0, 0.0)))
