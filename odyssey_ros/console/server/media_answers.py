"""Checks what a server of files sends, and answers the browser with it. Only bytes are passed on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx
from aiohttp import web

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.server.byte_ranges import (
    ByteRange,
    FilePart,
    sent_length,
    sent_part,
    unsatisfied_total,
)
from odyssey_ros.dataset.downloading.downloads import MAX_BYTES
from odyssey_ros.dataset.downloading.presigned_requests import PrivateAddressError
from odyssey_ros.dataset.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STALL_S: Final = 120.0
"""Time for which a browser may take nothing, such as while its video is paused. It asks again later."""

_JPEG: Final = b"\xff\xd8\xff"
_TEXTS: Final = ("text/", "application/json", "application/xml")
_HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=300"}


@dataclass(frozen=True, slots=True)
class Accepted:
    """A checked answer of a server.

    Attributes:
        status: The status for the browser: 200, 206 or 416.
        length: Number of bytes; None when the server does not tell.
        part: The part of the file, with status 206.
        total: The size of the file, with status 416; None when it is unknown.
    """

    status: int
    length: int | None
    part: FilePart | None = None
    total: int | None = None


def accepted(response: httpx.Response, wanted: ByteRange | None) -> Accepted:
    """Check the status and the headers of a server's answer.

    Args:
        response: The answer.
        wanted: The range that was asked for.

    Raises:
        EpisodeError: They are no answer to the request.
    """
    status = response.status_code
    if status == 416 and wanted is not None:
        return Accepted(416, 0, total=unsatisfied_total(response.headers))
    _check(response)
    if status == 206:
        part = sent_part(response.headers)
        if part is None or wanted is None or not wanted.allows(part):
            raise _invalid("the server sends another part of the file than it was asked for")
        found = Accepted(206, part.size, part)
    else:
        found = Accepted(200, sent_length(response.headers))
    if found.length is not None and found.length > MAX_BYTES:
        raise EpisodeError(ErrorCode.WRONG_SIZE, f"the file is longer than {MAX_BYTES} bytes")
    return found


async def stream_body(request: web.Request, answer: Accepted, upstream: httpx.Response) -> web.StreamResponse:
    """Answer a request with the bytes that a server sends.

    When the server breaks off, the connection of the browser is closed, so that the browser notices.
    """
    response = web.StreamResponse(status=answer.status, headers=_HEADERS)
    response.content_type = "video/mp4"
    if answer.part is not None:
        response.headers["Content-Range"] = answer.part.header
    elif answer.status == 416:
        response.headers["Content-Range"] = f"bytes */{'*' if answer.total is None else answer.total}"
    response.headers["Accept-Ranges"] = (
        "none" if answer.status == 200 and _ignored_range(request) else "bytes"
    )
    if answer.length is not None:
        response.content_length = answer.length
    await response.prepare(request)
    if request.method == "HEAD" or answer.status == 416:
        return response
    try:
        async for block in _blocks(upstream, answer.length):
            await asyncio.wait_for(response.write(block), STALL_S)
        await response.write_eof()
    except (EpisodeError, httpx.HTTPError, ConnectionError, asyncio.TimeoutError):
        response.force_close()
        if request.transport is not None:
            request.transport.abort()
    return response


async def small_body(response: httpx.Response, max_bytes: int) -> bytes:
    """Return the whole body of a server's answer.

    Raises:
        EpisodeError: It is no answer to the request, or longer than `max_bytes`.
    """
    _check(response, texts=True)
    content = bytearray()
    async for block in response.aiter_raw():
        content += block
        if len(content) > max_bytes:
            raise EpisodeError(ErrorCode.WRONG_SIZE, f"it is longer than {max_bytes} bytes")
    if response.status_code != 200:
        raise _invalid("the server sends a part of the file instead of all")
    return bytes(content)


def picture_answer(content: bytes) -> web.Response:
    """Return the answer with a thumbnail.

    Raises:
        OdysseyError: The content is no JPEG.
    """
    if not content.startswith(_JPEG):
        raise OdysseyError("The thumbnail is not a JPEG picture", code=ErrorCode.INVALID_RESPONSE)
    return web.Response(body=content, content_type="image/jpeg", headers=_HEADERS)


def fetch_error(error: EpisodeError) -> OdysseyError:
    """Return the error for the operator of a file that cannot be fetched. It contains no URL.

    A private origin is named, because the operator has to know it to allow it.
    """
    if isinstance(error, PrivateAddressError):
        return OdysseyError(
            f"The file is at {error.origin}, which is not on the public internet, so the console does not "
            "read it. If that server may be read, start the console with the parameter "
            f"media_origins:=['{error.origin}']",
            code=ErrorCode.NOT_AUTHORIZED,
        )
    if error.code is ErrorCode.INSECURE_ADDRESS:
        return OdysseyError(
            "The file is at an address without encryption, which the console does not read", code=error.code
        )
    advice = "; try again" if error.retryable else ""
    return OdysseyError(f"The file cannot be fetched: {error.message}{advice}", code=error.code)


async def _blocks(upstream: httpx.Response, length: int | None) -> AsyncIterator[bytes]:
    """Yield the body; raise `EpisodeError` when it is too short or too long."""
    limit = MAX_BYTES if length is None else length
    size = 0
    async for block in upstream.aiter_raw():
        size += len(block)
        if size > limit:
            raise _invalid("the server sends more bytes than it announced")
        yield block
    if length is not None and size != length:
        raise _invalid("the server sends fewer bytes than it announced")


def _check(response: httpx.Response, *, texts: bool = False) -> None:
    status = response.status_code
    if status in {401, 403, 404, 410}:
        raise EpisodeError(
            ErrorCode.NOT_FOUND, f"the server refuses it with status {status}, also at a new address"
        )
    if status not in {200, 206}:
        passing = status == 429 or status >= 500
        raise EpisodeError(
            ErrorCode.DOWNLOAD_FAILED, f"the server responds with status {status}", retryable=passing
        )
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise _invalid("the server sends it compressed, although that is not accepted")
    if not texts and response.headers.get("content-type", "").lower().startswith(_TEXTS):
        raise _invalid("the server sends a text instead of a video")


def _ignored_range(request: web.Request) -> bool:
    return "Range" in request.headers


def _invalid(reason: str) -> EpisodeError:
    return EpisodeError(ErrorCode.INVALID_RESPONSE, reason)
