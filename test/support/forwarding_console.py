"""A web application that forwards files as the console does, and a server of files."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from odyssey_ros.console.server.answers import errors_as_json
from odyssey_ros.console.server.media_forwarding import add_media, forward, read_events_log
from odyssey_ros.console.server.media_sources import MediaAddresses, MediaKey, MediaKind
from served_application import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from pathlib import Path

SECRET = "verysecretsignature"
KEY = MediaKey("recording", "/odyssey", "stream")


@dataclass
class ForwardingConsole:
    """A web application that forwards the files that a node names.

    Attributes:
        application: The application.
        url: Its address.
        addresses: What the node names, one after another; the last one again and again.
        loads: Number of times that the node was asked.
    """

    application: web.Application
    addresses: list[str]
    url: str = ""
    loads: int = 0

    async def load(self) -> MediaAddresses:
        address = self.addresses[min(self.loads, len(self.addresses) - 1)]
        self.loads += 1
        return MediaAddresses(address, address, address, address)

    async def get(self, kind: str = "video", method: str = "GET", **headers: str) -> tuple[Any, bytes]:
        """Return the answer and its whole body."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.url}/{kind}", headers=headers) as got,
        ):
            return got, await got.read()

    async def refused(self, kind: str = "video") -> tuple[int, str]:
        """Return the status and the message of an error."""
        got, body = await self.get(kind)
        assert SECRET.encode() not in body
        assert got.content_type == "application/json", body[:100]
        return got.status, str(json.loads(body)["message"])


@contextlib.asynccontextmanager
async def forwarding_console(
    addresses: list[str], private_origins: Collection[str] = ()
) -> AsyncIterator[ForwardingConsole]:
    """Serve the files that a node names."""
    application = web.Application(middlewares=[errors_as_json])
    add_media(application, private_origins)
    console = ForwardingConsole(application, addresses)

    async def serve(request: web.Request) -> web.StreamResponse:
        if request.match_info["kind"] == "events":
            return web.Response(body=await read_events_log(request, KEY, console.load))
        return await forward(request, KEY, MediaKind(request.match_info["kind"]), console.load)

    application.router.add_get("/{kind}", serve)
    async with served(application) as console.url:
        yield console


@dataclass
class FileStorage:
    """A server of one file, whose addresses expire.

    Attributes:
        path: The file.
        valid: The signature that is valid.
        requests: Headers of the requests so far.
        url: An address of it, without the signature.
    """

    path: Path
    valid: str = "1"
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def address(self, signature: str) -> str:
        return f"{self.url}/file?signature={SECRET}{signature}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(dict(request.headers))
        if request.query.get("signature") != f"{SECRET}{self.valid}":
            return web.Response(status=403, text=f"expired: {request.url}")
        return web.FileResponse(
            self.path, headers={"X-Storage": "private", "Content-Type": "application/private"}
        )
