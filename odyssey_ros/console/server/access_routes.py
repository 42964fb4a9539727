"""The routes of the session: what each page is told, the login and the logout."""

from __future__ import annotations

import math
from typing import Final

from aiohttp import web

from odyssey_ros.client import ErrorCode
from odyssey_ros.console.server.access import ACCESS, LOGIN, session_of
from odyssey_ros.console.server.access_sessions import LIFETIME_S
from odyssey_ros.console.server.answers import answer, json_text
from odyssey_ros.console.server.login_attempts import LoginAttempts
from odyssey_ros.console.server.package_version import package_version
from odyssey_ros.console.server.page_files import PAGE, page_file
from odyssey_ros.console.server.request_bodies import MAX_JSON_BYTES, read_json

LIMITS: Final = {"max_json_bytes": MAX_JSON_BYTES}
MAX_LOGIN_BYTES: Final = 4096


def access_routes() -> list[web.RouteDef]:
    """Return the routes."""
    attempts = LoginAttempts()
    version = package_version()

    async def session(request: web.Request) -> web.Response:
        return answer(
            {
                "page_token": session_of(request).page_token,
                "version": version,
                "login": request.app[ACCESS].needs_login,
                "limits": LIMITS,
            }
        )

    async def log_in(request: web.Request) -> web.Response:
        access, address = request.app[ACCESS], request.remote or ""
        # Read first: guesses that arrive at once are counted one after another.
        token = (await read_json(request, MAX_LOGIN_BYTES)).text("token")
        if (wait := math.ceil(attempts.wait_s(address))) > 0:
            refused = _refused(429, f"Too many wrong tokens: try again in {wait} s")
            refused.headers["Retry-After"] = str(wait)
            return refused
        if not access.is_token(token.strip()):
            attempts.failed(address)
            return _refused(403, "This is not the token of this console: its operator knows where it is")
        attempts.succeeded(address)
        response = answer({})
        response.set_cookie(
            access.cookie,
            access.sessions.create(),
            max_age=int(LIFETIME_S),
            httponly=True,
            secure=access.is_secure,
            samesite="Strict",
            path="/",
        )
        return response

    return [
        web.get("/api/session", session),
        web.get("/login", page_file(PAGE / "login.html")),
        web.post(LOGIN, log_in),
        web.post("/api/logout", _log_out),
    ]


async def _log_out(request: web.Request) -> web.Response:
    access = request.app[ACCESS]
    access.sessions.end(request.cookies.get(access.cookie, ""))
    response = answer({})
    response.del_cookie(access.cookie, path="/", secure=access.is_secure, httponly=True, samesite="Strict")
    return response


def _refused(status: int, message: str) -> web.Response:
    value = {"error_code": ErrorCode.NOT_AUTHORIZED.value, "message": message}
    return web.Response(text=json_text(value), status=status, content_type="application/json")
