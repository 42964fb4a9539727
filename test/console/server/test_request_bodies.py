"""Bodies of requests are bounded in size and time, and their fields have types."""

from __future__ import annotations

import asyncio
import math

import pytest
from aiohttp import ClientSession, web

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.server.request_bodies import JsonBody, read_body, read_json


@pytest.fixture
async def reading():
    """Serves a function that reads a body; returns what sends bytes to it, and its result or error."""
    runners = []

    async def serve(read):
        results = []

        async def handle(request):
            try:
                results.append(await read(request))
            except OdysseyError as error:
                results.append(error)
            return web.Response()

        app = web.Application()
        app.router.add_post("/", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]

        async def send(content):
            async with ClientSession() as client, client.post(f"http://127.0.0.1:{port}/", data=content):
                pass
            return results[-1]

        return send

    yield serve
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
def body():
    return JsonBody({"text": "x", "flag": True, "number": 2, "decimal": 1.5, "none": None, "nan": math.nan})


def code_of(call):
    with pytest.raises(OdysseyError) as caught:
        call()
    return caught.value.code


def test_fields_have_types(body):
    assert (body.text("text"), body.text("missing", "default")) == ("x", "default")
    assert (body.flag("flag"), body.flag("missing")) == (True, False)
    assert body.whole_number("number", 0, (0, 2)) == 2
    assert body.number("decimal", 0, (0, 2)) == 1.5
    for call in (
        lambda: body.text("number"),
        lambda: body.text("missing"),
        lambda: body.flag("number"),
        lambda: body.whole_number("decimal", 0, (0, 9)),
        lambda: body.whole_number("flag", 0, (0, 9)),
        lambda: body.whole_number("number", 0, (3, 9)),
        lambda: body.number("text", 0, (0, 9)),
        lambda: body.number("nan", 0, (0, 9)),
        lambda: body.number("decimal", 0, (2, 9)),
    ):
        assert code_of(call) is ErrorCode.BAD_ARGUMENT


async def test_a_body_of_json(reading):
    send = await reading(lambda request: read_json(request, 100))
    assert (await send(b'{"a": "b"}')).text("a") == "b"
    for content in (b"", b"[]", b"{", b"\xff", b"[" * 90):
        assert (await send(content)).code is ErrorCode.BAD_ARGUMENT


async def test_the_size_is_bounded(reading):
    send = await reading(lambda request: read_body(request, 1000))
    assert await send(b"x" * 1000) == b"x" * 1000
    assert (await send(b"x" * 1001)).code is ErrorCode.MESSAGE_TOO_LONG

    async def endless():
        for _ in range(100):
            yield b"x" * 100

    assert (await send(endless())).code is ErrorCode.MESSAGE_TOO_LONG


async def test_the_time_is_bounded(reading):
    send = await reading(lambda request: read_body(request, 1000, timeout_s=0.1))
    released = asyncio.Event()

    async def slow():
        yield b"x"
        await released.wait()

    sending = asyncio.create_task(send(slow()))
    result = await sending
    released.set()
    assert result.code is ErrorCode.TIMEOUT
