"""Pictures in the bodies of requests."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from odyssey_ros.client import OdysseyImageError
from odyssey_ros.console.server.answers import errors_as_json
from odyssey_ros.console.server.picture_uploads import MAX_UPLOADS, PictureUploads


async def test_few_pictures_are_uploaded_at_once():
    """A further one is refused while the others arrive; those that fail make room again."""
    uploads, arrived = PictureUploads(), asyncio.Semaphore(0)

    async def upload(request: web.Request) -> web.Response:
        arrived.release()
        with pytest.raises(OdysseyImageError):
            await uploads.read(request)
        return web.Response()

    application = web.Application(middlewares=[errors_as_json])
    application.router.add_post("/", upload)
    more = asyncio.Event()

    async def slow_body():
        yield b"no"
        await more.wait()
        yield b" picture"

    async with TestServer(application) as server, ClientSession() as client:
        address = server.make_url("/")

        async def send(body) -> int:
            async with client.post(address, data=body) as answer:
                return answer.status

        slow = [asyncio.create_task(send(slow_body())) for _ in range(MAX_UPLOADS)]
        for _ in slow:
            await arrived.acquire()
        assert await send(b"one more") == 429
        more.set()
        assert await asyncio.gather(*slow) == [200] * MAX_UPLOADS
        assert await send(b"again") == 200
