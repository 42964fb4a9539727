"""The HTTP endpoints of broadcasts: WHEP (draft-ietf-wish-whep), with the URLs and answers of MediaMTX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from odyssey_ros.emulator.broadcast import MAX_SPECTATORS, TooManySpectatorsError, UnknownBroadcastError
from odyssey_ros.emulator.http.http_answers import HttpError
from odyssey_ros.emulator.http.request_bodies import read_body
from odyssey_ros.emulator.peer import NegotiationError
from odyssey_ros.emulator.tokens import InvalidTokenError

if TYPE_CHECKING:
    from odyssey_ros.emulator.service_context import ServiceContext

_MAX_OFFER_BYTES = 200_000


class BroadcastApi:
    """Handlers of the spectators' endpoints.

    Args:
        context: the parts of the service.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.post("/live/{stream_id}/whep", self._join, name="whep_offer"),
            web.delete("/live/{stream_id}/whep/{resource_id}", self._leave, name="whep_delete"),
        ]

    async def _join(self, request: web.Request) -> web.Response:
        stream_id = request.match_info["stream_id"]
        broadcasts = self._context.broadcasts
        if not broadcasts.is_open(stream_id):
            raise HttpError(404, "Stream not found")
        try:
            allowed = self._context.tokens.check("spectator", request.query.get("token", "")) == stream_id
        except InvalidTokenError as error:
            raise HttpError(401, str(error)) from None
        if not allowed:
            raise HttpError(401, "Invalid token")
        if request.content_type != "application/sdp":
            raise HttpError(415, "The offer must be application/sdp")
        body = await read_body(request, _MAX_OFFER_BYTES)
        try:
            resource_id, answer = await broadcasts.join(stream_id, body.decode())
        except UnknownBroadcastError:
            raise HttpError(404, "Stream not found") from None
        except TooManySpectatorsError:
            raise HttpError(503, f"The stream has {MAX_SPECTATORS} spectators; try again later") from None
        except (NegotiationError, UnicodeDecodeError) as error:
            raise HttpError(400, f"Unusable offer: {error}") from None
        return web.Response(
            status=201,
            text=answer,
            content_type="application/sdp",
            headers={"Location": f"/live/{stream_id}/whep/{resource_id}"},
        )

    async def _leave(self, request: web.Request) -> web.Response:
        parameters = request.match_info
        if not await self._context.broadcasts.leave(parameters["stream_id"], parameters["resource_id"]):
            raise HttpError(404, "Session not found")
        return web.Response(status=200)
