"""How the service words its HTTP answers: JSON, errors as `{"detail": ...}`, open to every origin."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aiohttp import web

from odyssey_ros.emulator.http.json_fields import InvalidFieldError, InvalidQueryError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Range",
    "Access-Control-Expose-Headers": "Location, Content-Length, Content-Range, Accept-Ranges",
    "Access-Control-Max-Age": "600",
}

CONTROL_PREFIX = "/control"


class HttpError(Exception):
    """A request is refused.

    Attributes:
        status: HTTP status.
        detail: string, object or list, as the service words it.
    """

    def __init__(self, status: int, detail: object) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


def base_url(request: web.Request) -> str:
    """How the client reaches the service over HTTP; a proxy that speaks TLS for the service says so."""
    scheme = request.headers.get("X-Forwarded-Proto", request.scheme)
    return f"{'https' if scheme == 'https' else 'http'}://{request.host}"


def error_response(status: int, detail: object) -> web.Response:
    """The answer that carries an error."""
    return web.json_response({"detail": detail}, status=status)


def unprocessable(error: InvalidFieldError) -> web.Response:
    """The answer to a body or query that is not what it should be."""
    place = "query" if isinstance(error, InvalidQueryError) else "body"
    detail = [{"type": "value_error", "loc": [place, *error.path], "msg": error.problem}]
    return error_response(422, detail)


def page_of(request: web.Request, default: int, largest: int) -> tuple[int, int]:
    """The `limit` and `offset` of a listing's query.

    Raises:
        InvalidQueryError: one is no integer, or out of range.
    """
    limit = _query_integer(request, "limit", default)
    offset = _query_integer(request, "offset", 0)
    if not 1 <= limit <= largest:
        raise InvalidQueryError(("limit",), f"must be between 1 and {largest}")
    if offset < 0:
        raise InvalidQueryError(("offset",), "must not be negative")
    return limit, offset


def _query_integer(request: web.Request, name: str, default: int) -> int:
    try:
        return int(request.query.get(name, default))
    except ValueError:
        raise InvalidQueryError((name,), "must be an integer") from None


@web.middleware
async def cross_origin(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Let pages of any origin use the service, as the real one does; all but the control endpoint."""
    if request.path.startswith(CONTROL_PREFIX):
        return await handler(request)
    if request.method == "OPTIONS":
        return web.Response(status=204, headers=_CORS)
    response = await handler(request)
    if not response.prepared:
        response.headers.update(_CORS)
    return response


@web.middleware
async def errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn every way in which a handler can fail into a worded answer."""
    try:
        return await handler(request)
    except HttpError as error:
        return error_response(error.status, error.detail)
    except InvalidFieldError as error:
        return unprocessable(error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return error_response(error.status, error.reason)
    except Exception:
        logger.exception("a request failed: %s %s", request.method, request.path)
        return error_response(500, "Internal Server Error")
