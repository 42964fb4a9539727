"""Work that ends when the browser goes away, with a real server and a real connection."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from odyssey_ros.client import OdysseyError
from odyssey_ros.console.server.disconnects import is_connected, while_connected
from served_application import served
from waiting import eventually


class Work:
    """Waits until the test lets it continue."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.released = asyncio.Event()
        self.cancelled = False

    async def run(self) -> str:
        self.started.set()
        try:
            await self.released.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return "done"


def _application(handler: Any) -> web.Application:
    application = web.Application()
    application.router.add_get("/", handler)
    return application


async def _request(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    return reader, writer


async def test_work_is_cancelled_when_the_browser_goes_away() -> None:
    """Although nothing is written to the connection."""
    work, ended = Work(), []

    async def handler(request: web.Request) -> web.Response:
        try:
            await while_connected(request, work.run())
        except OdysseyError as error:
            ended.append(error.code)
        assert not is_connected(request)
        return web.Response()

    async with served(_application(handler)) as url:
        _, writer = await _request(url)
        await work.started.wait()
        writer.close()
        await eventually(lambda: ended == ["CLOSED"] and work.cancelled)


async def test_results_and_errors_are_passed_on() -> None:
    """While the browser waits, the work is not disturbed."""
    work = Work()

    async def failing() -> str:
        raise OdysseyError("no such recording")

    async def handler(request: web.Request) -> web.Response:
        with pytest.raises(OdysseyError, match="no such recording"):
            await while_connected(request, failing())
        return web.Response(text=await while_connected(request, work.run()))

    async with served(_application(handler)) as url:
        reader, writer = await _request(url)
        await work.started.wait()
        work.released.set()
        assert (await reader.read()).endswith(b"done")
        writer.close()
