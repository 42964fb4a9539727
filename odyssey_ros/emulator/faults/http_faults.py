"""Failing on command at the HTTP edge, before a handler sees the request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from odyssey_ros.emulator import limits
from odyssey_ros.emulator.faults.kinds import (
    HttpDelay,
    HttpDrop,
    HttpFault,
    HttpHang,
    HttpMalformed,
    HttpStatus,
    HttpUsageError,
)
from odyssey_ros.emulator.http.http_answers import CONTROL_PREFIX, error_response

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable

    from aiohttp.typedefs import Middleware

    from odyssey_ros.emulator.faults.fault_registry import FaultRegistry

_POLL_SECONDS = 0.1

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


def endpoint_name(request: web.Request) -> str:
    """The name of the endpoint that a request is for; `unknown` when there is none."""
    return request.match_info.route.name or "unknown"


def fault_middleware(registry: FaultRegistry, counters: Counter[str]) -> Middleware:
    """A middleware that spoils answers as `registry` says, and counts all answers."""

    @web.middleware
    async def spoil(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.path.startswith(CONTROL_PREFIX):
            return await handler(request)
        endpoint = endpoint_name(request)

        def concerns(fault: HttpFault) -> bool:
            return fault.endpoint in {endpoint, "*"}

        delay = registry.take(HttpDelay, matches=concerns)
        if delay is not None:
            await asyncio.sleep(delay.delay_seconds)
        response = await _spoilt_answer(registry, request, concerns) or await handler(request)
        counters[f"http.{endpoint}.{response.status}"] += 1
        return response

    return spoil


async def _spoilt_answer(
    registry: FaultRegistry, request: web.Request, concerns: Callable[[HttpFault], bool]
) -> web.Response | None:
    if registry.take(HttpHang, matches=concerns) is not None:
        while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)  # a transport tells nobody that it was closed
        return error_response(499, "Client Closed Request")
    if registry.take(HttpDrop, matches=concerns) is not None:
        if request.transport is not None:
            request.transport.abort()
        return error_response(499, "Connection dropped on command")
    malformed = registry.take(HttpMalformed, matches=concerns)
    if malformed is not None:
        return web.Response(status=malformed.status, text=malformed.body, content_type="application/json")
    status = registry.take(HttpStatus, matches=concerns)
    if status is not None:
        return error_response(status.status, status.detail)
    usage = registry.take(HttpUsageError, matches=concerns)
    return None if usage is None else _usage_answer(usage)


def _usage_answer(fault: HttpUsageError) -> web.Response:
    error = _USAGE_ERRORS.get(fault.code) or limits.UsageError(
        code=fault.code, message="Request limit exceeded", action="Contact support"
    )
    body = error.body()
    if not fault.legacy:
        return error_response(429, body)
    body["code"] = body.pop("error")
    return web.json_response(body, status=429)
