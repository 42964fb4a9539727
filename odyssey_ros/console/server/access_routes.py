"""The routes of the session: what each page is told, and the login."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from odyssey_ros.console.server.access import ACCESS, session_of
from odyssey_ros.console.server.answers import answer
from odyssey_ros.console.server.package_version import package_version
from odyssey_ros.console.server.request_bodies import MAX_JSON_BYTES

LIMITS: Final = {"max_json_bytes": MAX_JSON_BYTES}


def access_routes() -> list[web.RouteDef]:
    """Return the routes."""
    return [web.get("/api/session", _session)]


async def _session(request: web.Request) -> web.Response:
    return answer(
        {
            "page_token": session_of(request).page_token,
            "version": package_version(),
            "login": request.app[ACCESS].needs_login,
            "limits": LIMITS,
        }
    )
