"""Who may use the console: checks every request and socket before its handler runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from odyssey_ros.client import ErrorCode
from odyssey_ros.console.server.access_headers import set_headers
from odyssey_ros.console.server.access_rules import SOCKETS, AccessRules, Refusal, follows_link, opens_page
from odyssey_ros.console.server.access_sessions import Session, Sessions, same_secret
from odyssey_ros.console.server.answers import json_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from odyssey_ros.web.hosts import HostRule

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PAGE_HEADER: Final = "X-Console-Token"
LOGIN: Final = "/api/login"

_LOGIN_FILES: Final = (
    *("login.js", "api.js", "dom.js", "kept_texts.js", "theme.js"),
    *("style.css", "css/login.css", "icon.svg"),
)
WITHOUT_SESSION: Final = frozenset(("/login", LOGIN, *(f"/static/{name}" for name in _LOGIN_FILES)))
"""What somebody who has not logged in can get: the page to log in."""


class Access:
    """The access to a console. For the asyncio thread.

    Attributes:
        rules: The rules for requests.
        sessions: Those who have logged in.
        is_secure: Whether the console is served over https.
        cookie: The name of the cookie with the identifier of a session.

    Args:
        hosts: The hosts to which the console answers.
        scheme: `http` or `https`.
        port: The port of the console.
        token: The token with which people log in; empty lets everybody in who can send requests.
    """

    def __init__(self, hosts: HostRule, scheme: str, port: int, token: str = "") -> None:
        self.rules = AccessRules(hosts, scheme)
        self._token = token
        self.sessions = Sessions()
        self._only_session = Session()
        self.is_secure = scheme == "https"
        # Cookies are shared by all ports of a host.
        self.cookie = f"{'__Host-' if self.is_secure else ''}odyssey_console_{port}"

    @property
    def needs_login(self) -> bool:
        """Whether people have to log in."""
        return bool(self._token)

    def is_token(self, text: str) -> bool:
        """Return whether a text is the token with which people log in."""
        return self.needs_login and same_secret(text, self._token)

    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request with its handler, or refuse it."""
        refusal = self.rules.refusal(request)
        if refusal is not None:
            return _answer(request, refusal)
        session = self.session(request)
        if session is None:
            if request.path in WITHOUT_SESSION:
                return await handler(request)
            if follows_link(request):
                return _open_again()
            if request.path == "/" and opens_page(request):
                raise web.HTTPSeeOther("/login")
            return _answer(request, Refusal(401, "Log in first: open the page of the console"))
        if request.method == "POST" and request.path != LOGIN and not self._has_page_token(request, session):
            return _answer(request, Refusal(403, "The page is out of date: load it again"))
        with session.holding():
            return await handler(request)

    def session(self, request: web.Request) -> Session | None:
        """Return the session of a request; None if people have to log in, and its sender has not."""
        if not self.needs_login:
            return self._only_session
        return self.sessions.find(request.cookies.get(self.cookie, ""))

    @staticmethod
    def _has_page_token(request: web.Request, session: Session) -> bool:
        values = request.headers.getall(PAGE_HEADER, [])
        return len(values) == 1 and session.is_page_token(values[0])


ACCESS: Final = web.AppKey("access", Access)


def session_of(request: web.Request) -> Session:
    """Return the session of a request that the middleware has let through.

    Raises:
        web.HTTPUnauthorized: It has ended in the meantime.
    """
    session = request.app[ACCESS].session(request)
    if session is None:
        raise web.HTTPUnauthorized
    return session


@web.middleware
async def check_access(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Check each request. The outermost middleware, so that a refused request reaches nothing else."""
    return await request.app[ACCESS].check(request, handler)


async def set_response_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Set the headers of a response: a handler for the signal `on_response_prepare`, also for refusals."""
    # A host that the console does not answer to is not repeated.
    accepted = request.app[ACCESS].rules.accepts_host(request)
    sockets = f"{'wss' if request.secure else 'ws'}://{request.headers['Host']}" if accepted else ""
    set_headers(response.headers, sockets)


def _open_again() -> web.Response:
    """Return a document that loads the page again: for a link of another site, browsers send no cookie."""
    return web.Response(
        text="Opening the console. If it does not open, load this page again.\n",
        headers={"Refresh": "0; url=/"},
    )


def _answer(request: web.Request, refusal: Refusal) -> web.Response:
    """Return the answer of a refusal: as JSON for programs, else as text for the person in front."""
    if request.path.startswith(("/api/", SOCKETS)):
        value = {"error_code": ErrorCode.NOT_AUTHORIZED.value, "message": refusal.message}
        response = web.Response(text=json_text(value), status=refusal.status, content_type="application/json")
    else:
        response = web.Response(text=f"{refusal.message}\n", status=refusal.status)
    if request.body_exists:
        response.force_close()  # the body is not read
    return response
