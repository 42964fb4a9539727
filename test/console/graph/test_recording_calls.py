"""Recordings of a bridge; a node of the test answers, with whatever a node can send."""

from __future__ import annotations

import math
from typing import Any

import pytest
from builtin_interfaces.msg import Time
from odyssey_ros.msg import Recording, StreamRecordingInfo
from odyssey_ros.srv import GetRecording, ListRecordings

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph.graph_nodes import GraphNode, NodeKind
from odyssey_ros.console.graph.recording_calls import (
    MAX_ROWS,
    RecordingRow,
    check_stream_id,
    get_recording,
    list_recordings,
)

NODE = GraphNode(
    "/odyssey",
    NodeKind.BRIDGE,
    services={"list_recordings": "/odyssey/list_recordings", "get_recording": "/odyssey/get_recording"},
)


class Calls:
    """Answers each call with one response."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.requests: list[tuple[str, Any]] = []

    async def call(self, _kind: Any, name: str, request: Any) -> Any:
        self.requests.append((name, request))
        return self.response


def row(stream_id: str, **fields: Any) -> StreamRecordingInfo:
    """Return a row as a bridge sends it, unless the fields say otherwise."""
    return StreamRecordingInfo(stream_id=stream_id, width=-1, height=-1, duration_seconds=math.nan, **fields)


async def test_rows_have_unknown_values() -> None:
    """A stream that is running has no end; -1 and 0 stand for unknown values."""
    finished = StreamRecordingInfo(
        stream_id="a-1", width=1280, height=704, started_at=Time(sec=100, nanosec=500_000_000),
        ended_at=Time(sec=103), duration_seconds=2.5,
    )  # fmt: skip
    calls: Any = Calls(ListRecordings.Response(success=True, recordings=[finished, row("b")], total=7))
    page = await list_recordings(calls, NODE, 2, 4)
    name, request = calls.requests[0]
    assert (name, request.limit, request.offset) == ("/odyssey/list_recordings", 2, 4)
    assert (page.total, page.ignored) == (7, 0)
    assert page.rows[0] == RecordingRow("a-1", 1280, 704, 100.5, 103.0, 2.5)
    assert page.rows[1].width is page.rows[1].started_at is page.rows[1].ended_at is None


async def test_rows_of_any_node_are_bounded() -> None:
    """Ids that could be something else than an id are left out and counted."""
    ids = ["../../etc", "a/b", "", "x" * 257, "a b", "a\nb", "ok"]
    response = ListRecordings.Response(recordings=[row(one) for one in ids * 50], total=-5)
    calls: Any = Calls(response)
    page = await list_recordings(calls, NODE, 12, 0)
    assert len(page.rows) + page.ignored == MAX_ROWS
    assert {one.stream_id for one in page.rows} == {"ok"}
    assert page.total == 0


async def test_a_recording_is_passed_on() -> None:
    """With its addresses, which the caller keeps."""
    calls: Any = Calls(GetRecording.Response(recording=Recording(video_url="https://files/a")))
    assert (await get_recording(calls, NODE, "a")).video_url == "https://files/a"
    assert calls.requests[0][1].stream_id == "a"


async def test_a_node_without_recordings() -> None:
    """The operator is told what to choose."""
    calls: Any = Calls(None)
    with pytest.raises(OdysseyError, match="choose a bridge") as error:
        await list_recordings(calls, GraphNode("/player", NodeKind.PLAYER), 1, 0)
    assert error.value.code is ErrorCode.NOT_FOUND


@pytest.mark.parametrize("text", ["..", ".", "a/b", "a\\b", "a b", "", "x" * 257, "a\x00", "a?b", "é"])
def test_invalid_ids(text: str) -> None:
    """A path is no id."""
    with pytest.raises(OdysseyError) as error:
        check_stream_id(text)
    assert error.value.code is ErrorCode.BAD_ARGUMENT


@pytest.mark.parametrize("text", ["2b267e54-d596-4a60-9d06-7f3bc2d667af", "rec_1.2:3", "x" * 256])
def test_valid_ids(text: str) -> None:
    """Usual ids pass."""
    assert check_stream_id(text) == text
