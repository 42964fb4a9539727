"""Forwards files of recordings and jobs to the browser, whose addresses stay in this process.

Handlers of `/media/...` call `forward`:

    key = MediaKey("simulation", node.name, job_id, index)
    return await forward(request, key, MediaKind.VIDEO, load)

`load` is a coroutine function without arguments that asks the node and returns `MediaAddresses`, usually
`MediaAddresses.of(message)`. It is called when no address is kept, and once more when the server says that
the address has expired. `read_events_log` returns the events log of the same key.

Any node on the graph can name any address. A file is fetched only over https from a public address, or from
an origin that the operator has listed in `media_origins`; so a node cannot make the console read services of
its machine or of its network. The same rule applies to each redirect.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from aiohttp import web

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.client.service_address import parse_address
from odyssey_ros.console.server.byte_ranges import requested_range
from odyssey_ros.console.server.disconnects import while_connected
from odyssey_ros.console.server.media_answers import (
    accepted,
    fetch_error,
    picture_answer,
    small_body,
    stream_body,
)
from odyssey_ros.console.server.media_sources import MediaAddresses, MediaKey, MediaKind, MediaSources
from odyssey_ros.dataset.downloading.presigned_requests import download_client, request_file
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.logs.log_content import MAX_LOG_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
    from contextlib import AbstractAsyncContextManager
    from typing import TypeAlias

    import httpx

    Load: TypeAlias = Callable[[], Awaitable[MediaAddresses]]

MAX_STREAMS: Final = 16
"""Videos that are forwarded at once. A browser keeps the connection of a paused video open."""

MAX_SMALL_FILES: Final = 8
"""Thumbnails and logs that are fetched at once; further ones wait."""

SMALL_FILE_S: Final = 30.0
"""Time limit for a thumbnail or a log."""

MAX_THUMBNAIL_BYTES: Final = 4 * 1024 * 1024

_EXPIRED: Final = frozenset((401, 403, 404, 410))
_IDENTITY: Final = {"Accept-Encoding": "identity"}


class MediaForwarding:
    """Fetches files from presigned addresses. For the asyncio thread.

    Args:
        private_origins: Addresses off the public internet that may be read, as in `media_origins`.
    """

    def __init__(self, private_origins: Collection[str]) -> None:
        self._origins = frozenset(parse_address(text).origin for text in private_origins)
        self._client = download_client()
        self._small_files = asyncio.Semaphore(MAX_SMALL_FILES)
        self._streams = 0
        self.sources = MediaSources()

    @property
    def streams(self) -> int:
        """Number of videos that are forwarded at present."""
        return self._streams

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def read(self, key: MediaKey, kind: MediaKind, load: Load, max_bytes: int) -> bytes:
        """Return a small file.

        Raises:
            OdysseyError: The file does not exist, cannot be fetched, or is longer than `max_bytes`.
        """

        async def fetched() -> bytes:
            async with self._opened(key, kind, load, _IDENTITY) as response:
                return await small_body(response, max_bytes)

        async with self._small_files:
            try:
                return await asyncio.wait_for(fetched(), SMALL_FILE_S)
            except asyncio.TimeoutError:
                raise OdysseyError(
                    f"The file did not arrive within {SMALL_FILE_S:g} s; try again", code=ErrorCode.TIMEOUT
                ) from None

    async def stream(
        self, request: web.Request, key: MediaKey, kind: MediaKind, load: Load
    ) -> web.StreamResponse:
        """Answer a request with a video, or with the range of it that the browser asks for.

        The address is requested with GET for HEAD too, because it is signed for GET.

        Raises:
            OdysseyError: There is no answer yet; later the connection is closed instead.
        """
        if self._streams >= MAX_STREAMS:
            raise OdysseyError(
                f"The console forwards {self._streams} videos at present, which is the limit: close a page "
                "that shows one",
                code=ErrorCode.TOO_MANY_CALLS,
            )
        wanted = requested_range(request.headers)
        headers = _IDENTITY if wanted is None else {**_IDENTITY, "Range": wanted.header}
        self._streams += 1
        try:
            async with self._opened(key, kind, load, headers) as response:
                return await stream_body(request, accepted(response, wanted), response)
        finally:
            self._streams -= 1

    @asynccontextmanager
    async def _opened(
        self, key: MediaKey, kind: MediaKind, load: Load, headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        """Request a file; ask the node for a new address once, if the server refuses the present one."""
        address = await self.sources.address(key, kind, load)
        try:
            async with self._request(address, headers) as response:
                if response.status_code not in _EXPIRED:
                    yield response
                    return
            address = await self.sources.renewed(key, kind, load, address)
            async with self._request(address, headers) as response:
                yield response
        except EpisodeError as error:
            raise fetch_error(error) from None  # whatever it contains is in its text

    def _request(
        self, address: str, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[httpx.Response]:
        return request_file(self._client, address, headers, private_origins=self._origins)


MEDIA: Final = web.AppKey("media", MediaForwarding)


async def forward(request: web.Request, key: MediaKey, kind: MediaKind, load: Load) -> web.StreamResponse:
    """Answer a request with a file of a recording or of a job.

    A thumbnail is read as a whole, and a video as a stream of which at most some hundred kilobytes are in
    memory. The type is fixed, and no header of the other server is passed on.

    Args:
        request: The request.
        key: The recording or the video of the job.
        kind: The file.
        load: Asks the node for the addresses.

    Raises:
        OdysseyError: The file does not exist, or cannot be fetched.
    """
    media = request.app[MEDIA]
    if kind is MediaKind.THUMBNAIL:
        reading = media.read(key, kind, load, MAX_THUMBNAIL_BYTES)
        return picture_answer(await while_connected(request, reading))
    return await while_connected(request, media.stream(request, key, kind, load))


async def read_events_log(request: web.Request, key: MediaKey, load: Load) -> bytes:
    """Return the events log of a recording or of a video of a job, which may be compressed.

    Raises:
        OdysseyError: The log does not exist, or cannot be fetched.
    """
    reading = request.app[MEDIA].read(key, MediaKind.EVENTS, load, MAX_LOG_BYTES)
    return await while_connected(request, reading)


def add_media(application: web.Application, private_origins: Collection[str]) -> None:
    """Give an application what `forward` needs, from its start to its end."""

    async def opened(running: web.Application) -> AsyncIterator[None]:
        yield
        await running[MEDIA].close()

    application[MEDIA] = MediaForwarding(private_origins)
    application.cleanup_ctx.append(opened)
