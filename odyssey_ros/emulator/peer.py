"""The streamer's WebRTC peer: offers video and both data channels, and says when the client is gone."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
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
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.sdp import SessionDescription, candidate_from_sdp

from odyssey_ros.emulator.loopback import gather_on, is_mdns, without_mdns_candidates
from odyssey_ros.emulator.media.video_track import EncodedVideoTrack

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc import RTCRtpCodecCapability, RTCRtpTransceiver
    from aiortc.rtcdtlstransport import RTCDtlsTransport

    from odyssey_ros.emulator.config import Codec, IceServer

logger = logging.getLogger(__name__)

CLIENT_TO_STREAMER = "clientToStreamer"
STREAMER_TO_CLIENT = "streamerToClient"

_MIME: dict[Codec, str] = {"h264": "video/H264", "vp8": "video/VP8"}


MALFORMED_DESCRIPTION = (
    AssertionError, AttributeError, IndexError, KeyError, RuntimeError, StopIteration, ValueError,
    InvalidAccessError, InvalidStateError, OperationError,
)  # fmt: skip
"""What aiortc raises for a malformed session description."""


class NegotiationError(Exception):
    """The client's session description cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class LocalCandidate:
    """One of the peer's candidates, as `ice_candidate` carries it."""

    candidate: str
    mid: str
    line_index: int


def ice_configuration(servers: tuple[IceServer, ...]) -> RTCConfiguration:
    """An aiortc configuration with exactly these servers, and one transport for everything."""
    return RTCConfiguration(
        iceServers=[RTCIceServer(s.url, username=s.username, credential=s.credential) for s in servers],
        bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
    )


def mime_type(codec: Codec) -> str:
    """The codec's name in session descriptions."""
    return _MIME[codec]


def prefer_codec(transceiver: RTCRtpTransceiver, codec: Codec) -> None:
    """Offer or answer with `codec` first and the other one after it."""

    def rank(capability: RTCRtpCodecCapability) -> int:
        return 0 if capability.mimeType == _MIME[codec] else 1

    transceiver.setCodecPreferences(sorted(RTCRtpSender.getCapabilities("video").codecs, key=rank))


def negotiated_codec(sdp: str, preferred: Codec) -> Codec | None:
    """The codec that a peer with `prefer_codec` sends to the author of `sdp`; None when they share none."""
    mime_types = {
        codec.mimeType.lower()
        for media in SessionDescription.parse(sdp).media
        if media.kind == "video"
        for codec in media.rtp.codecs
    }
    other: Codec = "vp8" if preferred == "h264" else "h264"
    return next((codec for codec in (preferred, other) if _MIME[codec].lower() in mime_types), None)


def on_keyframe_request(sender: RTCRtpSender, callback: Callable[[], None]) -> None:
    """Call `callback` when the receiver asks for a keyframe (PLI or FIR).

    aiortc tells its own encoder, which a track of encoded pictures bypasses.
    """
    sender._send_keyframe = callback  # type: ignore[method-assign] # noqa: SLF001 - no public way


class StreamerPeer:
    """The service's end of one session's peer connection.

    Args:
        codec: the preferred codec.
        ice_servers: used for gathering.
        media_addresses: chooses the addresses that media uses.
        on_message: called with every text that arrives on `clientToStreamer`.
        on_lost: called once when the client's peer is gone, by its own will or not; not after `close`.
        labels: the data channels to open.
        with_track: whether to offer video.
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
    ) -> None:
        self._preferred = codec
        self.codec: Codec = codec
        self._on_lost = on_lost
        self._closed = False
        self.connected = asyncio.Event()
        self.video = EncodedVideoTrack(lambda: None)
        self.connection = RTCPeerConnection(ice_configuration(ice_servers))
        self.connection.on("connectionstatechange", self._state_changed)
        self.sender: RTCRtpSender | None = None
        if with_track:
            transceiver = self.connection.addTransceiver(self.video, direction="sendonly")
            prefer_codec(transceiver, codec)
            on_keyframe_request(transceiver.sender, self.video.need_keyframe)
            self.sender = transceiver.sender
        self.channels: dict[str, RTCDataChannel] = {}
        for label in labels:
            self.channels[label] = self.connection.createDataChannel(label)
        if CLIENT_TO_STREAMER in self.channels:
            self.channels[CLIENT_TO_STREAMER].on("message", on_message)
        gather_on(media_addresses, self.connection)

    async def offer(self) -> str:
        """Gather candidates and make the offer, all candidates included."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def answer(self, sdp: str) -> None:
        """Take the client's answer.

        Raises:
            NegotiationError: it is malformed, comes twice, or has no codec in common.
        """
        try:
            codec = negotiated_codec(sdp, self._preferred)
            if codec is None and self.sender is not None:
                raise NegotiationError("the answer has no usable video codec")
            self.codec = codec or self._preferred
            sdp = without_mdns_candidates(sdp)
            await self.connection.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="answer"))
        except MALFORMED_DESCRIPTION as error:
            raise NegotiationError(str(error) or type(error).__name__) from error

    async def add_candidate(self, candidate: str, mid: str | None, line_index: int | None) -> None:
        """Take one of the client's candidates; an empty string is ignored, since answers may lack others.

        Raises:
            NegotiationError: it is malformed.
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
        parsed.sdpMid, parsed.sdpMLineIndex = mid, line_index
        await self.connection.addIceCandidate(parsed)

    def send(self, text: str) -> bool:
        """Send a message on `streamerToClient`, once it is open; False when it is not there any more."""
        channel = self.channels.get(STREAMER_TO_CLIENT)
        if channel is None or channel.readyState in {"closing", "closed"}:
            return False
        if channel.readyState == "open":
            channel.send(text)
        else:
            channel.once("open", lambda: channel.send(text))
        return True

    async def end_track(self) -> None:
        """End the video for good (RTCP BYE); the channels stay."""
        self.video.stop()
        if self.sender is not None:
            await self.sender.stop()

    def close_channel(self, label: str) -> None:
        """Close one data channel."""
        if label in self.channels:
            self.channels[label].close()

    async def fall_silent(self) -> None:
        """Stop answering on the network at once, without a word to the client."""
        self._closed = True
        for transport in self.transports():
            await transport.transport.stop()

    def transports(self) -> set[RTCDtlsTransport]:
        """The DTLS transports; one, once the client has agreed to bundle."""
        found = {transceiver.receiver.transport for transceiver in self.connection.getTransceivers()}
        if self.connection.sctp is not None:
            found.add(self.connection.sctp.transport)
        return found

    async def close(self) -> None:
        """Close the connection, telling the client."""
        self._closed = True
        self.video.stop()
        await self.connection.close()

    def _state_changed(self) -> None:
        state = self.connection.connectionState
        logger.debug("peer is %s", state)
        if state == "connected":
            self.connected.set()
        elif state in {"failed", "closed"} and not self._closed:
            self._closed = True
            self._on_lost()


def split_candidates(sdp: str) -> tuple[str, list[LocalCandidate]]:
    """Take the candidates out of an offer, for trickling them one by one."""
    kept: list[str] = []
    found: list[tuple[str, int]] = []
    mids: list[str] = []
    for line in sdp.splitlines():
        if line.startswith("m="):
            mids.append("")
        elif line.startswith("a=mid:"):
            mids[-1] = line.removeprefix("a=mid:")
        if line.startswith("a=candidate:"):
            found.append((line.removeprefix("a="), len(mids) - 1))
        elif line != "a=end-of-candidates":
            kept.append(line)
    return "\r\n".join(kept) + "\r\n", [LocalCandidate(text, mids[index], index) for text, index in found]
