"""The WebRTC peer: answers a streamer's offer, carries channels and video, and detects their end."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING

from aiortc import RTCSessionDescription

from odyssey_ros.client.channel_limits import limit_channels
from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import (
    OdysseyConfigurationError,
    OdysseyConnectionError,
    OdysseyStreamError,
)
from odyssey_ros.client.ice import parse_candidate
from odyssey_ros.client.message_allowance import MessageAllowance
from odyssey_ros.client.peer_connection import PeerConnection
from odyssey_ros.client.receiver_tap import PacketStatistics
from odyssey_ros.client.service_text import error_text
from odyssey_ros.client.tasks import TaskOwner
from odyssey_ros.client.video_receiver import VideoReceiver

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiortc import RTCDataChannel

    from odyssey_ros.client.frames import FramePipeline
    from odyssey_ros.client.ice import IceServer
    from odyssey_ros.client.signaling import RemoteCandidate

logger = logging.getLogger(__name__)

SEND_CHANNEL = "clientToStreamer"
RECEIVE_CHANNEL = "streamerToClient"

MAX_MESSAGE_LENGTH = 1 << 20
"""Characters of a message from the streamer; a longer one is ignored."""

_MAX_MESSAGE_SIZE = re.compile(r"^a=max-message-size:(\d{1,12})\s*$", re.MULTILINE)
_DEFAULT_MAX_MESSAGE_SIZE = 65536


def max_message_size(sdp: str) -> int | None:
    """Return the maximum size in bytes of a data channel message to the sender of a description.

    None means no limit. Source: RFC 8841, section 6: 64 KiB without the attribute, no limit with the value 0.
    """
    match = _MAX_MESSAGE_SIZE.search(sdp)
    size = _DEFAULT_MAX_MESSAGE_SIZE if match is None else int(match.group(1))
    return size or None


class Peer:
    """One peer connection. Callbacks are called on the loop, and not after `close`.

    Args:
        servers: ICE servers; an empty sequence uses none.
        loopback_only: Whether media stays on loopback.
        frames: Reads the frames of the first video track until it ends. Other tracks are not received.
        on_message: Called with each text on the channel from the streamer.
        on_ready: Called once, when there is a video track and the channel to the streamer is open.
        on_lost: Called once, when the connection fails, is closed by the other side, or loses its track or a
            channel.

    Attributes:
        reply_channel_open: Set when the channel from the streamer is open.
    """

    def __init__(
        self,
        servers: Sequence[IceServer],
        *,
        loopback_only: bool,
        frames: FramePipeline,
        on_message: Callable[[str], None],
        on_ready: Callable[[], None],
        on_lost: Callable[[OdysseyConnectionError], None],
    ) -> None:
        self._frames = frames
        self._on_message = on_message
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._connection = PeerConnection(servers, loopback_only=loopback_only)
        self._connection.on("connectionstatechange", self._connection_state_changed)
        self._connection.on("connectfailed", lambda _error: self._lost("No media connection could be made"))
        self._connection.on("datachannel", self._channel_added)
        self._tasks = TaskOwner(self._task_failed)
        self._allowance = MessageAllowance()
        self._send_channel: RTCDataChannel | None = None
        self.reply_channel_open = asyncio.Event()
        self._receiver: VideoReceiver | None = None
        self._ready = False
        self._ended = False
        self._max_message_size: int | None = _DEFAULT_MAX_MESSAGE_SIZE

    @property
    def packets(self) -> PacketStatistics:
        """Return the counts of the packets of the video."""
        return PacketStatistics() if self._receiver is None else self._receiver.packets

    async def answer(self, offer: str) -> str:
        """Accept an offer, gather candidates, and return the answer with all candidates.

        Raises:
            OdysseyConnectionError: The offer is invalid, or exceeds the limits of a description.
            OdysseyConfigurationError: The installed aiortc is not supported.
        """
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
            receiver = self._connection.select_video()
            if self._connection.sctp is None or receiver is None:
                raise ValueError("no video, or no data channels")
            limit_channels(self._connection.sctp, self._limit_exceeded)
            video = VideoReceiver(receiver, self._frames, self._end, decoding=self._frames.decoding)
            self._receiver = video
            self._tasks.spawn(self._video(video), "odyssey-video")
            self._tasks.spawn(video.send_requests(), "odyssey-key-frame-requests")
            await self._connection.setLocalDescription(await self._connection.createAnswer())
        except (OdysseyConnectionError, OdysseyConfigurationError):
            raise
        except Exception as error:  # aiortc raises many kinds for an invalid description
            logger.debug("Invalid offer", exc_info=True)
            raise OdysseyConnectionError(
                f"The streamer's offer cannot be used ({type(error).__name__})",
                code=ErrorCode.INVALID_RESPONSE,
            ) from None
        self._max_message_size = max_message_size(offer)
        return self._connection.localDescription.sdp

    async def add_candidate(self, remote: RemoteCandidate) -> None:
        """Add an ICE candidate of the streamer, after `answer`. Log and ignore an invalid one."""
        if not remote.candidate:
            return
        candidate = parse_candidate(remote.candidate, remote.sdp_mid, remote.sdp_mline_index)
        if candidate is None:
            logger.warning("Ignoring a malformed ICE candidate")
            return
        try:
            await self._connection.addIceCandidate(candidate)
        except (ValueError, OSError) as error:
            logger.warning("Ignoring an ICE candidate: %s", error_text(str(error)))

    def can_send(self, text: str) -> bool:
        """Return whether the channel to the streamer is open and accepts a message of this size."""
        if self._send_channel is None or self._send_channel.readyState != "open":
            return False
        return self._max_message_size is None or len(text.encode()) <= self._max_message_size

    def send(self, text: str) -> None:
        """Send a text to the streamer.

        Raises:
            OdysseyStreamError: The channel is not open, or the text exceeds the streamer's limit.
        """
        if self._send_channel is None or self._send_channel.readyState != "open":
            raise OdysseyStreamError("The channel to the streamer is closed", code=ErrorCode.CHANNEL_CLOSED)
        if not self.can_send(text):
            raise OdysseyStreamError(
                f"The message exceeds the streamer's limit of {self._max_message_size} bytes; shorten it",
                code=ErrorCode.MESSAGE_TOO_LONG,
            )
        self.expect_reply()
        self._send_channel.send(text)

    def expect_reply(self) -> None:
        """Allow the streamer one message more, as a reply to a request that was sent on another way."""
        self._allowance.expect_reply()

    async def close(self) -> None:
        """Close the connection and end its tasks and threads."""
        self._ended = True
        try:
            await self._connection.close()
        finally:
            await self._tasks.close()

    def _connection_state_changed(self) -> None:
        state = self._connection.connectionState
        logger.debug("Peer connection is %s", state)
        if state == "failed":
            self._lost("The media connection failed" if self._ready else "No media connection could be made")
        elif state == "closed":
            self._lost("The streamer closed the media connection")

    def _channel_added(self, channel: RTCDataChannel) -> None:
        if channel.label == SEND_CHANNEL:
            self._send_channel = channel
            channel.on("open", self._check_ready)
            channel.on("close", lambda: self._lost("The channel to the streamer closed"))
            self._check_ready()
        elif channel.label == RECEIVE_CHANNEL:
            # aiortc announces a channel of the other side once it is open.
            self.reply_channel_open.set()
            channel.on("message", self._message)
            channel.on("close", lambda: self._lost("The channel from the streamer closed"))
        else:
            logger.debug("Ignoring a data channel with an unknown label")

    def _message(self, data: str | bytes) -> None:
        if self._ended:
            return
        if not self._allowance.take(len(data)):
            self._limit_exceeded("The streamer sends too many messages")
        elif isinstance(data, str):
            if len(data) > MAX_MESSAGE_LENGTH:
                logger.warning("Ignoring a message of the streamer of %d characters", len(data))
            else:
                self._on_message(data)
        else:
            logger.warning("Ignoring a binary message from the streamer")

    def _check_ready(self) -> None:
        channel_open = self._send_channel is not None and self._send_channel.readyState == "open"
        if self._receiver is not None and channel_open and not self._ready and not self._ended:
            self._ready = True
            self._on_ready()

    def _lost(self, reason: str) -> None:
        self._end(OdysseyConnectionError(reason, code=ErrorCode.MEDIA_LOST))

    def _limit_exceeded(self, reason: str) -> None:
        self._end(OdysseyConnectionError(reason, code=ErrorCode.INVALID_RESPONSE))

    def _end(self, error: OdysseyConnectionError) -> None:
        if not self._ended:
            self._ended = True
            self._on_lost(error)

    def _task_failed(self, error: Exception) -> None:
        logger.error("A task of the peer failed", exc_info=error)
        self._lost(f"Receiving failed ({type(error).__name__})")

    async def _video(self, video: VideoReceiver) -> None:
        await self._frames.consume(video)
        self._lost("The video track ended")
