"""The token of the page: it proves that a request comes from a page that this process served."""

from __future__ import annotations

import hmac
import secrets
from typing import Final

from aiohttp import web

from odyssey_ros.console.server.answers import answer

_BYTES: Final = 32


class PageToken:
    """A random token of this process.

    Attributes:
        value: The token, which only pages of this origin may learn.
    """

    def __init__(self) -> None:
        self.value: Final = secrets.token_urlsafe(_BYTES)


PAGE_TOKEN: Final = web.AppKey("page_token", PageToken)


def is_page_token(request: web.Request, text: object) -> bool:
    """Return whether a text of a page is its token, in a time that does not depend on the text."""
    if not isinstance(text, str):
        return False
    expected = request.app[PAGE_TOKEN].value
    return hmac.compare_digest(text.encode(errors="replace"), expected.encode())


def session_routes() -> list[web.RouteDef]:
    """Return the route that tells the page its token."""
    return [web.get("/api/session", _session)]


async def _session(request: web.Request) -> web.Response:
    return answer({"page_token": request.app[PAGE_TOKEN].value, "version": "", "limits": {}})
