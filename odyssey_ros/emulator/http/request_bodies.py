"""Reads the bodies of requests within a size and a time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from odyssey_ros.emulator.http.http_answers import HttpError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["LargeBodies", "read_body"]

BODY_SECONDS = 20.0
"""Longest time for the arrival of a body."""


async def read_body(request: web.Request, max_bytes: int, *, seconds: float = BODY_SECONDS) -> bytes:
    """Return the body of a request.

    A body whose announced length is too large is refused before any of it is read, and a body without a
    length as soon as it is too large.

    Args:
        request: the request; its authorization is already checked where the endpoint needs one.
        max_bytes: largest size.
        seconds: longest time for the arrival of the whole body.

    Raises:
        HttpError: the body is too large (413), too slow (408), incomplete (400) or encoded (415).
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise HttpError(415, "Encoded bodies are not supported")
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    try:
        return await asyncio.wait_for(_read(request, max_bytes), seconds)
    except asyncio.TimeoutError:
        raise HttpError(408, f"The body did not arrive within {seconds:g} s") from None
    except (web.RequestPayloadError, ConnectionError):
        raise HttpError(400, "The body is incomplete or malformed") from None


async def _read(request: web.Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for block in request.content.iter_any():
        body += block
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(body)


def _too_large(max_bytes: int) -> HttpError:
    return HttpError(413, f"The body is larger than {max_bytes} bytes")


class LargeBodies:
    """Admits one large body at a time: the others wait, without being read.

    Args:
        small_bytes: a body with a length up to this size does not wait.
        wait_seconds: longest wait.
    """

    def __init__(self, small_bytes: int, wait_seconds: float) -> None:
        self._small_bytes = small_bytes
        self._wait_seconds = wait_seconds
        self._busy = asyncio.Lock()

    @asynccontextmanager
    async def admit(self, request: web.Request) -> AsyncIterator[None]:
        """Hold the place of a large body, while it is read and processed.

        Raises:
            HttpError: another large body kept the place for too long (503).
        """
        length = request.content_length
        if length is not None and length <= self._small_bytes:
            yield
            return
        try:
            await asyncio.wait_for(self._busy.acquire(), self._wait_seconds)
        except asyncio.TimeoutError:
            raise HttpError(503, "The service is busy with other large requests; try again later") from None
        try:
            yield
        finally:
            self._busy.release()
