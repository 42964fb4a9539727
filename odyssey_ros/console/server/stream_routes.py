"""The routes that start, prompt and end the stream of a bridge, and take the picture that it starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from odyssey_ros.console.graph.stream_calls import StreamCalls, StreamStart
from odyssey_ros.console.server.answers import answer
from odyssey_ros.console.server.console_context import node_of
from odyssey_ros.console.server.picture_uploads import PictureUploads
from odyssey_ros.console.server.prompt_log import PromptLog
from odyssey_ros.console.server.prompt_text import MAX_CHARACTERS, checked_prompt, max_prompt_length
from odyssey_ros.console.server.request_bodies import read_json
from odyssey_ros.console.server.start_pictures import StartPictures
from odyssey_ros.console.server.stream_requests import StreamRequests

if TYPE_CHECKING:
    from odyssey_ros.console.server.console_context import ConsoleContext


def add_streams(application: web.Application, context: ConsoleContext) -> None:
    """Add the routes below `/api/stream` to an application, which ends their work when it stops."""
    routes = _StreamRoutes(context)
    application.add_routes(
        [
            web.post("/api/stream/picture", routes.picture),
            web.post("/api/stream/start", routes.start),
            web.post("/api/stream/interact", routes.interact),
            web.post("/api/stream/end", routes.end),
        ]
    )
    application.on_shutdown.append(routes.close)


class _StreamRoutes:
    """The handlers, and the prompts and pictures that they share."""

    def __init__(self, context: ConsoleContext) -> None:
        self._hub = context.hub
        self._uploads = PictureUploads()
        self._pictures = StartPictures()
        log = PromptLog(lambda node, prompts: context.hub.publish(node, "prompts", prompts))
        self._requests = StreamRequests(StreamCalls(context.calls), log)

    async def close(self, _: web.Application) -> None:
        await self._requests.close()

    async def picture(self, request: web.Request) -> web.Response:
        picture = await self._uploads.read(request)
        return answer(
            {
                "id": self._pictures.add(picture),
                "width": picture.width,
                "height": picture.height,
                "format": picture.format,
            }
        )

    async def start(self, request: web.Request) -> web.Response:
        target = node_of(request)
        body = await read_json(request)
        name = body.text("picture", "")
        picture = self._pictures.get(name) if name else None
        prompt = checked_prompt(
            body.text("prompt"), self._max_length(target.name), may_be_empty=picture is not None
        )
        started = await self._requests.start(
            target,
            StreamStart(
                prompt,
                portrait=body.flag("portrait"),
                broadcast=body.flag("broadcast"),
                picture=None if picture is None else picture.encoded,
            ),
            end_running=body.flag("end_running"),
        )
        self._pictures.discard(name)
        return answer({"stream_id": started.stream_id, "applied_prompt": started.applied_prompt})

    async def interact(self, request: web.Request) -> web.Response:
        target = node_of(request)
        prompt = checked_prompt((await read_json(request)).text("prompt"), self._max_length(target.name))
        return answer({"applied_prompt": await self._requests.interact(target, prompt)})

    async def end(self, request: web.Request) -> web.Response:
        return answer({"stream_id": await self._requests.end(node_of(request))})

    def _max_length(self, node: str) -> int:
        """Return the limit of a node's prompts; it checks them itself while the limit is not known here."""
        limit = max_prompt_length(self._hub, node)
        return MAX_CHARACTERS if limit is None else limit
