"""The service's WebRTC peer: offers video and both data channels, and detects the loss of the client."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.sdp import candidate_from_sdp

from odyssey_ros.emulator.key_frame_feedback import on_key_frame_request
from odyssey_ros.emulator.loopback import gather_on
from odyssey_ros.emulator.media.video_track import EncodedVideoTrack
from odyssey_ros.emulator.peer_closing import close_peer, end_connecting_quietly
from odyssey_ros.emulator.sdp import (
    MALFORMED_DESCRIPTION,
    MAX_CANDIDATES,
    check_size,
    is_mdns,
    mime_type,
    negotiated_codec,
    with_fir,
    without_mdns_candidates,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc import RTCRtpCodecCapability, RTCRtpTransceiver
    from aiortc.rtcdtlstransport import RTCDtlsTransport

    from odyssey_ros.emulator.config import Codec, IceServer

logger = logging.getLogger(__name__)

CLIENT_TO_STREAMER = "clientToStreamer"
STREAMER_TO_CLIENT = "streamerToClient"


class NegotiationError(Exception):
    """The client's session description or candidate is unusable; the text gives the reason."""


def ice_configuration(servers: tuple[IceServer, ...]) -> RTCConfiguration:
    """Return an aiortc configuration with exactly these servers and one transport for all media."""
    return RTCConfiguration(
        iceServers=[RTCIceServer(s.url, username=s.username, credential=s.credential) for s in servers],
        bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
    )


def prefer_codec(transceiver: RTCRtpTransceiver, codec: Codec) -> None:
    """Offer or answer with `codec` first and the other codec after it."""

    def rank(capability: RTCRtpCodecCapability) -> int:
        return 0 if capability.mimeType == mime_type(codec) else 1

    transceiver.setCodecPreferences(sorted(RTCRtpSender.getCapabilities("video").codecs, key=rank))


class StreamerPeer:
    """The service's end of one session's peer connection.

    Args:
        codec: the preferred codec.
        ice_servers: used for gathering.
        media_addresses: takes the machine's addresses and returns the addresses for media.
        on_message: called with every text that arrives on `clientToStreamer`.
        on_lost: called once when the client's peer has closed or failed; not called after `close`.
        labels: the data channels to open.
        with_track: whether to offer video.
        extra_tracks: number of further video tracks to offer, on which nothing is sent.
    """

    def __init__(
        self,
        *,
        codec: Codec,
        ice_servers: tuple[IceServer, ...],
        media_addresses: Callable[[list[str]], list[str]],
        on_message: Callable[[str | bytes], None],
        on_lost: Callable[[], None],
        labels: tuple[str, ...] = (CLIENT_TO_STREAMER, STREAMER_TO_CLIENT),
        with_track: bool = True,
        extra_tracks: int = 0,
    ) -> None:
        self._preferred = codec
        self.codec: Codec = codec
        self._on_lost = on_lost
        self._closed = False
        self._candidates = 0
        self.connected = asyncio.Event()
        self.video = EncodedVideoTrack(lambda: None)
        self.connection = RTCPeerConnection(ice_configuration(ice_servers))
        end_connecting_quietly(self.connection)
        self.connection.on("connectionstatechange", self._state_changed)
        self.sender: RTCRtpSender | None = None
        if with_track:
            transceiver = self.connection.addTransceiver(self.video, direction="sendonly")
            prefer_codec(transceiver, codec)
            self.sender = transceiver.sender
        for _ in range(extra_tracks):
            prefer_codec(self.connection.addTransceiver("video", direction="sendonly"), codec)
        self.channels: dict[str, RTCDataChannel] = {}
        for label in labels:
            self.channels[label] = self.connection.createDataChannel(label)
        if CLIENT_TO_STREAMER in self.channels:
            self.channels[CLIENT_TO_STREAMER].on("message", on_message)
        gather_on(media_addresses, self.connection)

    async def offer(self) -> str:
        """Gather candidates and return the offer with all candidates."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return with_fir(self.connection.localDescription.sdp)

    async def answer(self, sdp: str) -> None:
        """Apply the client's answer.

        Raises:
            NegotiationError: the answer is malformed, is the second one, or has no codec in common.
        """
        try:
            check_size(sdp)
            codec = negotiated_codec(sdp, self._preferred)
            if codec is None and self.sender is not None:
                raise NegotiationError("the answer has no usable video codec")
            self.codec = codec or self._preferred
            sdp = without_mdns_candidates(sdp)
            await self.connection.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="answer"))
            if self.sender is not None:
                on_key_frame_request(self.sender, self.video.need_keyframe)
        except MALFORMED_DESCRIPTION as error:
            raise NegotiationError(str(error) or type(error).__name__) from error

    async def add_candidate(self, candidate: str, mid: str | None, line_index: int | None) -> None:
        """Add one of the client's candidates.

        An empty string (end of candidates) is ignored, because an answer may come without the others.

        Raises:
            NegotiationError: the candidate is malformed, or there are too many.
        """
        text = candidate.removeprefix("candidate:")
        if not text or is_mdns(candidate):
            return
        if mid is None and line_index is None:
            raise NegotiationError("a candidate needs sdpMid or sdpMLineIndex")
        try:
            parsed = candidate_from_sdp(text)
        except (AssertionError, IndexError, ValueError) as error:
            raise NegotiationError("malformed candidate") from error
        self._candidates += 1
        if self._candidates > MAX_CANDIDATES:
            raise NegotiationError(f"more than {MAX_CANDIDATES} candidates")
        parsed.sdpMid, parsed.sdpMLineIndex = mid, line_index
        await self.connection.addIceCandidate(parsed)

    def send(self, text: str) -> bool:
        """Send a message on `streamerToClient`; before the channel opens, queue the message.

        Returns:
            False when the channel is missing, closing or closed.
        """
        channel = self.channels.get(STREAMER_TO_CLIENT)
        if channel is None or channel.readyState in {"closing", "closed"}:
            return False
        if channel.readyState == "open":
            channel.send(text)
        else:
            channel.once("open", lambda: channel.send(text))
        return True

    async def end_track(self) -> None:
        """End the video permanently (RTCP BYE); the channels stay open."""
        self.video.stop()
        if self.sender is not None:
            await self.sender.stop()

    def close_channel(self, label: str) -> None:
        """Close one data channel."""
        if label in self.channels:
            self.channels[label].close()

    async def stop_responding(self) -> None:
        """Stop all network traffic at once, without notifying the client."""
        self._closed = True
        for transport in self.transports():
            await transport.transport.stop()

    def transports(self) -> set[RTCDtlsTransport]:
        """Return the DTLS transports; exactly one after the client has agreed to bundle."""
        found = {transceiver.receiver.transport for transceiver in self.connection.getTransceivers()}
        if self.connection.sctp is not None:
            found.add(self.connection.sctp.transport)
        return found

    async def close(self) -> None:
        """Close the connection; the client's peer is notified by DTLS and SCTP."""
        self._closed = True
        self.video.stop()
        await close_peer(self.connection)

    def _state_changed(self) -> None:
        state = self.connection.connectionState
        logger.debug("peer connection state: %s", state)
        if state == "connected":
            self.connected.set()
        elif state in {"failed", "closed"} and not self._closed:
            self._closed = True
            self._on_lost()
