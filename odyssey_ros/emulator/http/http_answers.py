"""HTTP answers of the service: JSON bodies, and errors as `{"detail": ...}`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aiohttp import web

from odyssey_ros.emulator.http.json_fields import InvalidFieldError, InvalidQueryError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

CONTROL_PREFIX = "/control"


class HttpError(Exception):
    """A request is refused.

    Attributes:
        status: HTTP status.
        detail: the `detail` of the answer: a string, an object or a list.
    """

    def __init__(self, status: int, detail: object) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


def base_url(request: web.Request) -> str:
    """Return the HTTP base URL under which the client reaches the service.

    A proxy that terminates TLS sets the scheme with `X-Forwarded-Proto`.
    """
    scheme = request.headers.get("X-Forwarded-Proto", request.scheme)
    return f"{'https' if scheme == 'https' else 'http'}://{request.host}"


def error_response(status: int, detail: object) -> web.Response:
    """Return an answer that carries an error."""
    return web.json_response({"detail": detail}, status=status)


def unprocessable(error: InvalidFieldError) -> web.Response:
    """Return the 422 answer to an invalid body or query."""
    place = "query" if isinstance(error, InvalidQueryError) else "body"
    detail = [{"type": "value_error", "loc": [place, *error.path], "msg": error.problem}]
    return error_response(422, detail)


def page_of(request: web.Request, default: int, largest: int) -> tuple[int, int]:
    """Return the `limit` and `offset` in the query of a listing.

    Args:
        request: the request.
        default: limit of a query without one.
        largest: largest limit.

    Raises:
        InvalidQueryError: a value is no integer or is out of range.
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
async def errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn every exception of a handler into a JSON answer."""
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
        logger.exception("%s %s failed; the client gets status 500", request.method, request.path)
        return error_response(500, "Internal Server Error")
