"""The spectator of a broadcast, which connects over WHEP. Needs no API key."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiortc import RTCSessionDescription

from odyssey_ros.client.callbacks import CallbackObserver
from odyssey_ros.client.config import AdvancedConfig
from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import (
    OdysseyConnectionError,
    OdysseyError,
)
from odyssey_ros.client.frames import FramePipeline, wait_for_standstill
from odyssey_ros.client.observer import GuardedObservers
from odyssey_ros.client.peer_connection import PeerConnection
from odyssey_ros.client.tasks import TaskOwner, uninterrupted, within
from odyssey_ros.client.types import ClientStatistics
from odyssey_ros.client.video_receiver import VideoReceiver
from odyssey_ros.client.whep import WhepClient, WhepEndpoint

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection

    from odyssey_ros.client.callbacks import (
        DecodedFrameCallback,
        DisconnectedCallback,
        EncodedFrameCallback,
        VideoFrameCallback,
    )
    from odyssey_ros.client.observer import ClientObserver

logger = logging.getLogger(__name__)


class SpectatorConnection:
    """The connection of a spectator to a broadcast, created by `connect_to_stream`.

    Args:
        endpoint: The addresses of the broadcast.
        observer: Receives the frames and the disconnection.
        config: Timeouts.
        whep: Makes the requests; the connection closes it.
    """

    def __init__(
        self,
        endpoint: WhepEndpoint,
        observer: ClientObserver,
        config: AdvancedConfig,
        whep: WhepClient,
    ) -> None:
        self._endpoint = endpoint
        self._observer = observer
        self._config = config
        self._whep = whep
        self._frames = FramePipeline(observer)
        self._tasks = TaskOwner(self._task_failed)
        self._peer: PeerConnection | None = None
        self._connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closing: asyncio.Task[None] | None = None

    @property
    def is_connected(self) -> bool:
        """Return whether the connection is established and not closing."""
        return self._closing is None and self._connected.done()

    @property
    def frames_skipped(self) -> int:
        """Return the number of frames that were to be decoded and were not; see `ClientStatistics`."""
        return self._frames.skipped

    @property
    def statistics(self) -> ClientStatistics:
        """Return the counters of frames since the creation of the connection; the other counters are 0."""
        return self._frames.add_counts(ClientStatistics())

    @property
    def peer_connection(self) -> RTCPeerConnection | None:
        """Return the peer connection; None before it exists."""
        return self._peer

    async def open(self) -> None:
        """Connect. Used by `connect_to_stream`; after a failure everything is closed.

        Raises:
            OdysseyError: The reason of the failure.
        """
        try:
            await within(self._config.connect_timeout_s, self._open())
        except asyncio.TimeoutError:
            await uninterrupted(self.close())
            raise OdysseyConnectionError(
                f"No video connection within {self._config.connect_timeout_s:g} s", code=ErrorCode.TIMEOUT
            ) from None
        except BaseException:
            await uninterrupted(self.close())
            raise

    def set_decoding(self, enabled: bool) -> None:
        """Turn the decoding of frames on or off; see `Odyssey.set_decoding`. Call it on the loop."""
        self._frames.set_decoding(enabled=enabled)

    def request_key_frame(self) -> None:
        """Ask the sender for a key frame; see `Odyssey.request_key_frame`. Call it on the loop."""
        self._frames.request_key_frame()

    async def close(self) -> None:
        """Leave the broadcast, without a call of `on_disconnected`. May be called any number of times."""
        await asyncio.wait({self._start_closing(delete_session=True)})

    async def __aenter__(self) -> SpectatorConnection:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def _open(self) -> None:
        self._peer = peer = PeerConnection(
            await self._whep.ice_servers(), loopback_only=self._endpoint.is_loopback
        )
        peer.on("connectionstatechange", self._state_changed)
        peer.addTransceiver("video", direction="recvonly")
        peer.addTransceiver("audio", direction="recvonly")
        try:
            await peer.setLocalDescription(await peer.createOffer())
        except Exception as error:  # aioice raises many kinds for servers that it cannot use
            logger.debug("No offer", exc_info=True)
            raise OdysseyConnectionError(
                f"No offer can be made with the ICE configuration ({type(error).__name__})",
                code=ErrorCode.INVALID_RESPONSE,
            ) from None
        answer = await self._whep.post_offer(peer.localDescription.sdp)
        try:
            await peer.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
        except OdysseyConnectionError:
            raise
        except Exception as error:  # aiortc raises many kinds for an invalid description
            logger.debug("Invalid answer", exc_info=True)
            raise OdysseyConnectionError(
                f"The server's answer is invalid ({type(error).__name__})", code=ErrorCode.INVALID_RESPONSE
            ) from None
        receiver = peer.select_video()
        if receiver is None:
            raise OdysseyConnectionError("The server sends no video", code=ErrorCode.INVALID_RESPONSE)
        video = VideoReceiver(receiver, self._frames, self._lost, decoding=self._frames.decoding)
        self._tasks.spawn(self._video(video), "odyssey-spectator-video")
        if self._frames.converter is not None:
            self._tasks.spawn(self._frames.converter.run(), "odyssey-convert")
        # Not awaited directly: a cancellation would complete the future, as an established connection does.
        await asyncio.wait({self._connected})
        self._connected.result()
        video.request_key_frame()  # a broadcast is joined between two key frames
        self._tasks.spawn(video.send_requests(), "odyssey-key-frame-requests")
        if self._config.frame_timeout_s is not None:
            self._tasks.spawn(self._watch_frames(self._config.frame_timeout_s), "odyssey-frame-watch")

    def _state_changed(self) -> None:
        state = "closed" if self._peer is None else self._peer.connectionState
        if state == "connected" and not self._connected.done():
            self._connected.set_result(None)
        elif state in {"failed", "closed"}:
            self._lost(OdysseyConnectionError("The media connection ended", code=ErrorCode.MEDIA_LOST))

    def _lost(self, error: OdysseyError) -> None:
        if self._closing is not None:
            return
        if not self._connected.done():
            self._connected.set_exception(error)
            return
        logger.info("The broadcast ended: %s", error)
        # The server has already ended the WHEP session, or is unreachable.
        self._start_closing(delete_session=False)
        self._observer.disconnected(error)

    def _task_failed(self, error: Exception) -> None:
        logger.error("A task of the spectator failed", exc_info=error)
        self._lost(OdysseyConnectionError(f"Receiving failed ({type(error).__name__})"))

    async def _video(self, video: VideoReceiver) -> None:
        await self._frames.consume(video)
        self._lost(OdysseyConnectionError("The video track ended", code=ErrorCode.MEDIA_LOST))

    async def _watch_frames(self, timeout_s: float) -> None:
        await wait_for_standstill(timeout_s, lambda: self._frames.passed)
        self._lost(self._frames.frozen(timeout_s))

    def _start_closing(self, *, delete_session: bool) -> asyncio.Task[None]:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(
                self._release(delete_session=delete_session), name="odyssey-spectator-close"
            )
        return self._closing

    async def _release(self, *, delete_session: bool) -> None:
        if self._connected.done():
            self._connected.exception()  # marked as retrieved
        try:
            if self._peer is not None:
                await self._peer.close()
            await self._tasks.close()
            if delete_session:
                await self._whep.delete_session()
        finally:
            await self._whep.close()


async def connect_to_stream(
    webrtc_url: str,
    spectator_token: str,
    on_video_frame: VideoFrameCallback | None = None,
    on_disconnected: DisconnectedCallback | None = None,
    debug: bool = False,
    *,
    on_decoded_frame: DecodedFrameCallback | None = None,
    on_encoded_frame: EncodedFrameCallback | None = None,
    observer: ClientObserver | None = None,
    advanced: AdvancedConfig | None = None,
    allow_insecure: bool = False,
) -> SpectatorConnection:
    """Watch a broadcast. Needs no API key.

    Args:
        webrtc_url: `BroadcastInfo.webrtc_url`.
        spectator_token: `BroadcastInfo.spectator_token`.
        on_video_frame: Called with the newest frame, converted to RGB.
        on_disconnected: Called once when the broadcast ends or the connection is lost, and not when the
            spectator leaves.
        debug: Whether this package's loggers emit DEBUG records.
        on_decoded_frame: Called with every frame as soon as it is decoded, without conversion.
        on_encoded_frame: Called with every frame as soon as it has arrived, as it was encoded. Frames are
            decoded only for the other two callbacks, or after `SpectatorConnection.set_decoding`.
        observer: Receives the same events, and the error that ended the broadcast.
        advanced: Timeouts; retries do not apply. No frame for `frame_timeout_s` counts as a loss.
        allow_insecure: Whether the token may be sent over http to another machine. A warning is logged then.

    Returns:
        The established connection. `await connection.close()` leaves the broadcast.

    Raises:
        OdysseyAuthError: The token was refused.
        OdysseyNotFoundError: The broadcast does not exist.
        OdysseyConnectionError: The server is unreachable, or no media connection was established.
        OdysseyArgumentError: The URL is invalid, or insecure and not allowed.
        OdysseyConfigurationError: A variable of the environment cannot be used, or the proxy refuses it.
    """
    if debug:
        logging.getLogger("odyssey_ros.client").setLevel(logging.DEBUG)
    config = advanced or AdvancedConfig()
    endpoint = WhepEndpoint.parse(webrtc_url, spectator_token, allow_insecure=allow_insecure)
    callbacks = CallbackObserver(
        {"on_video_frame": on_video_frame, "on_disconnected": on_disconnected},
        on_decoded_frame,
        on_encoded_frame,
    )
    observers = GuardedObservers(callbacks) if observer is None else GuardedObservers(callbacks, observer)
    connection = SpectatorConnection(endpoint, observers, config, WhepClient(endpoint, config))
    await connection.open()
    return connection
