"""The routes that pause, continue, step and seek a player, and change its speed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from odyssey_ros.console.graph.player_calls import PlayerCalls, SeekTarget
from odyssey_ros.console.server.answers import answer
from odyssey_ros.console.server.console_context import context_of, node_of
from odyssey_ros.console.server.request_bodies import read_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MAX_EPISODE: Final = (1 << 31) - 1
MAX_FRAME: Final = (1 << 53) - 1  # whole numbers of JavaScript
RATES: Final = (0.01, 1000.0)
MAX_POSITION_S: Final = 10_000_000.0  # of a video file


def player_routes() -> list[web.RouteDef]:
    """Return the routes below `/api/player`."""
    triggers = [
        web.post(f"/api/player/{service}", _triggering(service)) for service in ("pause", "resume", "step")
    ]
    return [*triggers, web.post("/api/player/seek", _seek), web.post("/api/player/rate", _set_rate)]


def _triggering(service: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return the handler that calls a service without arguments."""

    async def handle(request: web.Request) -> web.Response:
        return answer({"message": await _calls(request).trigger(node_of(request), service)})

    return handle


async def _seek(request: web.Request) -> web.Response:
    """Continue with another frame; the fields are those of the service."""
    node = node_of(request)
    body = await read_json(request)
    place = await _calls(request).seek(
        node,
        SeekTarget(
            body.whole_number("episode", -1, (-1, MAX_EPISODE)),
            body.whole_number("frame_index", -1, (-1, MAX_FRAME)),
            body.number("position", 0.0, (0.0, MAX_POSITION_S)),
        ),
    )
    return answer(
        {
            "episode": place.episode,
            "stream_id": place.stream_id,
            "frame_index": place.frame_index,
            "position": place.position,
        }
    )


async def _set_rate(request: web.Request) -> web.Response:
    """Change the speed. At 0, a player waits for its subscribers, which cannot change while it plays."""
    node = node_of(request)
    rate = (await read_json(request)).number("rate", 0.0, RATES)
    await _calls(request).set_rate(node, rate)
    return answer({})


def _calls(request: web.Request) -> PlayerCalls:
    return PlayerCalls(context_of(request).calls)
