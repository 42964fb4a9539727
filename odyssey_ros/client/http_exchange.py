"""HTTP requests whose answers are bounded: in size while they are read, and in total time.

An `httpx.AsyncClient` would also keep cookies, parse the Location of every redirect, log addresses with their
queries, and decompress answers without a bound. Nothing here needs that.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx

from odyssey_ros.client.http_transport import EnvironmentTransport
from odyssey_ros.client.json_object import MalformedError
from odyssey_ros.client.redaction import redact_logs
from odyssey_ros.client.tasks import within

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ERROR_BYTES: Final = 64 * 1024
"""Bytes of the body of an error response that are read."""

_YIELD_AFTER: Final = 256

# At DEBUG these loggers write the headers of responses, and a Location may hold a secret.
redact_logs("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A response with its complete body.

    Attributes:
        status: HTTP status.
        headers: Headers, unchecked.
        body: Body, within the limit of the request; empty for an error response whose body exceeds its limit
            or is compressed.
    """

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Return whether the status is 2xx."""
        return 200 <= self.status < 300


class HttpExchange:
    """Sends requests and reads their answers. Belongs to one event loop. Follows no redirects.

    Args:
        timeout_s: Maximum seconds of one request in total, including the body of its answer.
    """

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._transport = EnvironmentTransport()

    async def send(
        self,
        method: str,
        url: str | httpx.URL,
        *,
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float | None = None,
    ) -> HttpAnswer:
        """Send a request and return its answer.

        Args:
            method: HTTP method.
            url: Absolute URL.
            max_bytes: Maximum size of the body of a successful answer.
            headers: Further headers.
            query: Replaces the query of the URL.
            body: Body of the request.
            timeout_s: Maximum seconds of this request; None for those of the constructor.

        Raises:
            MalformedError: The answer is larger than `max_bytes`, or compressed.
            asyncio.TimeoutError: The answer was not complete in time.
            httpx.HTTPError, OSError: The server cannot be reached, or does not speak HTTP.
            OdysseyError: The errors of `EnvironmentTransport`.
        """
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        request = httpx.Request(
            method,
            url,
            params=query or None,
            headers={"Accept": "*/*", "Accept-Encoding": "identity", **(headers or {})},
            content=body,
            extensions={"timeout": httpx.Timeout(limit_s).as_dict()},
        )
        return await within(limit_s, self._exchange(request, max_bytes))

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def _exchange(self, request: httpx.Request, max_bytes: int) -> HttpAnswer:
        try:
            response = await self._transport.handle_async_request(request)
        except httpx.TimeoutException:
            raise asyncio.TimeoutError from None
        except UnicodeError as error:  # of the resolver: a name that it cannot encode
            raise httpx.ConnectError(type(error).__name__) from None
        try:
            body = await _read(response, max_bytes if response.is_success else MAX_ERROR_BYTES)
        except httpx.TimeoutException:
            raise asyncio.TimeoutError from None
        except MalformedError:
            if response.is_success:
                raise
            body = b""  # the status says enough
        finally:
            await response.aclose()
        return HttpAnswer(response.status_code, response.headers, body)


async def _read(response: httpx.Response, max_bytes: int) -> bytes:
    """Return the body as it was sent.

    Raises:
        MalformedError: The body is compressed, or larger than `max_bytes`.
    """
    if response.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise MalformedError("the answer is compressed")
    too_large = MalformedError(f"the answer has more than {max_bytes} bytes")
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 18 or int(announced) > max_bytes):
        raise too_large
    body = bytearray()
    reads = 0
    async for part in response.aiter_raw():
        body += part
        if len(body) > max_bytes:
            raise too_large
        reads += 1
        if reads % _YIELD_AFTER == 0:  # many small chunks arrive in one packet
            await asyncio.sleep(0)
    return bytes(body)
