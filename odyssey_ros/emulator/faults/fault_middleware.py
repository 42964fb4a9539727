"""An aiohttp middleware that applies HTTP faults before a handler sees the request."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING

from aiohttp import web

from odyssey_ros.emulator import limits
from odyssey_ros.emulator.faults.http_faults import (
    HttpDelay,
    HttpDrop,
    HttpEcho,
    HttpFault,
    HttpFlood,
    HttpHang,
    HttpMalformed,
    HttpRedirect,
    HttpStatus,
    HttpUsageError,
)
from odyssey_ros.emulator.http.http_answers import CONTROL_PREFIX, error_response

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable

    from aiohttp.typedefs import Middleware

    from odyssey_ros.emulator.faults.fault_registry import FaultRegistry

__all__ = ["fault_middleware"]

_POLL_SECONDS = 0.1
_MEBIBYTE = b" " * (1 << 20)
_GZIP_FORMAT = 31  # zlib writes the header of gzip

_USAGE_ERRORS = {
    error.code: error
    for error in (
        limits.monthly_limit_reached(10.0, 10.0, "2030-01-01"),
        limits.concurrent_limit_reached(5, 5),
        limits.stream_duration_exceeded(150.0),
        limits.account_suspended("terms of service"),
        limits.rate_limited(30),
    )
}


def fault_middleware(
    registry: FaultRegistry,
    counters: Counter[str],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Middleware:
    """Return a middleware that applies the armed HTTP faults and counts all answers.

    Requests to the control endpoint are neither changed nor counted.

    Args:
        registry: the armed faults.
        counters: `http.<endpoint>.<status>` is incremented for every answer.
        sleep: waits for a number of seconds.
    """

    @web.middleware
    async def apply_faults(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.path.startswith(CONTROL_PREFIX):
            return await handler(request)
        endpoint = request.match_info.route.name or "unknown"

        def concerns(fault: HttpFault) -> bool:
            return fault.endpoint in {endpoint, "*"}

        delay = registry.take(HttpDelay, matches=concerns)
        if delay is not None:
            await sleep(delay.delay_seconds)
        if registry.take(HttpHang, matches=concerns) is not None:
            # aiohttp reports no event when a transport closes.
            while request.transport is not None and not request.transport.is_closing():
                await sleep(_POLL_SECONDS)
            response: web.StreamResponse = error_response(499, "Client Closed Request")
        elif (flood := registry.take(HttpFlood, matches=concerns)) is not None:
            response = await _flood(request, flood)
        elif (echo := registry.take(HttpEcho, matches=concerns)) is not None:
            repeated = f"{request.headers.get('Authorization', '')} {await request.text()}"
            response = error_response(echo.status, repeated.strip())
        else:
            response = _faulty_response(registry, request, concerns) or await handler(request)
        counters[f"http.{endpoint}.{response.status}"] += 1
        return response

    return apply_faults


def _faulty_response(
    registry: FaultRegistry, request: web.Request, concerns: Callable[[HttpFault], bool]
) -> web.Response | None:
    if registry.take(HttpDrop, matches=concerns) is not None:
        if request.transport is not None:
            request.transport.abort()
        return error_response(499, "Connection dropped on command")
    malformed = registry.take(HttpMalformed, matches=concerns)
    if malformed is not None:
        return web.Response(status=malformed.status, text=malformed.body, content_type="application/json")
    redirect = registry.take(HttpRedirect, matches=concerns)
    if redirect is not None:
        location = redirect.location or str(request.rel_url)
        return web.Response(status=redirect.status, headers={"Location": location})
    status = registry.take(HttpStatus, matches=concerns)
    if status is not None:
        response = error_response(status.status, status.detail)
        if status.retry_after:
            response.headers["Retry-After"] = status.retry_after
        return response
    usage = registry.take(HttpUsageError, matches=concerns)
    return None if usage is None else _usage_error_response(usage)


async def _flood(request: web.Request, flood: HttpFlood) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    gzip = None
    if flood.encoding == "gzip":
        response.headers["Content-Encoding"] = "gzip"
        gzip = zlib.compressobj(level=9, wbits=_GZIP_FORMAT)
    await response.prepare(request)
    sent = 0
    try:
        while not flood.mebibytes or sent < flood.mebibytes:
            data = _MEBIBYTE if gzip is None else gzip.compress(_MEBIBYTE) + gzip.flush(zlib.Z_SYNC_FLUSH)
            await response.write(data)
            sent += 1
        if gzip is not None:
            await response.write(gzip.flush())
        await response.write_eof()
    except ConnectionError:
        pass  # the client has had enough
    return response


def _usage_error_response(fault: HttpUsageError) -> web.Response:
    error = _USAGE_ERRORS.get(fault.code) or limits.UsageError(
        code=fault.code, message="Request limit exceeded", action="Contact support"
    )
    body = error.body()
    if not fault.legacy:
        return error_response(429, body)
    body["code"] = body.pop("error")
    return web.json_response(body, status=429)
