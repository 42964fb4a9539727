"""Runs acts: the faults that happen to an open session at one moment."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from odyssey_ros.emulator.faults.connection_faults import (
    ChannelClose,
    ChannelText,
    PeerClose,
    PeerKill,
    SocketClose,
    SocketDrop,
    SocketError,
    SocketHang,
    SocketText,
    TrackEnd,
)
from odyssey_ros.emulator.faults.stream_faults import StreamEnd, StreamFail
from odyssey_ros.emulator.messages import encode
from odyssey_ros.emulator.sessions import Ending, Session

if TYPE_CHECKING:
    from aiohttp import web

    from odyssey_ros.emulator.faults.fault import Fault
    from odyssey_ros.emulator.faults.fault_registry import FaultRegistry
    from odyssey_ros.emulator.streamer import Streamer

__all__ = ["ActRunner"]


class ActRunner:
    """Runs the acts that are due in one session.

    Args:
        registry: the armed faults.
        session: the session.
        streamer: streamer of the session.
        socket: signaling socket of the session.
        transport: TCP transport of the socket; None when it is closed already.
    """

    def __init__(
        self,
        *,
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
        """Run acts until cancelled."""
        changed = asyncio.Event()
        unsubscribe = self._registry.subscribe(changed.set)
        try:
            while True:
                changed.clear()
                for fault in self._registry.take_acts(self._session.moments):
                    await self._run_act(fault)
                wait = self._registry.next_act(self._session.moments)
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(changed.wait(), wait)
        finally:
            unsubscribe()

    async def _run_act(self, fault: Fault) -> None:
        match fault:
            case SocketHang() | SocketClose() | SocketDrop() | SocketError() | SocketText():
                await self._run_socket_act(fault)
            case ChannelClose():
                self._streamer.peer.close_channel(fault.label)
            case ChannelText():
                self._streamer.peer.send(fault.text)
            case PeerClose():
                await self._streamer.peer.close()
            case PeerKill():
                await self._streamer.peer.stop_responding()
            case TrackEnd():
                await self._streamer.peer.end_track()
            case StreamEnd():
                self._streamer.end_stream()
            case StreamFail():
                self._streamer.end_stream(fault.reason, fault.message)

    async def _run_socket_act(
        self, fault: SocketHang | SocketClose | SocketDrop | SocketError | SocketText
    ) -> None:
        match fault:
            case SocketHang():
                if self._transport is not None:
                    self._transport.pause_reading()
            case SocketClose():
                self._session.end(Ending(fault.code, fault.reason))
            case SocketDrop():
                self._session.end(Ending(abort=True))
            case SocketError(close=True):
                self._session.end(Ending(error=fault.reason))
            case SocketError():
                await self._send(encode("error", {"reason": fault.reason}))
            case SocketText():
                await self._send(fault.text)

    async def _send(self, text: str) -> None:
        # The client may have disconnected in the meantime.
        with contextlib.suppress(ConnectionError):
            await self._socket.send_str(text)
