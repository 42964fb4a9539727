"""The route that changes the state of a node's lifecycle."""

from __future__ import annotations

from aiohttp import web

from odyssey_ros.console.graph.lifecycle_calls import TRANSITIONS, LifecycleCalls
from odyssey_ros.console.server.answers import answer
from odyssey_ros.console.server.console_context import context_of, node_of
from odyssey_ros.console.server.request_bodies import bad_argument, read_json


def lifecycle_routes() -> list[web.RouteDef]:
    """Return the route `/api/lifecycle`."""
    return [web.post("/api/lifecycle", _change)]


async def _change(request: web.Request) -> web.Response:
    """Run a transition: `{"transition": "activate"}` gives `{"state": "active"}`."""
    node = node_of(request)
    transition = (await read_json(request)).text("transition")
    if transition not in TRANSITIONS:
        raise bad_argument(f"transition has to be one of {', '.join(TRANSITIONS)}")
    return answer({"state": await LifecycleCalls(context_of(request).calls).change(node, transition)})
