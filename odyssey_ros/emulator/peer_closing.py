"""Closing a peer while it connects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiortc.exceptions import InvalidStateError

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection

_CONNECT = "_RTCPeerConnection__connect"  # the mangled name of a private method of aiortc


def end_connecting_quietly(peer: RTCPeerConnection) -> None:
    """Let `peer` be closed while it connects.

    aiortc connects in a task that nobody awaits. When the peer is closed before a transport is started, the
    task ends with an error, and asyncio logs a traceback.
    """
    connect = getattr(peer, _CONNECT)

    async def connect_until_closed() -> None:
        try:
            await connect()
        except InvalidStateError:
            if peer.signalingState != "closed":
                raise

    setattr(peer, _CONNECT, connect_until_closed)
