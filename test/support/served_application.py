"""A web application that a test serves as the console serves its own."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def served(application: web.Application) -> AsyncIterator[str]:
    """Serve on a free port of 127.0.0.1; yield the address. Handlers outlive their connection.

    The test server of aiohttp cancels handlers whose connection is lost, but the console's does not.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
