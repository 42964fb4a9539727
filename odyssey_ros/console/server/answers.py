"""The JSON answers of the console, and the status of each error."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from odyssey_ros.client import ErrorCode, OdysseyError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_STATUS: Final = {
    ErrorCode.BAD_ARGUMENT: 400,
    ErrorCode.BAD_SCRIPT: 400,
    ErrorCode.BAD_IMAGE: 400,
    ErrorCode.EMPTY_PROMPT: 400,
    ErrorCode.PROMPT_TOO_LONG: 400,
    ErrorCode.NOT_AUTHORIZED: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.MESSAGE_TOO_LONG: 413,
    ErrorCode.TOO_MANY_CALLS: 429,
    ErrorCode.UNREACHABLE: 502,
    ErrorCode.DOWNLOAD_FAILED: 502,
    ErrorCode.INVALID_RESPONSE: 502,
    ErrorCode.INSECURE_ADDRESS: 502,
    ErrorCode.WRONG_SIZE: 502,
    ErrorCode.TIMEOUT: 504,
    ErrorCode.INTERNAL: 500,
}
_REFUSED: Final = 409


def json_text(value: Any) -> str:
    """Return JSON for browsers: NaN and infinities, which JSON does not have, become null."""
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def answer(value: Any) -> web.Response:
    """Return a successful answer."""
    return web.Response(text=json_text(value), content_type="application/json")


def error_answer(error: OdysseyError) -> web.Response:
    """Return the answer of an error: `{"error_code": ..., "message": ...}`.

    Any error of a node that has no status of its own is a conflict (409).
    """
    return web.Response(
        text=json_text(error_value(error)),
        status=_STATUS.get(error.code, _REFUSED),
        content_type="application/json",
    )


def error_value(error: OdysseyError) -> dict[str, str]:
    """Return the JSON value of an error."""
    return {"error_code": error.code.value, "message": error.message}


@web.middleware
async def errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer the errors that a handler raises."""
    try:
        return await handler(request)
    except OdysseyError as error:
        return error_answer(error)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return value
