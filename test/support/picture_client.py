"""A client of the console's picture socket, without a browser."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp

from waiting import eventually

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

HEADER = struct.Struct("<BBBxIdd")


class SentPicture(NamedTuple):
    """A binary message of the socket."""

    version: int
    codec: int
    flags: int
    number: int
    stamp: float
    age: float
    data: bytes

    @property
    def is_key(self) -> bool:
        return bool(self.flags & 1)


class PictureClient:
    """Watches the pictures of a node. Use as an async context manager.

    Args:
        url: Address of the console.
        node: Name of the node.
        codecs: What the client decodes.

    Attributes:
        pictures: What has come.
        notices: The JSON messages.
        acknowledges: Whether pictures are acknowledged as they come.
    """

    def __init__(self, url: str, node: str = "/odyssey", codecs: tuple[str, ...] = ("h264", "jpeg")) -> None:
        self.pictures: list[SentPicture] = []
        self.notices: list[dict[str, Any]] = []
        self.acknowledges = True
        self._url = url
        self._watch = {"type": "watch", "node": node, "codecs": list(codecs)}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers={"Origin": self._url})
        async with self._session.get(f"{self._url}/api/session") as answer:
            self.token = (await answer.json())["page_token"]
        self.socket = await self._session.ws_connect(f"{self._url}/socket/pictures", max_msg_size=0)
        await self.send({"type": "hello", "token": self.token})
        await self.send(self._watch)
        self._reader = asyncio.ensure_future(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader
        await self.socket.close()
        await self._session.close()

    async def send(self, message: Any) -> None:
        """Send JSON."""
        await self.socket.send_str(json.dumps(message))

    async def acknowledge(self) -> None:
        """Acknowledge everything that has come."""
        await self.send({"type": "drawn", "sequence": self.pictures[-1].number})

    async def more(self, count: int) -> list[SentPicture]:
        """Wait for a number of further pictures; return them."""
        begin = len(self.pictures)
        await eventually(lambda: len(self.pictures) >= begin + count, lambda: f"pictures; {self.notices}")
        return self.pictures[begin : begin + count]

    def notice(self, kind: str) -> dict[str, Any] | None:
        """Return the last notice of a kind."""
        return next((one for one in reversed(self.notices) if one["type"] == kind), None)

    async def _read(self) -> None:
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                fields = HEADER.unpack_from(message.data)
                self.pictures.append(SentPicture(*fields, message.data[HEADER.size :]))
                if self.acknowledges:
                    await self.acknowledge()
            elif message.type is aiohttp.WSMsgType.TEXT:
                self.notices.append(json.loads(message.data))
