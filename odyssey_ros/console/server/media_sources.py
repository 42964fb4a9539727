"""The presigned addresses of the files of recordings and jobs.

They are secrets: they stay in this process. A node names them on request, and they expire after about an
hour. Any node on the graph can name any address; `media_forwarding` checks them before it connects.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from odyssey_ros.client import ErrorCode, OdysseyError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from odyssey_ros import msg

MAX_SOURCES: Final = 512
"""Recordings and videos of jobs whose addresses are kept."""

MAX_KEPT_CHARACTERS: Final = 64 * 1024
"""Length of the addresses of one recording that are kept; any node can name longer ones."""

LIFETIME_S: Final = 45 * 60.0
"""Time for which addresses are kept."""

INCOMPLETE_LIFETIME_S: Final = 2.0
"""The same without a video, such as while the stream is running."""

MAX_LOADS: Final = 8
"""Calls of nodes for addresses that are under way at once; a bridge allows 16 of each service."""


class MediaKind(Enum):
    """A file of a recording."""

    VIDEO = "video"
    PREVIEW = "preview"
    THUMBNAIL = "thumbnail"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class MediaKey:
    """Names a recording or a video of a job.

    Attributes:
        area: `recording` or `simulation`.
        node: The fully qualified name of the node that has it.
        name: The id of the stream, or of the job.
        index: Number of the video of a job.
    """

    area: str
    node: str
    name: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class MediaAddresses:
    """The addresses of the files; secrets. Each is empty when the file does not exist."""

    video: str = field(default="", repr=False)
    preview: str = field(default="", repr=False)
    thumbnail: str = field(default="", repr=False)
    events: str = field(default="", repr=False)

    @classmethod
    def of(cls, message: msg.Recording | msg.SimulationStream) -> MediaAddresses:
        """Return the addresses of a message."""
        return cls(message.video_url, message.preview_url, message.thumbnail_url, message.events_url)

    @property
    def length(self) -> int:
        """The number of characters of all addresses."""
        return sum(len(self.get(kind)) for kind in MediaKind)

    def get(self, kind: MediaKind) -> str:
        """Return the address of a file; empty when it does not exist."""
        return str(getattr(self, kind.value))


class MediaSources:
    """Keeps addresses, and asks for them when they are missing or old. For the asyncio thread.

    Each method takes a function that asks the node for the addresses. It is called once for all who wait.

    Args:
        now: Returns the time in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._kept: OrderedDict[MediaKey, tuple[float, MediaAddresses]] = OrderedDict()
        self._loads: dict[MediaKey, asyncio.Task[MediaAddresses]] = {}
        self._slots = asyncio.Semaphore(MAX_LOADS)

    def keep(self, key: MediaKey, addresses: MediaAddresses) -> None:
        """Keep addresses that a node has named just now, unless they are too long."""
        if addresses.length > MAX_KEPT_CHARACTERS:
            self._kept.pop(key, None)
            return
        lifetime_s = LIFETIME_S if addresses.video else INCOMPLETE_LIFETIME_S
        self._kept[key] = (self._now() + lifetime_s, addresses)
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_SOURCES:
            self._kept.popitem(last=False)

    async def address(
        self, key: MediaKey, kind: MediaKind, load: Callable[[], Awaitable[MediaAddresses]]
    ) -> str:
        """Return the address of a file.

        Raises:
            OdysseyError: The node did not name it; `NOT_FOUND`: the file does not exist.
        """
        expiry, addresses = self._kept.get(key, (0.0, MediaAddresses()))
        if self._now() >= expiry:
            addresses = await self._loaded(key, load)
        address = addresses.get(kind)
        if not address:
            raise OdysseyError(_missing(kind), code=ErrorCode.NOT_FOUND)
        return address

    async def renewed(
        self,
        key: MediaKey,
        kind: MediaKind,
        load: Callable[[], Awaitable[MediaAddresses]],
        expired: str,
    ) -> str:
        """Return a new address of a file, after the server has refused `expired`."""
        kept = self._kept.get(key)
        if kept is not None and kept[1].get(kind) == expired:
            del self._kept[key]
        return await self.address(key, kind, load)

    async def _loaded(self, key: MediaKey, load: Callable[[], Awaitable[MediaAddresses]]) -> MediaAddresses:
        task = self._loads.get(key)
        if task is None:
            task = self._loads[key] = asyncio.create_task(self._load(key, load))
            task.add_done_callback(lambda _: self._loads.pop(key, None))
        # Others may wait for the same task, so that it outlives a browser that goes away.
        return await asyncio.shield(task)

    async def _load(self, key: MediaKey, load: Callable[[], Awaitable[MediaAddresses]]) -> MediaAddresses:
        async with self._slots:
            addresses = await load()
        self.keep(key, addresses)
        return addresses


def _missing(kind: MediaKind) -> str:
    what = {
        MediaKind.VIDEO: "video",
        MediaKind.PREVIEW: "preview",
        MediaKind.THUMBNAIL: "thumbnail",
        MediaKind.EVENTS: "events log",
    }[kind]
    return f"There is no {what} (yet): the service stores it some time after the stream has ended"
