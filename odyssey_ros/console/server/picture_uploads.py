"""Takes the pictures that pages upload: few at once, since each has up to 25 MiB."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.client.image_limits import MAX_IMAGE_BYTES
from odyssey_ros.console.server.request_bodies import read_body
from odyssey_ros.console.server.start_pictures import StartPicture

if TYPE_CHECKING:
    from aiohttp import web

MAX_UPLOADS: Final = 4


class PictureUploads:
    """Reads the pictures in the bodies of requests. For the asyncio thread."""

    def __init__(self) -> None:
        self._uploads = 0

    async def read(self, request: web.Request) -> StartPicture:
        """Return the picture in the body of a request.

        Raises:
            OdysseyError: It cannot be used, or does not arrive in time; `TOO_MANY_CALLS`: too many pictures
                are being uploaded.
        """
        if self._uploads >= MAX_UPLOADS:
            raise OdysseyError(
                f"{MAX_UPLOADS} pictures are being uploaded already: wait a moment, then try again",
                code=ErrorCode.TOO_MANY_CALLS,
            )
        self._uploads += 1
        try:
            content = await read_body(request, MAX_IMAGE_BYTES)
            return await asyncio.to_thread(StartPicture.read, content)
        finally:
            self._uploads -= 1
