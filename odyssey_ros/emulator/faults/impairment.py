"""Simulates a bad network: media packets are lost, late and out of order."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiortc.rtcdtlstransport import RTCDtlsTransport

    from odyssey_ros.emulator.faults.video_faults import PacketDelay, PacketLoss

__all__ = ["Impairment"]


def _is_rtcp(packet: bytes) -> bool:
    # RFC 5761, section 4: payload types 64 to 95 are RTCP.
    return len(packet) > 1 and 192 <= packet[1] <= 223


class Impairment:
    """Drops and delays the media packets that a peer sends, including retransmissions.

    Feedback packets (RTCP) are sent unchanged.

    Attributes:
        packets_lost: number of packets dropped so far.

    Args:
        transport: transport of the peer; the impairment replaces its method for sending packets.
        loss: returns the loss that holds now, or None.
        delay: returns the delay that holds now, or None.
        loses: returns whether one packet is lost for another reason; called for each media packet.
        rng: source of randomness for loss and jitter.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        transport: RTCDtlsTransport,
        *,
        loss: Callable[[], PacketLoss | None],
        delay: Callable[[], PacketDelay | None],
        loses: Callable[[bytes], bool] = lambda _: False,
        rng: random.Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._send = transport._send_rtp  # noqa: SLF001 - no public way
        self._loss = loss
        self._delay = delay
        self._loses = loses
        self._rng = rng or random.Random()
        self._sleep = sleep
        self._delayed: set[asyncio.Task[None]] = set()
        self.packets_lost = 0
        transport._send_rtp = self._send_impaired  # type: ignore[method-assign,assignment] # noqa: SLF001

    def close(self) -> None:
        """Discard the packets that are still delayed."""
        for task in self._delayed:
            task.cancel()

    async def _send_impaired(self, packet: bytes) -> None:
        if _is_rtcp(packet):
            await self._send(packet)
            return
        loss = self._loss()
        if self._loses(packet) or (loss is not None and self._rng.random() < loss.fraction):
            self.packets_lost += 1
            return
        delay = self._delay()
        if delay is None:
            await self._send(packet)
            return
        seconds = delay.delay_seconds + self._rng.random() * delay.jitter_seconds
        task = asyncio.create_task(self._send_later(packet, seconds))
        self._delayed.add(task)
        task.add_done_callback(self._delayed.discard)

    async def _send_later(self, packet: bytes, seconds: float) -> None:
        await self._sleep(seconds)
        with contextlib.suppress(ConnectionError):
            await self._send(packet)
