"""A bad network on purpose: media packets lost, late and out of order."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc.rtcdtlstransport import RTCDtlsTransport

    from odyssey_ros.emulator.faults.kinds import PacketDelay, PacketLoss


def _is_rtcp(packet: bytes) -> bool:
    # RFC 5761, section 4: payload types 64 to 95 are RTCP.
    return len(packet) > 1 and 192 <= packet[1] <= 223


class Impairment:
    """Stands between a peer's senders and its transport.

    Feedback (RTCP) passes untouched: it is the media that suffers, retransmissions included.

    Args:
        transport: of the peer; its sending is taken over.
        loss: the loss that holds now, or None.
        delay: the delay that holds now, or None.
        chance: for losses and jitter.
    """

    def __init__(
        self,
        transport: RTCDtlsTransport,
        *,
        loss: Callable[[], PacketLoss | None],
        delay: Callable[[], PacketDelay | None],
        chance: random.Random | None = None,
    ) -> None:
        self._send = transport._send_rtp  # noqa: SLF001 - no public way
        self._loss = loss
        self._delay = delay
        self._chance = chance or random.Random()
        self._late: set[asyncio.Task[None]] = set()
        self.packets_lost = 0
        transport._send_rtp = self._send_impaired  # type: ignore[method-assign,assignment] # noqa: SLF001

    def close(self) -> None:
        """Forget the packets that are still on their way."""
        for task in self._late:
            task.cancel()

    async def _send_impaired(self, packet: bytes) -> None:
        if _is_rtcp(packet):
            await self._send(packet)
            return
        loss = self._loss()
        if loss is not None and self._chance.random() < loss.fraction:
            self.packets_lost += 1
            return
        delay = self._delay()
        if delay is None:
            await self._send(packet)
            return
        seconds = delay.delay_seconds + self._chance.random() * delay.jitter_seconds
        task = asyncio.create_task(self._send_late(packet, seconds))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _send_late(self, packet: bytes, seconds: float) -> None:
        await asyncio.sleep(seconds)
        with contextlib.suppress(ConnectionError):
            await self._send(packet)
