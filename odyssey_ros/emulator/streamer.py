"""The streamer of one session: obeys start, update and end, and keeps to the limits of streams."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING

from odyssey_ros.emulator.faults import (
    NoChannel,
    NoTrack,
    PacketDelay,
    PacketLoss,
    ReplyDelay,
    ReplyDrop,
    Request,
    StreamRefusal,
)
from odyssey_ros.emulator.faults.impairment import Impairment
from odyssey_ros.emulator.faults.video_faults import disturbance
from odyssey_ros.emulator.http.json_fields import InvalidFieldError
from odyssey_ros.emulator.images import InvalidImageError, decode_data_url
from odyssey_ros.emulator.media.encoding import VideoEncoder
from odyssey_ros.emulator.media.recording import Recording, StreamEvent
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
from odyssey_ros.emulator.scene.scenes import make_scene
from odyssey_ros.emulator.stream import Stream, StreamEndedError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from odyssey_ros.emulator.media.recorder import Recorder
    from odyssey_ros.emulator.service_context import ServiceContext
    from odyssey_ros.emulator.sessions import Session

logger = logging.getLogger(__name__)

LANDSCAPE = (1280, 704)
PORTRAIT = (704, 1280)


@dataclass(frozen=True, slots=True)
class _Cease:
    """The service's own wish to end a stream; `stream_id` None means whichever runs.

    With a reason the client is told by `interactive_stream_error` first.
    """

    cause: str
    stream_id: str | None = None
    reason: str | None = None
    message: str = ""
    tell: bool = True


@dataclass(frozen=True, slots=True)
class _StreamStopped:
    stream_id: str


_Request = ChannelMessage | _Cease | _StreamStopped


class StreamRefusedError(Exception):
    """A request about a stream is answered by `interactive_stream_error`.

    Attributes:
        reason: the stable reason.
        message: for people.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message


@dataclass(slots=True)
class RunningStream:
    """The stream that a streamer runs now.

    Attributes:
        stream_id: names the stream and its recording.
        stream: renders it.
        prompt: the last prompt, as the client gave it.
        portrait: 704x1280 rather than 1280x704.
        bypass_expansion: prompts are applied as they are.
        began: monotonic time of the first picture.
        timers: what is still to happen to it.
    """

    stream_id: str
    stream: Stream
    prompt: str
    portrait: bool
    bypass_expansion: bool
    began: float
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


class Streamer:
    """Serves one connected client. Belongs to one event loop.

    Requests are worked through one after the other, in the order of their arrival, over either transport.

    Args:
        context: of the service.
        session: whom it serves.
        on_lost: called when the client's peer is gone.
        on_limit: called when a stream has reached its longest duration.
    """

    def __init__(
        self,
        context: ServiceContext,
        session: Session,
        *,
        on_lost: Callable[[], None],
        on_limit: Callable[[], None],
    ) -> None:
        self._context = context
        self._config = context.config
        self._session = session
        self._counters = context.counters
        self._faults = context.faults
        self._on_lost = on_lost
        self._on_limit = on_limit
        self._media_epoch = context.monotonic()
        self._requests: asyncio.Queue[_Request] = asyncio.Queue()
        self._running: RunningStream | None = None
        self.idle_since: float = context.monotonic()
        self.peer = self._make_peer()
        self._impairment: Impairment | None = None
        self._ending: asyncio.Task[None] | None = None
        self._worker = asyncio.create_task(self._work(), name="odyssey-streamer")

    @property
    def running(self) -> RunningStream | None:
        """The stream that runs now."""
        return self._running

    def receive(self, text: str | bytes) -> None:
        """Take a text from the `clientToStreamer` channel."""
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
        """Queue a request; its answer goes to the `streamerToClient` channel."""
        self._requests.put_nowait(message)

    def end_unasked(self, reason: str | None = None, message: str = "") -> None:
        """End the running stream without a request; with a reason, as an `interactive_stream_error`."""
        self._requests.put_nowait(_Cease("service", reason=reason, message=message))

    def met(self) -> None:
        """The peers have met: media faults apply from now on."""
        moments = self._session.moments
        for transport in self.peer.transports():
            self._impairment = Impairment(
                transport,
                loss=lambda: self._faults.state(PacketLoss, moments),
                delay=lambda: self._faults.state(PacketDelay, moments),
            )

    async def close(self) -> None:
        """End the stream and close the peer."""
        self._worker.cancel()
        await asyncio.gather(self._worker, return_exceptions=True)
        await self._stop("disconnected")
        if self._impairment is not None:
            self._impairment.close()
            self._counters["packets_lost_on_purpose"] += self._impairment.packets_lost
        await self.peer.close()

    def _make_peer(self) -> StreamerPeer:
        moments = self._session.moments
        missing = self._faults.take(NoChannel, moments)
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
        )

    async def _work(self) -> None:
        while True:
            request = await self._requests.get()
            try:
                await self._serve(request)
            except StreamRefusedError as refusal:
                self._refuse(refusal)
            except Exception:
                logger.exception("a stream failed")
                self._refuse(StreamRefusedError("internal_error", "The stream failed"))
                await self._stop("failed")

    async def _serve(self, request: _Request) -> None:
        if isinstance(request, StartStream):
            self._refuse_on_command("start")
            await self._start(request)
        elif isinstance(request, UpdateStream):
            self._refuse_on_command("update")
            await self._update(request)
        elif isinstance(request, EndStream):
            self._refuse_on_command("end")
            # Ending what does not run is no error: the client's wish is fulfilled.
            await self._stop("client")
            await self._reply("end", "stream_ended")
        elif self._running is not None and request.stream_id in {None, self._running.stream_id}:
            if isinstance(request, _StreamStopped):
                await self._running.stream.finished()
            else:
                await self._cease(request)

    def _refuse_on_command(self, request: Request) -> None:
        refusal = self._faults.take(
            StreamRefusal, self._session.moments, lambda fault: fault.request == request
        )
        if refusal is not None:
            raise StreamRefusedError(refusal.reason, refusal.message)

    async def _start(self, request: StartStream) -> None:
        self._counters["starts"] += 1
        await self._check_start(request)
        seed_image = None if request.image is None else await self._decode(request.image)
        running = self._make_stream(request, seed_image)
        self._running = running
        stream = running.stream
        stream.video.attach(self.peer.video)
        await stream.start()
        running.began = self._context.monotonic()
        self._session.moments.started = running.began
        self._faults.notify()
        stream.watch(lambda: self._requests.put_nowait(_StreamStopped(running.stream_id)))
        self._set_timers(running, broadcast=request.broadcast)
        await self._reply(
            "start",
            "stream_started",
            stream_id=running.stream_id,
            applied_prompt=applied_prompt(request.prompt, bypass_expansion=request.bypass_expansion),
        )

    async def _check_start(self, request: StartStream) -> None:
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

    def _make_stream(self, request: StartStream, seed_image: NDArray[np.uint8] | None) -> RunningStream:
        context, moments = self._context, self._session.moments
        width, height = PORTRAIT if request.portrait else LANDSCAPE
        stream_id = str(uuid.uuid4())
        stream = Stream(
            partial(make_scene, request.prompt, width, height, seed_image=seed_image),
            VideoEncoder(self.peer.codec, self._config.fps, self._config.bitrate),
            self._config.fps,
            media_time=lambda: context.monotonic() - self._media_epoch,
            recorder=self._make_recorder(stream_id, width, height, request),
            disturbance=lambda: disturbance(self._faults, moments),
            monotonic=context.monotonic,
        )
        return RunningStream(
            stream_id=stream_id,
            stream=stream,
            prompt=request.prompt,
            portrait=request.portrait,
            bypass_expansion=request.bypass_expansion,
            began=context.monotonic(),
        )

    def _make_recorder(
        self, stream_id: str, width: int, height: int, request: StartStream
    ) -> Recorder | None:
        if not self._config.record:
            return None
        recorder = self._context.recordings.record(
            Recording(stream_id, self._session.account.name, width, height, self._wall_clock()),
            self._config.fps,
            bitrate=self._config.bitrate,
        )
        recorder.add_event(
            StreamEvent(
                0,
                "start",
                prompt=request.prompt,
                applied_prompt=applied_prompt(request.prompt, bypass_expansion=request.bypass_expansion),
                image=request.image is not None,
            )
        )
        return recorder

    def _set_timers(self, running: RunningStream, *, broadcast: bool) -> None:
        loop = asyncio.get_running_loop()
        longest = self._config.limits.stream_seconds
        if longest is not None:
            over = _Cease(
                "limit",
                stream_id=running.stream_id,
                reason="session_timeout",
                message=f"The stream reached its limit of {longest:g} seconds",
            )
            running.timers.append(loop.call_later(longest, self._requests.put_nowait, over))
        if broadcast:
            self._context.broadcasts.open(running.stream_id, running.stream.video, self.peer.codec)
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
        try:
            await running.stream.interact(request.prompt, applied)
        except StreamEndedError:
            raise StreamRefusedError("no_active_stream", "The stream has ended") from None
        running.prompt = request.prompt
        await self._reply("update", "update_acknowledged", prompt=applied)

    async def _cease(self, wish: _Cease) -> None:
        await self._stop(wish.cause)
        if wish.reason is not None:
            self._refuse(StreamRefusedError(wish.reason, wish.message))
        if wish.tell:
            self._send("stream_ended")
        if wish.cause == "limit":
            self._on_limit()

    async def _stop(self, cause: str) -> None:
        running, self._running = self._running, None
        if running is not None:
            self._ending = asyncio.create_task(self._finish(running, cause))
        if self._ending is not None:
            # Goes on when the session is closed meanwhile, and `close` waits for it.
            await asyncio.shield(self._ending)

    async def _finish(self, running: RunningStream, cause: str) -> None:
        for timer in running.timers:
            timer.cancel()
        monotonic = self._context.monotonic()
        self._session.moments.started = None
        running.stream.video.detach(self.peer.video)
        self.peer.video.interrupt()
        self.idle_since = monotonic
        self._context.accounts.add_streamed(self._session.account, monotonic - running.began)
        with contextlib.suppress(Exception):  # a failure is reported by whoever watches the stream
            await running.stream.end(cause, self._wall_clock())
        await self._context.broadcasts.close(running.stream_id)
        self._counters["streams_ended"] += 1
        self._counters["frames_made"] += running.stream.frames_made
        self._counters["frames_skipped"] += running.stream.frames_skipped

    def _peer_lost(self) -> None:
        self._requests.put_nowait(_Cease("disconnected", tell=False))
        self._on_lost()

    def _wall_clock(self) -> datetime:
        return datetime.fromtimestamp(self._context.now(), timezone.utc)

    def _refuse(self, refusal: StreamRefusedError) -> None:
        self._counters["stream_errors"] += 1
        self._send("interactive_stream_error", reason=refusal.reason, message=refusal.message)

    async def _reply(self, request: Request, kind: str, **fields: str) -> None:
        moments = self._session.moments
        delay = self._faults.take(ReplyDelay, moments, lambda fault: fault.request == request)
        if delay is not None:
            await asyncio.sleep(delay.delay_seconds)
        if self._faults.take(ReplyDrop, moments, lambda fault: fault.request == request) is None:
            self._send(kind, **fields)

    def _send(self, kind: str, **fields: str | None) -> None:
        if not self.peer.send(encode(kind, fields)):
            self._counters["channel_messages_unsent"] += 1
