"""The lowest rate at which a server must send a file, so that no download holds its place for ever."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import Coroutine

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class LowestRate:
    """The bytes that must arrive in every window of time, from the request to the last byte.

    Attributes:
        bytes_per_s: Average in a window.
        window_s: Length of a window in seconds.
    """

    bytes_per_s: int = 8 * 1024
    window_s: float = 60.0


LOWEST_RATE: Final = LowestRate()


class SlowDownloadError(EpisodeError):
    """The server sends less than the lowest rate."""

    def __init__(self, rate: LowestRate) -> None:
        super().__init__(
            ErrorCode.DOWNLOAD_FAILED,
            f"the server sends less than {rate.bytes_per_s} bytes per second, for {rate.window_s:g} s",
            retryable=True,
        )


@dataclass(slots=True)
class Arrivals:
    """What has arrived of a response.

    Attributes:
        received: Number of bytes.
        complete: Whether the whole body has arrived; what follows is work of this machine.
    """

    received: int = 0
    complete: bool = False


async def keep_rate(work: Coroutine[Any, Any, _T], arrivals: Arrivals, rate: LowestRate) -> _T:
    """Run a request until it ends, or cancel it when too little arrives.

    Args:
        work: The request; updates `arrivals`.
        arrivals: What has arrived.
        rate: The lowest rate.

    Raises:
        SlowDownloadError: Too little arrived in a window.
    """
    task = asyncio.ensure_future(work)
    try:
        while True:
            before = arrivals.received
            done, _ = await asyncio.wait({task}, timeout=rate.window_s)
            if done:
                return task.result()
            missing = arrivals.received - before < rate.bytes_per_s * rate.window_s
            if missing and not arrivals.complete:
                raise SlowDownloadError(rate)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
