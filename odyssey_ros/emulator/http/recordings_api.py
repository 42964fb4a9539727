"""The HTTP endpoints of recordings: lookup, listing, and files behind presigned URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from odyssey_ros.emulator.http.authorization import authorize
from odyssey_ros.emulator.http.http_answers import HttpError, page_of
from odyssey_ros.emulator.http.presigned_urls import presigned_url
from odyssey_ros.emulator.media.recording import Artifact, Recording
from odyssey_ros.emulator.tokens import InvalidTokenError

if TYPE_CHECKING:
    from odyssey_ros.emulator.service_context import ServiceContext

_ARTIFACTS = {artifact.value: artifact for artifact in Artifact}
_DEFAULT_PAGE = 50
_MAX_PAGE = 100


class RecordingsApi:
    """Handlers of the recordings' endpoints.

    Args:
        context: the parts of the service.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/recordings/{stream_id}", self._get, name="recordings_get"),
            web.get("/stream-recordings", self._list, name="recordings_list"),
            web.get("/files/{stream_id}/{name}", self._file, name="files"),
        ]

    async def _get(self, request: web.Request) -> web.Response:
        account = authorize(self._context, request)
        recording = self._context.recordings.get(request.match_info["stream_id"])
        if recording is None or recording.owner != account.name:
            raise HttpError(404, "Recording not found")
        return web.json_response(self._describe(request, recording))

    def _describe(self, request: web.Request, recording: Recording) -> dict[str, object]:
        finished = recording.ended_at is not None
        urls = {
            f"{artifact.name.lower()}_url": presigned_url(
                self._context, request, recording.stream_id, artifact
            )
            if finished
            else None
            for artifact in Artifact
        }
        return {
            "stream_id": recording.stream_id,
            **urls,
            "frame_count": recording.frame_count,
            "duration_seconds": recording.duration_seconds,
        }

    async def _list(self, request: web.Request) -> web.Response:
        account = authorize(self._context, request)
        limit, offset = page_of(request, _DEFAULT_PAGE, _MAX_PAGE)
        recordings, total = self._context.recordings.page(account.name, limit, offset)
        rows = [
            {
                "stream_id": recording.stream_id,
                "width": recording.width,
                "height": recording.height,
                "started_at": recording.started_at.isoformat(),
                "ended_at": recording.ended_at.isoformat() if recording.ended_at else None,
                "duration_seconds": recording.duration_seconds,
            }
            for recording in recordings
        ]
        return web.json_response({"recordings": rows, "total": total, "limit": limit, "offset": offset})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        try:
            self._context.tokens.check_path(
                request.path, query.get("expires", ""), query.get("signature", "")
            )
        except InvalidTokenError as error:
            raise HttpError(403, "The URL has expired" if error.expired else "Invalid signature") from None
        artifact = _ARTIFACTS.get(request.match_info["name"])
        path = self._context.recordings.path(request.match_info["stream_id"], artifact) if artifact else None
        if path is None or artifact is None:
            raise HttpError(404, "Not Found")
        return web.FileResponse(path, headers={"Content-Type": artifact.content_type})
