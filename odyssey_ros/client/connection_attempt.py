"""One connection to one session: a signaling socket and a peer, until either is lost."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import OdysseyConfigurationError, OdysseyConnectionError, OdysseyError
from odyssey_ros.client.frames import wait_for_standstill
from odyssey_ros.client.ice import PUBLIC_STUN
from odyssey_ros.client.peer import Peer
from odyssey_ros.client.receiver_tap import PacketStatistics
from odyssey_ros.client.signaling import Offer, RemoteCandidate, ServerError, Signaling
from odyssey_ros.client.tasks import TaskOwner, within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.client.config import AdvancedConfig
    from odyssey_ros.client.frames import FramePipeline
    from odyssey_ros.client.http_api import HttpApi
    from odyssey_ros.client.ice import IceServer
    from odyssey_ros.client.session_access import SessionAccess
    from odyssey_ros.client.stream import StreamControl

logger = logging.getLogger(__name__)

# After these failures the session cannot be used again.
SESSION_ENDED_CODES = frozenset(
    {ErrorCode.STREAMER_NOT_AVAILABLE, ErrorCode.DURATION_LIMIT_REACHED, ErrorCode.SESSION_NOT_FOUND}
)

# A streamer with ten interfaces, two IP versions and a relay has fewer than 50.
_MAX_CANDIDATES = 256

_SERVER_ERRORS = {
    "streamer_not_available": (ErrorCode.STREAMER_NOT_AVAILABLE, "The streamer is not available"),
    "streamer_disconnected": (ErrorCode.STREAMER_DISCONNECTED, "The streamer disconnected"),
    "duration_limit_reached": (
        ErrorCode.DURATION_LIMIT_REACHED,
        "Connection exceeded maximum allowed duration",
    ),
}


class ConnectionAttempt:
    """A connection to one session. The owner must call `close` in any case.

    Args:
        session: The session to connect to.
        api: Fetches the ICE configuration.
        frames: Reads the video.
        stream: Processes the streamer's messages.
        config: Timeouts and intervals.

    Attributes:
        session: The session.
        lost: Completes with the reason when the connection is lost or closed.
    """

    def __init__(
        self,
        session: SessionAccess,
        api: HttpApi,
        frames: FramePipeline,
        stream: StreamControl,
        config: AdvancedConfig,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.session = session
        self.lost: asyncio.Future[OdysseyError] = loop.create_future()
        self._api = api
        self._frames = frames
        self._stream = stream
        self._config = config
        self._ready: asyncio.Future[None] = loop.create_future()
        self._signaling: Signaling | None = None
        self._peer: Peer | None = None
        self._early_candidates: list[RemoteCandidate] = []
        self._tasks = TaskOwner(self._task_failed)
        self._reply_channel_wait: asyncio.Task[None] | None = None
        self._stage = "the ICE configuration"

    async def open(self) -> None:
        """Connect, and return when there is a video track and the channel to the streamer is open.

        Raises:
            OdysseyAuthError: The server refused the session's token.
            OdysseyConnectionError: The attempt failed or timed out.
        """
        try:
            await within(self._config.connect_timeout_s, self._open())
        except asyncio.TimeoutError:
            raise OdysseyConnectionError(
                f"No connection within {self._config.connect_timeout_s:g} s: still waiting for {self._stage}",
                code=ErrorCode.TIMEOUT,
            ) from None

    def can_send(self, text: str) -> bool:
        """See `StreamTransport`."""
        return self._peer is not None and self._peer.can_send(text)

    def send(self, text: str) -> None:
        """See `StreamTransport`."""
        if self._peer is not None:
            self._peer.send(text)
            self._require_reply_channel(self._peer)

    async def send_by_signaling(self, text: str) -> None:
        """See `StreamTransport`."""
        if self._signaling is not None and self._peer is not None:
            self._peer.expect_reply()
            await self._signaling.send_text(text)
            self._require_reply_channel(self._peer)

    @property
    def packets(self) -> PacketStatistics:
        """Return the counts of the packets of the video."""
        return PacketStatistics() if self._peer is None else self._peer.packets

    async def close(self) -> None:
        """Close the socket and the peer, and end their tasks."""
        self._set_lost(OdysseyConnectionError("Connection closed", code=ErrorCode.CLOSED))
        await self._tasks.close()
        try:
            if self._peer is not None:
                await self._peer.close()
        finally:
            if self._signaling is not None:
                await self._signaling.close()

    async def _open(self) -> None:
        servers = await self._ice_servers()
        self._stage = "the signaling server"
        self._signaling = await Signaling.connect(
            self.session.endpoint,
            self.session.session_id,
            self.session.token,
            open_timeout_s=self._config.request_timeout_s,
            close_timeout_s=self._config.close_timeout_s,
        )
        self._stage = "the streamer's offer"
        self._tasks.spawn(self._receive(self._signaling, servers), "odyssey-signaling")
        self._tasks.spawn(self._signaling.keep_alive(self._config.keepalive_interval_s), "odyssey-keepalive")
        waiting: set[asyncio.Future[Any]] = {self._ready, self.lost}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if self.lost.done():
            raise self.lost.result()
        if self._config.frame_timeout_s is not None:
            self._tasks.spawn(self._watch_frames(self._config.frame_timeout_s), "odyssey-frame-watch")

    async def _ice_servers(self) -> Sequence[IceServer]:
        endpoint = self.session.endpoint
        try:
            return await self._api.ice_servers(endpoint.http_base)
        except OdysseyConfigurationError:
            raise
        except OdysseyError as error:
            if endpoint.is_loopback:
                return ()
            logger.warning("Cannot fetch the ICE configuration; using a public STUN server: %s", error)
            return PUBLIC_STUN

    async def _receive(self, signaling: Signaling, servers: Sequence[IceServer]) -> None:
        candidates = 0
        while True:
            message = await signaling.receive()
            if isinstance(message, ServerError):
                code, text = _SERVER_ERRORS.get(
                    message.reason, (ErrorCode.CONNECTION_FAILED, f"Server error: {message.reason}")
                )
                raise OdysseyConnectionError(text, code=code, reason=message.reason)
            if isinstance(message, RemoteCandidate):
                candidates += 1
                if candidates > _MAX_CANDIDATES:
                    logger.debug("Ignoring an ICE candidate after the first %d", _MAX_CANDIDATES)
                elif self._peer is None:
                    self._early_candidates.append(message)
                else:
                    await self._peer.add_candidate(message)
            elif isinstance(message, Offer):
                await self._answer(signaling, message, servers)

    async def _answer(self, signaling: Signaling, offer: Offer, servers: Sequence[IceServer]) -> None:
        if self._ready.done():
            raise OdysseyConnectionError("The streamer restarted", code=ErrorCode.STREAMER_RESTARTED)
        if self._peer is not None:
            await self._peer.close()
        peer = Peer(
            servers,
            loopback_only=self.session.endpoint.is_loopback,
            frames=self._frames,
            on_message=self._receive_streamer_message,
            on_ready=self._set_ready,
            on_lost=self._set_lost,
        )
        self._peer = peer
        answer = await peer.answer(offer.sdp)
        self._stage = "the media connection"
        for candidate in self._early_candidates:
            await peer.add_candidate(candidate)
        self._early_candidates.clear()
        await signaling.send_answer(answer)

    def _receive_streamer_message(self, text: str) -> None:
        # Ignore late messages of a lost connection.
        if not self.lost.done():
            self._stream.handle(text)

    def _require_reply_channel(self, peer: Peer) -> None:
        """Start a bounded wait for the channel from the streamer, which carries the replies.

        The channel is not required for being connected, so its absence is checked only after a request.
        """
        if self._reply_channel_wait is None and not peer.reply_channel_open.is_set():
            self._reply_channel_wait = self._tasks.spawn(
                self._wait_for_channel(peer), "odyssey-reply-channel"
            )

    async def _wait_for_channel(self, peer: Peer) -> None:
        timeout_s = self._config.connect_timeout_s
        try:
            await within(timeout_s, peer.reply_channel_open.wait())
        except asyncio.TimeoutError:
            raise OdysseyConnectionError(
                f"The streamer has not opened its channel to the client within {timeout_s:g} s",
                code=ErrorCode.CHANNEL_MISSING,
            ) from None

    async def _watch_frames(self, timeout_s: float) -> None:
        def sample() -> object:
            since = self._stream.frames_expected_since
            return None if since is None else (since, self._frames.last_arrival_ns)

        await wait_for_standstill(timeout_s, sample)
        raise self._frames.frozen(timeout_s)

    def _set_ready(self) -> None:
        if not self._ready.done():
            self._ready.set_result(None)

    def _set_lost(self, error: OdysseyError) -> None:
        if not self.lost.done():
            self.lost.set_result(error)

    def _task_failed(self, error: Exception) -> None:
        if not isinstance(error, OdysseyError):
            logger.error("A task of the connection failed", exc_info=error)
            error = OdysseyConnectionError(f"The connection failed ({type(error).__name__})")
        self._set_lost(error)
