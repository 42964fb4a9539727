"""Closing a peer while it connects, and a peer that cannot connect."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection

logger = logging.getLogger(__name__)

_CLOSE_SECONDS = 5.0
_CONNECT = "_RTCPeerConnection__connect"  # the mangled name of a private method of aiortc


def end_connecting_quietly(peer: RTCPeerConnection) -> None:
    """Let `peer` be closed while it connects, and close it when it cannot connect.

    aiortc connects in a task that nobody awaits. When the peer is closed before a transport is started, the
    task ends with an error, and asyncio logs a traceback. An answer without a fingerprint, for example, ends
    the task as well, and the peer would stay as it is.
    """
    connect = getattr(peer, _CONNECT)

    async def connect_until_closed() -> None:
        try:
            await connect()
        except Exception as error:  # noqa: BLE001 - aiortc raises many kinds for a description it accepted
            if peer.signalingState != "closed":
                logger.warning("Cannot connect a client's peer (%s); closing it", type(error).__name__)
                await close_peer(peer)

    setattr(peer, _CONNECT, connect_until_closed)


async def close_peer(peer: RTCPeerConnection) -> None:
    """Close a peer within a few seconds, and its transports in any case.

    `RTCPeerConnection.close` fails for a peer whose negotiation ended halfway, and the next call of it would
    wait without end.
    """
    closing = asyncio.ensure_future(peer.close())
    await asyncio.wait({closing}, timeout=_CLOSE_SECONDS)
    if closing.done() and closing.exception() is None:
        return
    closing.cancel()
    transports = {transceiver.receiver.transport for transceiver in peer.getTransceivers()}
    if peer.sctp is not None:
        transports.add(peer.sctp.transport)
    for transport in transports - {None}:
        await transport.stop()
        await transport.transport.stop()
