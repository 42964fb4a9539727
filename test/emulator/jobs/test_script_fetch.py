"""Scripts are fetched over HTTP; errors leave out the URL, which may contain a secret."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from odyssey_ros.emulator.jobs.script_fetch import ScriptFetchError, fetch_script
from odyssey_ros.emulator.jobs.scripts import parse_script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

START = {"timestamp_ms": 0, "start": {"prompt": "a forest"}}
SCRIPT = [START, {"timestamp_ms": 1000, "end": {}}]


@pytest.fixture
async def server() -> AsyncIterator[str]:
    """Base URL of a server with good and bad scripts."""
    stopped = asyncio.Event()

    async def script(_: web.Request) -> web.Response:
        return web.json_response(SCRIPT)

    async def text(_: web.Request) -> web.Response:
        return web.Response(text="{")

    async def deep(_: web.Request) -> web.Response:
        return web.Response(text="[" * 200_000)

    async def wrong(_: web.Request) -> web.Response:
        return web.json_response([START])

    async def slow(_: web.Request) -> web.Response:
        await stopped.wait()
        return web.Response()

    async def endless(incoming: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(incoming)
        for _ in range(60):
            await response.write(bytes(1024 * 1024))
        return response

    app = web.Application()
    for handler in (script, text, deep, wrong, slow, endless):
        app.router.add_get(f"/{handler.__name__}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    stopped.set()
    await runner.cleanup()


async def test_a_script_is_fetched_and_parsed(server: str) -> None:
    assert await fetch_script(f"{server}/script?signature=s") == parse_script(SCRIPT)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("missing", "could not be fetched: HTTP 404"),
        ("text", "it is not valid JSON"),
        ("deep", "it is not valid JSON"),
        ("wrong", "is not valid: script.0: the last entry must be an end"),
        ("endless", "it is too large"),
    ],
)
async def test_an_unusable_answer_is_an_error_with_its_reason(server: str, path: str, problem: str) -> None:
    with pytest.raises(ScriptFetchError) as error:
        await fetch_script(f"{server}/{path}?secret=s3")
    assert problem in str(error.value)
    assert "s3" not in str(error.value)


async def test_a_slow_answer_is_an_error(server: str) -> None:
    with pytest.raises(ScriptFetchError, match="could not be fetched in time"):
        await fetch_script(f"{server}/slow", timeout=0.05)


@pytest.mark.parametrize(
    ("url", "name"), [("http://127.0.0.1:9/x?secret=s3", "ClientConnectorError"), ("http://", "InvalidUrl")]
)
async def test_a_server_that_cannot_be_reached_is_an_error(url: str, name: str) -> None:
    with pytest.raises(ScriptFetchError, match=f"could not be fetched: .*{name}") as error:
        await fetch_script(url)
    assert "s3" not in str(error.value)
