"""The routes of recordings: list, details with prompts, and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from odyssey_ros.console.graph.recording_calls import (
    MAX_ROWS,
    check_stream_id,
    get_recording,
    list_recordings,
)
from odyssey_ros.console.server.answers import answer
from odyssey_ros.console.server.console_context import context_of, node_of
from odyssey_ros.console.server.media_forwarding import MEDIA, forward
from odyssey_ros.console.server.media_sources import MediaAddresses, MediaKey, MediaKind
from odyssey_ros.console.server.query_counts import query_count
from odyssey_ros.console.server.recorded_prompts import recorded_prompts

if TYPE_CHECKING:
    from odyssey_ros.console.graph.graph_nodes import GraphNode

DEFAULT_ROWS: Final = 12
MAX_OFFSET: Final = 10**9


def recording_routes() -> list[web.RouteDef]:
    """Return the routes."""
    kinds = "|".join(kind.value for kind in (MediaKind.VIDEO, MediaKind.PREVIEW, MediaKind.THUMBNAIL))
    return [
        web.get("/api/recordings", _list),
        web.get("/api/recordings/{stream_id}", _details),
        web.get(f"/media/recordings/{{stream_id}}/{{kind:{kinds}}}", _file),
    ]


async def _list(request: web.Request) -> web.Response:
    limit = query_count(request, "limit", DEFAULT_ROWS, (1, MAX_ROWS))
    offset = query_count(request, "offset", 0, (0, MAX_OFFSET))
    page = await list_recordings(context_of(request).calls, node_of(request), limit, offset)
    rows = [
        {
            "stream_id": row.stream_id,
            "width": row.width,
            "height": row.height,
            "started_at": row.started_at,
            "ended_at": row.ended_at,
            "duration": row.duration,
        }
        for row in page.rows
    ]
    return answer({"recordings": rows, "total": page.total, "ignored": page.ignored})


async def _details(request: web.Request) -> web.Response:
    node, stream_id = node_of(request), check_stream_id(request.match_info["stream_id"])
    recording = await get_recording(context_of(request).calls, node, stream_id)
    addresses = MediaAddresses.of(recording)
    source = _Source(request, node, stream_id)
    request.app[MEDIA].sources.keep(source.key, addresses)
    if addresses.events:
        prompts = await recorded_prompts(request, source.key, source.load)
    else:
        prompts = {"prompts": [], "losses": [], "prompts_error": ""}
    return answer(
        {
            "stream_id": stream_id,
            "duration": recording.duration_seconds,
            "frame_count": recording.frame_count if recording.frame_count >= 0 else None,
            "has_video": bool(addresses.video),
            "has_preview": bool(addresses.preview),
            "has_thumbnail": bool(addresses.thumbnail),
            "has_prompts": bool(addresses.events),
            **prompts,
        }
    )


async def _file(request: web.Request) -> web.StreamResponse:
    node, stream_id = node_of(request), check_stream_id(request.match_info["stream_id"])
    source = _Source(request, node, stream_id)
    return await forward(request, source.key, MediaKind(request.match_info["kind"]), source.load)


class _Source:
    """The addresses of the files of a recording.

    Args:
        request: The request that needs them.
        node: The node that has the recording.
        stream_id: The id of the recording.
    """

    def __init__(self, request: web.Request, node: GraphNode, stream_id: str) -> None:
        self._calls = context_of(request).calls
        self._node = node
        self._stream_id = stream_id
        self.key = MediaKey("recording", node.name, stream_id)

    async def load(self) -> MediaAddresses:
        """Ask the node."""
        return MediaAddresses.of(await get_recording(self._calls, self._node, self._stream_id))
