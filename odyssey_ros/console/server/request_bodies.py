"""Reads the bounded JSON bodies of requests into typed values."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.client import ErrorCode, OdysseyError

if TYPE_CHECKING:
    from aiohttp import web

MAX_JSON_BYTES: Final = 1024 * 1024
"""Size of a JSON body."""

BODY_TIMEOUT_S: Final = 120.0
"""Time limit for a body: 25 MiB on a slow network."""


class JsonBody:
    """The object in a JSON body. Each method checks a field and raises `BAD_ARGUMENT` if it is invalid.

    Args:
        fields: The object.
    """

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; `default` if the field is missing, which is an error without one."""
        value = self._fields.get(name, default)
        if not isinstance(value, str):
            raise bad_argument(f"{name} has to be a text")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a truth value."""
        value = self._fields.get(name, default)
        if not isinstance(value, bool):
            raise bad_argument(f"{name} has to be true or false")
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """Return an object; empty if the field is missing."""
        value = self._fields.get(name, {})
        if not isinstance(value, dict):
            raise bad_argument(f"{name} has to be an object")
        return value

    def whole_number(self, name: str, default: int, bounds: tuple[int, int]) -> int:
        """Return a whole number within bounds, inclusive."""
        value = self._fields.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not bounds[0] <= value <= bounds[1]:
            raise bad_argument(f"{name} has to be a whole number from {bounds[0]} to {bounds[1]}")
        return value

    def number(self, name: str, default: float, bounds: tuple[float, float]) -> float:
        """Return a number within bounds, inclusive."""
        value = self._fields.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise bad_argument(f"{name} has to be a number")
        if not bounds[0] <= value <= bounds[1]:  # also false for NaN
            raise bad_argument(f"{name} has to be a number from {bounds[0]:g} to {bounds[1]:g}")
        return float(value)


async def read_json(request: web.Request, max_bytes: int = MAX_JSON_BYTES) -> JsonBody:
    """Read the JSON object in the body of a request.

    Raises:
        OdysseyError: The body is too long (`MESSAGE_TOO_LONG`), or no JSON object (`BAD_ARGUMENT`).
    """
    content = await read_body(request, max_bytes)
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise bad_argument("the body of the request is not JSON") from None
    if not isinstance(value, dict):
        raise bad_argument("the body of the request is not a JSON object")
    return JsonBody(value)


async def read_body(request: web.Request, max_bytes: int, timeout_s: float = BODY_TIMEOUT_S) -> bytes:
    """Read the body of a request.

    Raises:
        OdysseyError: The body is longer than `max_bytes` (`MESSAGE_TOO_LONG`), or does not arrive within
            `timeout_s` (`TIMEOUT`).
    """
    try:
        return await asyncio.wait_for(_bounded_body(request, max_bytes), timeout_s)
    except asyncio.TimeoutError:
        raise OdysseyError(
            f"the body of the request did not arrive within {timeout_s:g} s", code=ErrorCode.TIMEOUT
        ) from None


async def _bounded_body(request: web.Request, max_bytes: int) -> bytes:
    too_long = OdysseyError(
        f"the request has more than {max_bytes} bytes, which is the limit", code=ErrorCode.MESSAGE_TOO_LONG
    )
    if (request.content_length or 0) > max_bytes:
        raise too_long
    content = bytearray()
    async for part in request.content.iter_chunked(64 * 1024):
        content += part
        if len(content) > max_bytes:
            raise too_long
    return bytes(content)


def bad_argument(reason: str) -> OdysseyError:
    """Return the error of an invalid request."""
    return OdysseyError(reason, code=ErrorCode.BAD_ARGUMENT)
