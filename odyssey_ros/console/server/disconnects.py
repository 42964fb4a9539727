"""Ends work for a browser that has gone away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

from odyssey_ros.client import ErrorCode, OdysseyError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from aiohttp import web

POLL_S: Final = 0.5

T = TypeVar("T")


async def while_connected(request: web.Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine; cancel it when the browser closes the connection.

    aiohttp does not cancel a handler whose connection is lost, so a handler that waits for another server
    would continue until that server answers.

    Raises:
        OdysseyError: `CLOSED`: the browser has closed the connection.
    """
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=POLL_S)
            if not task.done() and not is_connected(request):
                raise OdysseyError("the browser has closed the connection", code=ErrorCode.CLOSED)
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def is_connected(request: web.BaseRequest) -> bool:
    """Return whether the connection of a request is open."""
    transport = request.transport
    return transport is not None and not transport.is_closing()
