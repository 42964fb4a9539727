"""Broadcasts: spectators watch a stream over WHEP; all of them get the frames of the stream's one encoder."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription

from odyssey_ros.emulator.key_frame_feedback import on_key_frame_request
from odyssey_ros.emulator.loopback import gather_on
from odyssey_ros.emulator.media.video_track import EncodedVideoTrack, VideoFanout
from odyssey_ros.emulator.peer import NegotiationError, ice_configuration
from odyssey_ros.emulator.peer_closing import end_connecting_quietly
from odyssey_ros.emulator.sdp import (
    MALFORMED_DESCRIPTION,
    check_size,
    mime_type,
    with_fir,
    without_mdns_candidates,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc.rtcdtlstransport import RTCDtlsTransport

    from odyssey_ros.emulator.config import Codec, IceServer
    from odyssey_ros.emulator.faults.receiver_faults import ReceiverFaults

MAX_SPECTATORS: Final = 32
"""Most spectators of a stream, those whose connection is being negotiated included."""


@dataclass(slots=True)
class Broadcast:
    """A stream that spectators may watch.

    Attributes:
        video: the stream's encoded frames.
        codec: the codec of the frames.
        apply_faults: takes the track and the transport of a new spectator.
        spectators: the spectators' peers, by resource id.
        joining: number of spectators whose connection is being negotiated.
    """

    video: VideoFanout
    codec: Codec
    apply_faults: Callable[[EncodedVideoTrack, RTCDtlsTransport], ReceiverFaults]
    spectators: dict[str, RTCPeerConnection] = field(default_factory=dict)
    joining: int = 0


class UnknownBroadcastError(Exception):
    """There is no broadcast of this stream."""


class TooManySpectatorsError(Exception):
    """The stream has `MAX_SPECTATORS` spectators already."""


class BroadcastRegistry:
    """All broadcasts of a service. Belongs to one event loop.

    Args:
        ice_servers: used for gathering.
        media_addresses: takes the machine's addresses and returns the addresses for media.
    """

    def __init__(
        self, ice_servers: tuple[IceServer, ...], media_addresses: Callable[[list[str]], list[str]]
    ) -> None:
        self._ice_servers = ice_servers
        self._media_addresses = media_addresses
        self._broadcasts: dict[str, Broadcast] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def open(
        self,
        stream_id: str,
        video: VideoFanout,
        codec: Codec,
        apply_faults: Callable[[EncodedVideoTrack, RTCDtlsTransport], ReceiverFaults],
    ) -> None:
        """Let spectators watch a stream from now on; arguments as for `Broadcast`."""
        self._broadcasts[stream_id] = Broadcast(video, codec, apply_faults)

    def is_open(self, stream_id: str) -> bool:
        """Return whether spectators may watch the stream now."""
        return stream_id in self._broadcasts

    def spectators(self, stream_id: str) -> int:
        """Return the number of the stream's spectators."""
        broadcast = self._broadcasts.get(stream_id)
        return 0 if broadcast is None else len(broadcast.spectators)

    async def close(self, stream_id: str) -> None:
        """End the broadcast of a stream and disconnect its spectators."""
        broadcast = self._broadcasts.pop(stream_id, None)
        if broadcast is not None:
            await asyncio.gather(*(peer.close() for peer in list(broadcast.spectators.values())))

    async def join(self, stream_id: str, offer: str) -> tuple[str, str]:
        """Add a spectator.

        Args:
            stream_id: the stream to watch.
            offer: the spectator's session description, with all candidates.

        Returns:
            The spectator's resource id, and the answer.

        Raises:
            UnknownBroadcastError: there is no broadcast of this stream.
            TooManySpectatorsError: the stream has too many spectators.
            NegotiationError: the offer is unusable.
        """
        broadcast = self._broadcasts.get(stream_id)
        if broadcast is None:
            raise UnknownBroadcastError
        if len(broadcast.spectators) + broadcast.joining >= MAX_SPECTATORS:
            raise TooManySpectatorsError
        broadcast.joining += 1
        try:
            return await self._join(stream_id, broadcast, offer)
        finally:
            broadcast.joining -= 1

    async def _join(self, stream_id: str, broadcast: Broadcast, offer: str) -> tuple[str, str]:
        peer = RTCPeerConnection(ice_configuration(self._ice_servers))
        end_connecting_quietly(peer)
        resource_id = str(uuid.uuid4())
        track = EncodedVideoTrack(lambda: None)
        try:
            transport = await self._answer(peer, track, broadcast.codec, offer)
            if self._broadcasts.get(stream_id) is not broadcast:
                raise UnknownBroadcastError  # the stream ended during the negotiation
        except (NegotiationError, UnknownBroadcastError):
            await peer.close()
            raise
        faults = broadcast.apply_faults(track, transport)

        @peer.on("connectionstatechange")
        def state_changed() -> None:
            if peer.connectionState in {"failed", "closed"}:
                broadcast.video.detach(track)
                track.stop()
                faults.close()
                if broadcast.spectators.pop(resource_id, None) is not None:
                    self._close_in_background(peer)

        broadcast.spectators[resource_id] = peer
        broadcast.video.attach(track)
        return resource_id, with_fir(peer.localDescription.sdp, answered=offer)

    async def leave(self, stream_id: str, resource_id: str) -> bool:
        """Disconnect a spectator; return False when there is no such spectator."""
        broadcast = self._broadcasts.get(stream_id)
        peer = broadcast.spectators.get(resource_id) if broadcast else None
        if peer is None:
            return False
        await peer.close()
        return True

    async def _answer(
        self, peer: RTCPeerConnection, track: EncodedVideoTrack, codec: Codec, offer: str
    ) -> RTCDtlsTransport:
        transceiver = peer.addTransceiver(track, direction="sendonly")
        usable = {mime_type(codec), "video/rtx"}
        capabilities = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([c for c in capabilities if c.mimeType in usable])
        try:
            check_size(offer)
            offer = without_mdns_candidates(offer)
            await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            if transceiver.mid is None:
                raise NegotiationError("the offer has no video")
            gather_on(self._media_addresses, peer)
            await peer.setLocalDescription(await peer.createAnswer())
            on_key_frame_request(transceiver.sender, track.need_keyframe)
        except MALFORMED_DESCRIPTION as error:
            raise NegotiationError(str(error) or type(error).__name__) from error
        return transceiver.sender.transport

    def _close_in_background(self, peer: RTCPeerConnection) -> None:
        task = asyncio.create_task(peer.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
