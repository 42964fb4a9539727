"""The streamer of one session: obeys start, update and end, and keeps to the limits of streams."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from .encoding import VideoEncoder
from .images import InvalidImageError, decode_data_url
from .json_fields import InvalidFieldError
from .messages import (
    ChannelMessage,
    EndStream,
    StartStream,
    UpdateStream,
    encode,
    parse_channel_message,
)
from .peer import StreamerPeer
from .prompts import applied_prompt
from .scenes import make_scene
from .stream import Stream, StreamEndedError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from .accounts import AccountBook
    from .config import Account, EmulatorConfig

logger = logging.getLogger(__name__)

LANDSCAPE = (1280, 704)
PORTRAIT = (704, 1280)


@dataclass(frozen=True, slots=True)
class _LimitReached:
    stream_id: str


@dataclass(frozen=True, slots=True)
class _StreamStopped:
    stream_id: str


@dataclass(frozen=True, slots=True)
class _PeerLost:
    pass


_Request = ChannelMessage | _LimitReached | _StreamStopped | _PeerLost


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
        limit: ends the stream in time.
    """

    stream_id: str
    stream: Stream
    prompt: str
    portrait: bool
    bypass_expansion: bool
    began: float
    limit: asyncio.TimerHandle | None = None


class Streamer:
    """Serves one connected client. Belongs to one event loop.

    Requests are worked through one after the other, in the order of their arrival, over either transport.

    Args:
        config: of the service.
        account: whose session it is.
        accounts: where usage is counted.
        counters: of the service.
        on_lost: called when the client's peer is gone.
        on_limit: called when a stream has reached its longest duration.
        monotonic: seconds.
    """

    def __init__(
        self,
        *,
        config: EmulatorConfig,
        account: Account,
        accounts: AccountBook,
        counters: Counter[str],
        on_lost: Callable[[], None],
        on_limit: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._account = account
        self._accounts = accounts
        self._counters = counters
        self._on_lost = on_lost
        self._on_limit = on_limit
        self._monotonic = monotonic
        self._media_epoch = monotonic()
        self._requests: asyncio.Queue[_Request] = asyncio.Queue()
        self._running: RunningStream | None = None
        self.idle_since: float = monotonic()
        self.peer = StreamerPeer(
            codec=config.codec,
            ice_servers=config.ice_servers,
            loopback_addresses=config.loopback_addresses,
            on_message=self.receive,
            on_lost=self._peer_lost,
        )
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

    async def close(self) -> None:
        """End the stream and close the peer."""
        self._worker.cancel()
        await asyncio.gather(self._worker, return_exceptions=True)
        await self._stop()
        await self.peer.close()

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
                await self._stop()

    async def _serve(self, request: _Request) -> None:
        if isinstance(request, StartStream):
            await self._start(request)
        elif isinstance(request, UpdateStream):
            await self._update(request)
        elif isinstance(request, EndStream):
            # Ending what does not run is no error: the client's wish is fulfilled.
            await self._stop()
            self._send("stream_ended")
        elif isinstance(request, _PeerLost):
            await self._stop()
        elif self._running is not None and self._running.stream_id == request.stream_id:
            if isinstance(request, _LimitReached):
                await self._end_at_limit()
            else:
                await self._running.stream.finished()

    async def _start(self, request: StartStream) -> None:
        self._counters["starts"] += 1
        if self._running is not None:
            raise StreamRefusedError("stream_already_active", "A stream is running; end it first")
        if request.bypass_expansion and not self._account.may_bypass_expansion:
            raise StreamRefusedError("bypass_not_allowed", "This account may not bypass prompt expansion")
        limit_hours = self._config.limits.monthly_hours
        if limit_hours is not None and self._accounts.streamed_hours(self._account) >= limit_hours:
            raise StreamRefusedError("quota_exceeded", "The monthly streaming hours are used up")
        width, height = PORTRAIT if request.portrait else LANDSCAPE
        seed_image = None
        if request.image is not None:
            if not self._config.image_to_video:
                raise StreamRefusedError("image_to_video_not_supported", "This model takes no images")
            try:
                seed_image = await asyncio.to_thread(
                    decode_data_url, request.image, self._config.limits.image_bytes
                )
            except InvalidImageError as error:
                raise StreamRefusedError("invalid_image", str(error)) from error
        stream = Stream(
            partial(make_scene, request.prompt, width, height, seed_image=seed_image),
            VideoEncoder(self.peer.codec, self._config.fps, self._config.bitrate),
            self._config.fps,
            media_time=lambda: self._monotonic() - self._media_epoch,
            monotonic=self._monotonic,
        )
        running = RunningStream(
            stream_id=str(uuid.uuid4()),
            stream=stream,
            prompt=request.prompt,
            portrait=request.portrait,
            bypass_expansion=request.bypass_expansion,
            began=self._monotonic(),
        )
        self._running = running
        stream.video.attach(self.peer.video)
        await stream.start()
        loop = asyncio.get_running_loop()
        stream.watch(lambda: self._requests.put_nowait(_StreamStopped(running.stream_id)))
        if self._config.limits.stream_seconds is not None:
            running.limit = loop.call_later(
                self._config.limits.stream_seconds,
                self._requests.put_nowait,
                _LimitReached(running.stream_id),
            )
        self._send(
            "stream_started",
            stream_id=running.stream_id,
            applied_prompt=applied_prompt(request.prompt, bypass_expansion=request.bypass_expansion),
        )

    async def _update(self, request: UpdateStream) -> None:
        self._counters["updates"] += 1
        running = self._running
        if running is None:
            raise StreamRefusedError("no_active_stream", "No stream is running; start one first")
        if not request.prompt.strip():
            raise StreamRefusedError("invalid_request", "The prompt is empty")
        try:
            await running.stream.interact(request.prompt)
        except StreamEndedError:
            raise StreamRefusedError("no_active_stream", "The stream has ended") from None
        running.prompt = request.prompt
        self._send(
            "update_acknowledged",
            prompt=applied_prompt(request.prompt, bypass_expansion=running.bypass_expansion),
        )

    async def _end_at_limit(self) -> None:
        seconds = self._config.limits.stream_seconds
        await self._stop()
        self._refuse(
            StreamRefusedError("session_timeout", f"The stream reached its limit of {seconds:g} seconds")
        )
        self._send("stream_ended")
        self._on_limit()

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        if running.limit is not None:
            running.limit.cancel()
        running.stream.video.detach(self.peer.video)
        self.peer.video.interrupt()
        self.idle_since = self._monotonic()
        self._accounts.add_streamed(self._account, self._monotonic() - running.began)
        self._counters["streams_ended"] += 1
        with contextlib.suppress(Exception):  # a failure was reported by whoever watches the stream
            await running.stream.end()
        self._counters["frames_made"] += running.stream.frames_made
        self._counters["frames_skipped"] += running.stream.frames_skipped

    def _peer_lost(self) -> None:
        self._requests.put_nowait(_PeerLost())
        self._on_lost()

    def _refuse(self, refusal: StreamRefusedError) -> None:
        self._counters["stream_errors"] += 1
        self._send("interactive_stream_error", reason=refusal.reason, message=refusal.message)

    def _send(self, kind: str, **fields: str | None) -> None:
        if not self.peer.send(encode(kind, fields)):
            self._counters["channel_messages_unsent"] += 1
