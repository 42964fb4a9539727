"""The calls of a bridge about recordings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros import srv
from odyssey_ros.client import ErrorCode, OdysseyError

if TYPE_CHECKING:
    from builtin_interfaces.msg import Time

    from odyssey_ros import msg
    from odyssey_ros.console.graph.graph_nodes import GraphNode
    from odyssey_ros.console.graph.service_calls import ServiceCalls

MAX_ROWS: Final = 100
"""Rows of a page that are taken; any node on the graph can send more."""

_STREAM_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:~@=+-]{0,255}")


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """A row of the list of recordings. Times are in seconds since the epoch; NaN and None are unknown.

    Attributes:
        stream_id: The id of the recording.
        width: Width in pixels.
        height: Height in pixels.
        started_at: Start of the stream.
        ended_at: End of the stream; None while it is running.
        duration: Duration in seconds.
    """

    stream_id: str
    width: int | None
    height: int | None
    started_at: float | None
    ended_at: float | None
    duration: float


@dataclass(frozen=True, slots=True)
class RecordingPage:
    """A page of the list of recordings, newest first.

    Attributes:
        rows: The rows.
        total: Number of all recordings.
        ignored: Number of rows of this page whose id is not valid.
    """

    rows: tuple[RecordingRow, ...]
    total: int
    ignored: int


def check_stream_id(text: str) -> str:
    """Return the id of a recording as it is.

    Raises:
        OdysseyError: `BAD_ARGUMENT`: it is no id, such as a path.
    """
    if _STREAM_ID.fullmatch(text) is None:
        raise OdysseyError("the id of the recording is not valid", code=ErrorCode.BAD_ARGUMENT)
    return text


async def list_recordings(calls: ServiceCalls, node: GraphNode, limit: int, offset: int) -> RecordingPage:
    """Return a page of the account's recordings.

    Args:
        calls: Calls services.
        node: A bridge.
        limit: Number of rows, at most `MAX_ROWS`.
        offset: Number of newer recordings to leave out.

    Raises:
        OdysseyError: The call failed.
    """
    request = srv.ListRecordings.Request(limit=limit, offset=offset)
    response = await calls.call(srv.ListRecordings, service_of(node, "list_recordings"), request)
    given = response.recordings[:MAX_ROWS]
    rows = tuple(_row(row) for row in given if _STREAM_ID.fullmatch(row.stream_id) is not None)
    return RecordingPage(rows, max(0, response.total), len(given) - len(rows))


async def get_recording(calls: ServiceCalls, node: GraphNode, stream_id: str) -> msg.Recording:
    """Return a recording with its presigned addresses, which are secrets, and which any node could invent.

    Raises:
        OdysseyError: The call failed.
    """
    request = srv.GetRecording.Request(stream_id=stream_id)
    response: Any = await calls.call(srv.GetRecording, service_of(node, "get_recording"), request)
    found: msg.Recording = response.recording
    return found


def service_of(node: GraphNode, role: str) -> str:
    """Return the name of a service of a node.

    Raises:
        OdysseyError: `NOT_FOUND`: the node has no such service.
    """
    name = node.services.get(role)
    if name is None:
        raise OdysseyError(
            f"{node.name} has no recordings: choose a bridge that has an API key", code=ErrorCode.NOT_FOUND
        )
    return name


def _row(row: msg.StreamRecordingInfo) -> RecordingRow:
    return RecordingRow(
        stream_id=row.stream_id,
        width=row.width if row.width > 0 else None,
        height=row.height if row.height > 0 else None,
        started_at=_seconds(row.started_at),
        ended_at=_seconds(row.ended_at),
        duration=row.duration_seconds,
    )


def _seconds(time: Time) -> float | None:
    seconds = time.sec + time.nanosec * 1e-9
    return float(seconds) if seconds > 0 else None
