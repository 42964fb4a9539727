"""The streamer of one session: serves start, update and end requests and applies the limits of streams."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING

from odyssey_ros.emulator.faults import (
    ExtraTracks,
    NoChannel,
    NoTrack,
    ReplyDelay,
    ReplyDrop,
    Request,
    RequestClose,
    StreamRefusal,
)
from odyssey_ros.emulator.faults.receiver_faults import ReceiverFaults
from odyssey_ros.emulator.http.json_fields import InvalidFieldError
from odyssey_ros.emulator.images import InvalidImageError, decode_data_url
from odyssey_ros.emulator.messages import (
    ChannelMessage,
    EndStream,
    StartStream,
    UpdateStream,
    encode,
    parse_channel_message,
)
from odyssey_ros.emulator.peer import CLIENT_TO_STREAMER, STREAMER_TO_CLIENT, StreamerPeer
from odyssey_ros.emulator.prompts import applied_prompt
from odyssey_ros.emulator.running_stream import RunningStream, make_stream
from odyssey_ros.emulator.session_status import StreamerStatus, StreamStatus
from odyssey_ros.emulator.sessions import Ending, Session
from odyssey_ros.emulator.stream import StreamEndedError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    import numpy as np
    from aiortc.rtcdtlstransport import RTCDtlsTransport
    from numpy.typing import NDArray

    from odyssey_ros.emulator.faults import Receiver
    from odyssey_ros.emulator.media.video_track import EncodedVideoTrack
    from odyssey_ros.emulator.service_context import ServiceContext

logger = logging.getLogger(__name__)

_MAX_WAITING_REQUESTS = 32

_LEAVE_SECONDS = 3.0
"""A client that leaves closes its peer first and its socket soon after; after this time the peer is lost."""


@dataclass(frozen=True, slots=True)
class _ServiceEnd:
    """The service itself ends a stream.

    With a reason, an `interactive_stream_error` is sent first.

    Attributes:
        cause: the reason in the recording.
        stream_id: the stream to end; None for the running one.
        reason: reason of the `interactive_stream_error`, or None.
        message: its text.
        announce: whether to send `stream_ended`.
    """

    cause: str
    stream_id: str | None = None
    reason: str | None = None
    message: str = ""
    announce: bool = True


@dataclass(frozen=True, slots=True)
class _StreamStopped:
    """The thread of a stream has stopped."""

    stream_id: str


_Request = ChannelMessage | _ServiceEnd | _StreamStopped


class StreamRefusedError(Exception):
    """A request about a stream is answered by `interactive_stream_error`.

    Attributes:
        reason: the stable reason.
        message: a description for the user.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message


class Streamer:
    """Serves one connected client. Belongs to one event loop.

    Requests are served one after the other, in the order of their arrival on either transport.

    Args:
        context: the parts of the service.
        session: the session to serve; the streamer ends its connection when the client's peer is lost.
    """

    def __init__(self, context: ServiceContext, session: Session) -> None:
        self._context = context
        self._config = context.config
        self._session = session
        self._counters = context.counters
        self._faults = context.faults
        self._media_epoch = context.monotonic()
        self._requests: asyncio.Queue[_Request] = asyncio.Queue()
        self._images_waiting = 0
        self._running: RunningStream | None = None
        self.idle_since: float = context.monotonic()
        self.peer = self._make_peer()
        self._receiver_faults: ReceiverFaults | None = None
        self._ending: asyncio.Task[None] | None = None
        self._peer_lost_timer: asyncio.TimerHandle | None = None
        self._worker = asyncio.create_task(self._serve_requests(), name="odyssey-streamer")

    @property
    def running(self) -> RunningStream | None:
        """The running stream, or None."""
        return self._running

    def status(self) -> StreamerStatus:
        """Return a snapshot of the streamer."""
        running, stream = self._running, None
        if running is not None:
            stream = StreamStatus(
                stream_id=running.stream_id,
                prompt=running.prompt,
                portrait=running.portrait,
                started_at=running.started_at,
                frames_made=running.stream.frames_made,
                frames_skipped=running.stream.frames_skipped,
            )
        return StreamerStatus(
            codec=self.peer.codec,
            frames_sent=self.peer.video.frames_sent,
            frames_dropped=self.peer.video.frames_dropped,
            stream=stream,
        )

    def receive(self, text: str | bytes) -> None:
        """Queue the request in a text from the `clientToStreamer` channel."""
        try:
            message = parse_channel_message(text)
        except InvalidFieldError as error:
            self._counters["channel_messages_malformed"] += 1
            self._refuse(StreamRefusedError("invalid_request", str(error)))
            return
        if message is None:
            self._counters["channel_messages_unknown"] += 1
            return
        self.submit(message)

    def submit(self, message: ChannelMessage) -> None:
        """Queue a request; the answer goes to the `streamerToClient` channel.

        When too many requests wait, or more than one of them has an image, the request is refused.
        """
        has_image = isinstance(message, StartStream) and message.image is not None
        if self._requests.qsize() >= _MAX_WAITING_REQUESTS or (has_image and self._images_waiting):
            self._refuse(StreamRefusedError("too_many_requests", "Too many requests wait; wait for answers"))
            return
        self._images_waiting += has_image
        self._requests.put_nowait(message)

    def end_stream(self, reason: str | None = None, message: str = "") -> None:
        """End the running stream without a request of the client.

        Args:
            reason: reason of an `interactive_stream_error` that is sent before `stream_ended`; None to send
                `stream_ended` only.
            message: the text of the `interactive_stream_error`.
        """
        self._requests.put_nowait(_ServiceEnd("service", reason=reason, message=message))

    def peers_connected(self) -> None:
        """Apply the faults of frames and packets from now on; called once when the peers have connected."""
        if self.peer.sender is not None:
            self._receiver_faults = self._apply_faults("client", self.peer.video, self.peer.sender.transport)

    def _apply_faults(
        self, receiver: Receiver, track: EncodedVideoTrack, transport: RTCDtlsTransport
    ) -> ReceiverFaults:
        return ReceiverFaults(
            registry=self._faults,
            moments=self._session.moments,
            receiver=receiver,
            track=track,
            codec=self.peer.codec,
            transport=transport,
            counters=self._counters,
        )

    async def close(self) -> None:
        """End the stream and close the peer."""
        self._worker.cancel()
        await asyncio.gather(self._worker, return_exceptions=True)
        await self._stop("disconnected")
        if self._receiver_faults is not None:
            self._receiver_faults.close()
        await self.peer.close()
        if self._peer_lost_timer is not None:
            # The session may have a new connection, which this timer must not end.
            self._peer_lost_timer.cancel()

    def _make_peer(self) -> StreamerPeer:
        moments = self._session.moments
        missing = self._faults.take(NoChannel, moments)
        extra = self._faults.take(ExtraTracks, moments)
        return StreamerPeer(
            codec=self._config.codec,
            ice_servers=self._config.ice_servers,
            media_addresses=self._config.media_addresses,
            on_message=self.receive,
            on_lost=self._peer_lost,
            labels=tuple(
                label
                for label in (CLIENT_TO_STREAMER, STREAMER_TO_CLIENT)
                if missing is None or label != missing.label
            ),
            with_track=self._faults.take(NoTrack, moments) is None,
            extra_tracks=0 if extra is None else extra.tracks,
        )

    async def _serve_requests(self) -> None:
        while True:
            request = await self._requests.get()
            self._images_waiting -= isinstance(request, StartStream) and request.image is not None
            try:
                await self._serve(request)
            except StreamRefusedError as refusal:
                self._refuse(refusal)
            except Exception:
                logger.exception("A stream failed; the client gets interactive_stream_error internal_error")
                self._refuse(StreamRefusedError("internal_error", "The stream failed"))
                await self._stop("failed")

    async def _serve(self, request: _Request) -> None:
        if isinstance(request, StartStream):
            if not self._closed_by_fault("start"):
                await self._start(request)
        elif isinstance(request, UpdateStream):
            if not self._closed_by_fault("update"):
                await self._update(request)
        elif isinstance(request, EndStream):
            if self._closed_by_fault("end"):
                return
            # An end without a running stream is no error: the client gets the state that it asked for.
            await self._stop("client")
            await self._reply("end", "stream_ended")
        elif self._running is not None and request.stream_id in {None, self._running.stream_id}:
            if isinstance(request, _StreamStopped):
                await self._running.stream.finished()
            else:
                await self._end_by_service(request)

    def _closed_by_fault(self, request: Request) -> bool:
        """Apply the faults that keep a request from being processed; return whether the connection ends.

        Raises:
            StreamRefusedError: A fault refuses the request.
        """
        moments = self._session.moments
        close = self._faults.take(RequestClose, moments, lambda fault: fault.request == request)
        if close is not None:
            self._session.end(Ending(close.code, close.reason))
            return True
        refusal = self._faults.take(StreamRefusal, moments, lambda fault: fault.request == request)
        if refusal is not None:
            raise StreamRefusedError(refusal.reason, refusal.message)
        return False

    async def _start(self, request: StartStream) -> None:
        self._counters["starts"] += 1
        self._check_start(request)
        seed_image = None if request.image is None else await self._decode(request.image)
        running = make_stream(
            self._context,
            self._session,
            request,
            codec=self.peer.codec,
            media_time=lambda: self._context.monotonic() - self._media_epoch,
            seed_image=seed_image,
        )
        self._running = running
        stream = running.stream
        stream.video.attach(self.peer.video)
        applied = applied_prompt(request.prompt, bypass_expansion=request.bypass_expansion)
        late: list[Awaitable[None]] = []

        def announce() -> None:
            running.started_at = self._context.monotonic()
            self._session.moments.started = running.started_at
            self._faults.notify()
            self._set_timers(running, broadcast=request.broadcast)
            late.extend(
                self._reply_soon(
                    "start", "stream_started", stream_id=running.stream_id, applied_prompt=applied
                )
            )

        # Announced before the first frame, so that clients can label this frame.
        await stream.start(announce)
        stream.watch(lambda: self._requests.put_nowait(_StreamStopped(running.stream_id)))
        for reply in late:
            await reply

    def _check_start(self, request: StartStream) -> None:
        account, limit_hours = self._session.account, self._config.limits.monthly_hours
        if self._running is not None:
            raise StreamRefusedError("stream_already_active", "A stream is running; end it first")
        if request.bypass_expansion and not account.may_bypass_expansion:
            raise StreamRefusedError("bypass_not_allowed", "This account may not bypass prompt expansion")
        if limit_hours is not None and self._context.accounts.streamed_hours(account) >= limit_hours:
            raise StreamRefusedError("quota_exceeded", "The monthly streaming hours are used up")
        if request.image is not None and not self._config.image_to_video:
            raise StreamRefusedError("image_to_video_not_supported", "This model takes no images")

    async def _decode(self, image: str) -> NDArray[np.uint8]:
        try:
            return await asyncio.to_thread(decode_data_url, image, self._config.limits.image_bytes)
        except InvalidImageError as error:
            raise StreamRefusedError("invalid_image", str(error)) from error

    def _set_timers(self, running: RunningStream, *, broadcast: bool) -> None:
        loop = asyncio.get_running_loop()
        max_seconds = self._config.limits.stream_seconds
        if max_seconds is not None:
            end = _ServiceEnd(
                "limit",
                stream_id=running.stream_id,
                reason="session_timeout",
                message=f"The stream reached its limit of {max_seconds:g} seconds",
            )
            running.timers.append(loop.call_later(max_seconds, self._requests.put_nowait, end))
        if broadcast:
            self._context.broadcasts.open(
                running.stream_id,
                running.stream.video,
                self.peer.codec,
                partial(self._apply_faults, "spectators"),
            )
            running.timers.append(
                loop.call_later(self._config.broadcast_seconds, self._announce_broadcast, running.stream_id)
            )

    def _announce_broadcast(self, stream_id: str) -> None:
        lifetime = self._config.limits.session_token_seconds
        self._send(
            "broadcast_ready",
            broadcast_url=None,
            webrtc_url=f"{self._session.base_url}/live/{stream_id}",
            spectator_token=self._context.tokens.issue("spectator", stream_id, lifetime),
        )

    async def _update(self, request: UpdateStream) -> None:
        self._counters["updates"] += 1
        running = self._running
        if running is None:
            raise StreamRefusedError("no_active_stream", "No stream is running; start one first")
        if not request.prompt.strip():
            raise StreamRefusedError("invalid_request", "The prompt is empty")
        applied = applied_prompt(request.prompt, bypass_expansion=running.bypass_expansion)
        late: list[Awaitable[None]] = []

        def acknowledge() -> None:
            running.prompt = request.prompt
            late.extend(self._reply_soon("update", "update_acknowledged", prompt=applied))

        try:
            # Acknowledged before the first frame that shows the prompt, so that clients can label this frame.
            await running.stream.interact(request.prompt, applied, acknowledge)
        except StreamEndedError:
            raise StreamRefusedError("no_active_stream", "The stream has ended") from None
        for reply in late:
            await reply

    async def _end_by_service(self, end: _ServiceEnd) -> None:
        await self._stop(end.cause)
        if end.reason is not None:
            self._refuse(StreamRefusedError(end.reason, end.message))
        if end.announce:
            self._send("stream_ended")
        if end.cause == "limit" and self._config.close_at_stream_limit:
            self._session.end(Ending(error="duration_limit_reached"))

    async def _stop(self, cause: str) -> None:
        running, self._running = self._running, None
        if running is not None:
            self._ending = asyncio.create_task(self._finish(running, cause))
        if self._ending is not None:
            # The shielded task continues when the worker is cancelled; `close` awaits the task.
            await asyncio.shield(self._ending)

    async def _finish(self, running: RunningStream, cause: str) -> None:
        for timer in running.timers:
            timer.cancel()
        monotonic = self._context.monotonic()
        self._session.moments.started = None
        running.stream.video.detach(self.peer.video)
        self.peer.video.interrupt()
        self.idle_since = monotonic
        self._context.accounts.add_streamed(self._session.account, monotonic - running.started_at)
        with contextlib.suppress(Exception):  # a failure is reported when `_StreamStopped` is served
            await running.stream.end(cause, datetime.fromtimestamp(self._context.now(), timezone.utc))
        await self._context.broadcasts.close(running.stream_id)
        self._counters["streams_ended"] += 1
        self._counters["frames_made"] += running.stream.frames_made
        self._counters["frames_skipped"] += running.stream.frames_skipped

    def _peer_lost(self) -> None:
        self._requests.put_nowait(_ServiceEnd("disconnected", announce=False))
        ending = Ending(1011, "peer lost", error="streamer_disconnected")
        loop = asyncio.get_running_loop()
        self._peer_lost_timer = loop.call_later(_LEAVE_SECONDS, self._session.end, ending)

    def _refuse(self, refusal: StreamRefusedError) -> None:
        self._counters["stream_errors"] += 1
        self._send("interactive_stream_error", reason=refusal.reason, message=refusal.message)

    async def _reply(self, request: Request, kind: str, **fields: str) -> None:
        for late in self._reply_soon(request, kind, **fields):
            await late

    def _reply_soon(self, request: Request, kind: str, **fields: str) -> list[Awaitable[None]]:
        """Reply at once, or return what is to be awaited because a fault delays the reply."""
        moments = self._session.moments
        delay = self._faults.take(ReplyDelay, moments, lambda fault: fault.request == request)
        if delay is not None:
            return [self._reply_late(delay.delay_seconds, request, kind, **fields)]
        if self._faults.take(ReplyDrop, moments, lambda fault: fault.request == request) is None:
            self._send(kind, **fields)
        return []

    async def _reply_late(self, seconds: float, request: Request, kind: str, **fields: str) -> None:
        await asyncio.sleep(seconds)
        if (
            self._faults.take(ReplyDrop, self._session.moments, lambda fault: fault.request == request)
            is None
        ):
            self._send(kind, **fields)

    def _send(self, kind: str, **fields: str | None) -> None:
        if not self.peer.send(encode(kind, fields)):
            self._counters["channel_messages_unsent"] += 1
