"""The order and the bound of prompts; `test_stream_routes.py` sends them to a bridge."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph.graph_nodes import GraphNode, NodeKind
from odyssey_ros.console.graph.stream_calls import StartedStream, StreamCalls, StreamStart
from odyssey_ros.console.server.prompt_log import PromptLog
from odyssey_ros.console.server.stream_requests import MAX_WAITING, StreamRequests

if TYPE_CHECKING:
    from collections.abc import Callable

NODE = GraphNode("/odyssey", NodeKind.BRIDGE)


class HeldCalls(StreamCalls):
    """Calls that respond when the test says so."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.release = asyncio.Event()
        self.failure: Exception | None = None

    async def start(self, target: GraphNode, start: StreamStart) -> StartedStream:
        """Start a stream."""
        return StartedStream("stream", await self._respond(f"start {start.prompt}"))

    async def interact(self, target: GraphNode, prompt: str) -> str:
        """Change the stream."""
        return await self._respond(prompt)

    async def end(self, target: GraphNode) -> str:
        """End the stream."""
        self.made.append("end")
        raise OdysseyError("no stream is running", code=ErrorCode.NO_STREAM)

    async def _respond(self, call: str) -> str:
        self.made.append(call)
        await self.release.wait()
        if self.failure is not None:
            raise self.failure
        return f"{call}, applied"


async def until(condition: Callable[[], Any]) -> None:
    """Let the loop run until a condition is true."""

    async def poll() -> None:
        while not condition():  # noqa: ASYNC110 -- there is no event
            await asyncio.sleep(0)

    await asyncio.wait_for(poll(), 30)


def states(log: PromptLog) -> list[str]:
    """Return the states of all prompts."""
    return [one["state"] for one in log.prompts("/odyssey")]


async def test_prompts_wait_for_their_turn_and_the_end_does_not() -> None:
    """Each is pending for all pages at once."""
    calls, log = HeldCalls(), PromptLog(lambda *_: None)
    requests = StreamRequests(calls, log)
    started = asyncio.ensure_future(requests.start(NODE, StreamStart("sea"), end_running=True))
    changed = asyncio.ensure_future(requests.interact(NODE, "snow"))
    await until(lambda: calls.made == ["end", "start sea"])
    assert states(log) == ["pending", "pending"]
    with pytest.raises(OdysseyError, match="no stream is running"):
        await requests.end(NODE)
    calls.release.set()
    assert await changed == "snow, applied"
    assert (await started).stream_id == "stream"
    assert calls.made == ["end", "start sea", "end", "snow"]
    assert states(log) == ["acknowledged", "acknowledged"]


async def test_a_request_is_recorded_without_its_page() -> None:
    """The page is closed while the node works."""
    calls, log = HeldCalls(), PromptLog(lambda *_: None)
    waiting = asyncio.ensure_future(StreamRequests(calls, log).interact(NODE, "snow"))
    await until(lambda: calls.made)
    waiting.cancel()
    calls.release.set()
    await until(lambda: states(log) == ["acknowledged"])


async def test_prompts_that_wait_are_bounded() -> None:
    """The refused one is not in the log, and there is room again later."""
    calls, log = HeldCalls(), PromptLog(lambda *_: None)
    requests = StreamRequests(calls, log)
    waiting = [asyncio.ensure_future(requests.interact(NODE, str(number))) for number in range(MAX_WAITING)]
    await until(lambda: len(states(log)) == MAX_WAITING)
    with pytest.raises(OdysseyError, match="wait for the node already") as refused:
        await requests.interact(NODE, "one more")
    assert refused.value.code is ErrorCode.TOO_MANY_CALLS
    calls.release.set()
    assert await asyncio.gather(*waiting) == [f"{number}, applied" for number in range(MAX_WAITING)]
    await requests.interact(NODE, "later")
    assert states(log) == ["acknowledged"] * (MAX_WAITING + 1)


async def test_unexpected_failures_are_recorded(caplog: pytest.LogCaptureFixture) -> None:
    """As internal errors, with a record in the log of the process."""
    calls, log = HeldCalls(), PromptLog(lambda *_: None)
    calls.failure = ZeroDivisionError("by zero")
    calls.release.set()
    with pytest.raises(OdysseyError) as failed:
        await StreamRequests(calls, log).interact(NODE, "snow")
    assert failed.value.code is ErrorCode.INTERNAL
    assert states(log) == ["failed"]
    assert "A prompt failed unexpectedly" in caplog.text


async def test_the_end_of_the_console_ends_requests() -> None:
    """The log says so, for the pages that are still open."""
    calls, log = HeldCalls(), PromptLog(lambda *_: None)
    requests = StreamRequests(calls, log)
    waiting = [asyncio.ensure_future(requests.interact(NODE, str(number))) for number in range(2)]
    await until(lambda: calls.made)
    await requests.close()
    assert states(log) == ["failed", "failed"]
    assert log.prompts("/odyssey")[0]["message"] == "The console is ending"
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in outcomes)
