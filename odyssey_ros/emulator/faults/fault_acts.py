"""Acts: faults that happen to an open session at a moment."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from odyssey_ros.emulator.faults import kinds as faults
from odyssey_ros.emulator.messages import encode
from odyssey_ros.emulator.sessions import Ending, Session

if TYPE_CHECKING:
    from aiohttp import web

    from odyssey_ros.emulator.faults.fault_registry import FaultRegistry
    from odyssey_ros.emulator.streamer import Streamer


class ActDriver:
    """Carries out the acts that are due on one session.

    Args:
        registry: the armed faults.
        session: whose acts.
        streamer: of the session.
        socket: the session's signaling socket.
        transport: under the socket; None when it is gone already.
    """

    def __init__(
        self,
        registry: FaultRegistry,
        session: Session,
        streamer: Streamer,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
    ) -> None:
        self._registry = registry
        self._session = session
        self._streamer = streamer
        self._socket = socket
        self._transport = transport

    async def run(self) -> None:
        """Carry out acts until cancelled."""
        changed = asyncio.Event()
        unsubscribe = self._registry.subscribe(changed.set)
        try:
            while True:
                changed.clear()
                for fault in self._registry.take_acts(self._session.moments):
                    await self._strike(fault)
                wait = self._registry.next_act(self._session.moments)
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(changed.wait(), wait)
        finally:
            unsubscribe()

    async def _strike(self, fault: faults.Fault) -> None:
        if isinstance(fault, faults.SocketHang):
            if self._transport is not None:
                self._transport.pause_reading()
        elif isinstance(
            fault, (faults.SocketClose, faults.SocketDrop, faults.SocketError, faults.SocketText)
        ):
            await self._strike_socket(fault)
        elif isinstance(fault, faults.ChannelClose):
            self._streamer.peer.close_channel(fault.label)
        elif isinstance(fault, faults.ChannelText):
            self._streamer.peer.send(fault.text)
        elif isinstance(fault, faults.PeerClose):
            await self._streamer.peer.close()
        elif isinstance(fault, faults.PeerKill):
            await self._streamer.peer.stop_responding()
        elif isinstance(fault, faults.TrackEnd):
            await self._streamer.peer.end_track()
        elif isinstance(fault, faults.StreamEnd):
            self._streamer.end_stream()
        elif isinstance(fault, faults.StreamFail):
            self._streamer.end_stream(fault.reason, fault.message)

    async def _strike_socket(
        self, fault: faults.SocketClose | faults.SocketDrop | faults.SocketError | faults.SocketText
    ) -> None:
        if isinstance(fault, faults.SocketClose):
            self._session.end(Ending(fault.code, fault.reason))
        elif isinstance(fault, faults.SocketDrop):
            self._session.end(Ending(abort=True))
        elif isinstance(fault, faults.SocketError) and fault.close:
            self._session.end(Ending(error=fault.reason))
        elif isinstance(fault, faults.SocketError):
            await self._say(encode("error", {"reason": fault.reason}))
        else:
            await self._say(fault.text)

    async def _say(self, text: str) -> None:
        # A client that has just left hears nothing any more.
        with contextlib.suppress(ConnectionError):
            await self._socket.send_str(text)
