"""The stream on a connection: start, interact, end, and what the streamer says about it."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import (
    ConcurrentLimitReachedError,
    MonthlyLimitReachedError,
    OdysseyArgumentError,
    OdysseyError,
    OdysseyStreamError,
    OdysseyUsageError,
    StreamDurationExceededError,
)
from odyssey_ros.client.json_object import JsonObject, MalformedError
from odyssey_ros.client.tasks import within
from odyssey_ros.client.types import BroadcastInfo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from odyssey_ros.client.frames import FramePipeline
    from odyssey_ros.client.observer import ClientObserver

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

_END = '{"type": "interactive_stream_end"}'

# The streamer's reasons that are limits of the account: the same limits as of the HTTP API.
_LIMIT_REASONS: Mapping[str, type[OdysseyUsageError]] = {
    "quota_exceeded": MonthlyLimitReachedError,
    "concurrent_limit_exceeded": ConcurrentLimitReachedError,
    "session_timeout": StreamDurationExceededError,
}
_REASON_CODES: Mapping[str, ErrorCode] = {
    "lease_denied": ErrorCode.LEASE_DENIED,
    "moderation_failed": ErrorCode.MODERATION_FAILED,
}


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """The first frame is ready."""

    stream_id: str
    applied_prompt: str | None


@dataclass(frozen=True, slots=True)
class UpdateAcknowledged:
    """A prompt is in force; `prompt` is what the service made of it."""

    prompt: str


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The stream is over, asked for or not."""


@dataclass(frozen=True, slots=True)
class BroadcastReady:
    """Spectators can watch. None when the service did not say how."""

    info: BroadcastInfo | None


@dataclass(frozen=True, slots=True)
class StreamFailed:
    """The streamer refuses a request, or the stream has failed."""

    reason: str
    message: str
    details: Mapping[str, object] = field(default_factory=dict)


StreamerMessage = StreamStarted | UpdateAcknowledged | StreamEnded | BroadcastReady | StreamFailed


def parse_streamer_message(text: str) -> StreamerMessage | None:
    """Read a message of the streamer; None for a type that this client does not know.

    Raises:
        MalformedError: It is no JSON object, or a known message without what it must hold.
    """
    message = JsonObject.parse(text)
    kind = message.text("type")
    if kind == "stream_started":
        return StreamStarted(message.text("stream_id"), message.optional_text("applied_prompt"))
    if kind == "update_acknowledged":
        return UpdateAcknowledged(message.optional_text("prompt") or "")
    if kind == "stream_ended":
        return StreamEnded()
    if kind == "broadcast_ready":
        url, token = message.optional_text("webrtc_url"), message.optional_text("spectator_token")
        if not url or not token:
            return BroadcastReady(None)
        return BroadcastReady(BroadcastInfo(url, token, message.optional_text("broadcast_url") or None))
    if kind == "interactive_stream_error":
        details = message.optional_object("details")
        return StreamFailed(
            message.optional_text("reason") or "unknown",
            message.optional_text("message") or "",
            {} if details is None else details.to_dict(),
        )
    return None


def stream_error_of(failed: StreamFailed) -> OdysseyError:
    """The error that a request fails with when the streamer reports this."""
    text = f"{failed.reason}: {failed.message}" if failed.message else failed.reason
    if failed.reason in _LIMIT_REASONS:
        limit = _LIMIT_REASONS[failed.reason]
        return limit(failed.message or text, reason=failed.reason, details=failed.details)
    return OdysseyStreamError(
        text, code=_REASON_CODES.get(failed.reason), reason=failed.reason, details=failed.details
    )


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What to start a stream with. `image` is a data URL."""

    prompt: str = ""
    portrait: bool = True
    image: str | None = field(default=None, repr=False)
    bypass_prompt_expansion: bool | None = None
    broadcast: bool = False

    def to_json(self) -> str:
        """The message; the same on the channel and on the signaling socket."""
        message: dict[str, object] = {
            "type": "interactive_stream_start",
            "prompt": self.prompt,
            "portrait": self.portrait,
            "broadcast": self.broadcast,
        }
        if self.image is not None:
            message["input_image_base64"] = self.image
        if self.bypass_prompt_expansion is not None:
            message["bypass_vlm_expansion"] = self.bypass_prompt_expansion
        return json.dumps(message)


class StreamTransport(Protocol):
    """What carries the messages of a stream: one connection, up."""

    def can_send(self, text: str) -> bool:
        """Whether the channel to the streamer takes this message."""
        ...

    def send(self, text: str) -> None:
        """Send on the channel to the streamer."""
        ...

    async def send_by_signaling(self, text: str) -> None:
        """Send on the signaling socket."""
        ...


class _Reply(Generic[_T]):
    """The one answer of its kind that can be outstanding: the messages carry nothing to tell two apart."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.turn = asyncio.Lock()
        self._future: asyncio.Future[_T] | None = None

    @property
    def is_awaited(self) -> bool:
        return self._future is not None and not self._future.done()

    def expect(self) -> asyncio.Future[_T]:
        self._future = asyncio.get_running_loop().create_future()
        return self._future

    def forget(self) -> None:
        if self._future is not None and not self._future.cancel() and not self._future.cancelled():
            self._future.exception()  # seen: the caller has left before it came
        self._future = None

    def resolve(self, value: _T) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(value)

    def fail(self, error: Exception) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_exception(error)


class StreamControl:
    """Starts, prompts and ends streams; lives over all the connections that a client regains.

    Calls of one kind take turns. A call fails the moment the connection goes.

    Args:
        observer: Receives the events of the stream.
        frames: What labels the frames with the stream and the prompt.
        timeout_s: Seconds that the streamer may take to answer; None for as long as the connection lasts.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        observer: ClientObserver,
        frames: FramePipeline,
        *,
        timeout_s: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._observer = observer
        self._frames = frames
        self._timeout_s = timeout_s
        self._clock = clock
        self._transport: StreamTransport | None = None
        self._start: _Reply[str] = _Reply("start")
        self._interact: _Reply[str] = _Reply("interact with")
        self._end: _Reply[None] = _Reply("end")
        self._requested_prompt: str | None = None
        self.stream_id: str | None = None
        self.last_applied_prompt: str | None = None
        self.streams_started = 0
        self.frames_expected_since: float | None = None

    def attach(self, transport: StreamTransport) -> None:
        """A connection is up."""
        self._transport = transport

    def detach(self, error: OdysseyError) -> None:
        """The connection is gone, and with it the stream and every call that waits."""
        self._transport = None
        for reply in (self._start, self._interact, self._end):
            reply.fail(error)
        self._stream_over()

    async def start(self, request: StartRequest) -> str:
        """Start a stream and wait for its id.

        Raises:
            OdysseyStreamError: There is no connection, the streamer refuses or does not answer. A start that
                is not answered is taken back.
            OdysseyUsageError: A limit of the account.
            OdysseyConnectionError: The connection went while waiting.
        """
        message = request.to_json()
        sent = False

        async def send(transport: StreamTransport) -> None:
            nonlocal sent
            self._requested_prompt = request.prompt
            sent = True
            # An image always goes by the socket; so does what the channel would not take.
            if request.image is None and transport.can_send(message):
                transport.send(message)
            else:
                await transport.send_by_signaling(message)

        try:
            return await self._ask(self._start, send)
        except OdysseyStreamError as error:
            transport = self._transport
            if (
                sent
                and error.code is ErrorCode.TIMEOUT
                and transport is not None
                and transport.can_send(_END)
            ):
                # It may run all the same: unseen, paid for, and in the way of the next.
                transport.send(_END)
            raise

    async def interact(self, prompt: str) -> str:
        """Send a prompt to the running stream and wait for the prompt that was applied.

        Raises:
            OdysseyArgumentError: The prompt is blank.
            OdysseyStreamError, OdysseyUsageError, OdysseyConnectionError: As for `start`.
        """
        if not prompt.strip():
            raise OdysseyArgumentError("The prompt is empty", code=ErrorCode.EMPTY_PROMPT)
        message = json.dumps({"type": "update", "prompt": prompt})

        async def send(transport: StreamTransport) -> None:
            if self.stream_id is None:
                raise OdysseyStreamError(
                    "Cannot interact with stream: no stream is running", code=ErrorCode.NO_STREAM
                )
            transport.send(message)

        return await self._ask(self._interact, send)

    async def end(self) -> None:
        """End the stream and wait until it is over. Does nothing when none runs.

        Raises:
            OdysseyStreamError, OdysseyUsageError, OdysseyConnectionError: As for `start`.
        """

        async def send(transport: StreamTransport) -> None:
            if self.stream_id is None and not self._start.is_awaited:
                self._end.resolve(None)
            else:
                transport.send(_END)

        await self._ask(self._end, send)

    def handle(self, text: str) -> None:
        """Act on a message of the streamer. One that is malformed is logged and left alone."""
        try:
            message = parse_streamer_message(text)
        except MalformedError as error:
            logger.warning("Ignoring a malformed message of the streamer: %s", error)
            return
        if isinstance(message, StreamStarted):
            self._stream_started(message)
        elif isinstance(message, UpdateAcknowledged):
            self.last_applied_prompt = message.prompt
            self._frames.set_prompt(message.prompt)
            self._observer.interact_acknowledged(message.prompt)
            self._interact.resolve(message.prompt)
        elif isinstance(message, StreamEnded):
            gone = OdysseyStreamError("The stream ended", code=ErrorCode.STREAM_ENDED)
            if self.stream_id is None and self._end.is_awaited:
                self._start.fail(gone)  # it was ended before it had begun
            self._stream_over()
            self._end.resolve(None)
            self._interact.fail(gone)
        elif isinstance(message, BroadcastReady):
            if message.info is None:
                text = "The service did not say how to watch the broadcast"
                self._observer.stream_failed(
                    OdysseyStreamError(text, code=ErrorCode.BROADCAST_ERROR, reason="broadcast_error"), text
                )
            else:
                self._observer.broadcast_ready(message.info)
        elif isinstance(message, StreamFailed):
            self._stream_failed(message)

    async def _ask(self, reply: _Reply[_T], send: Callable[[StreamTransport], Awaitable[None]]) -> _T:
        try:
            return await within(self._timeout_s, self._take_turn(reply, send))
        except asyncio.TimeoutError:
            raise OdysseyStreamError(
                f"Cannot {reply.name} stream: no answer within {self._timeout_s:g} s", code=ErrorCode.TIMEOUT
            ) from None

    async def _take_turn(self, reply: _Reply[_T], send: Callable[[StreamTransport], Awaitable[None]]) -> _T:
        async with reply.turn:
            if self._transport is None:
                raise OdysseyStreamError(
                    f"Cannot {reply.name} stream: client is disconnected", code=ErrorCode.NOT_CONNECTED
                )
            # Before sending: the answer may be there before the sending returns.
            answer = reply.expect()
            try:
                await send(self._transport)
                return await answer
            finally:
                reply.forget()

    def _stream_started(self, message: StreamStarted) -> None:
        prompt = message.applied_prompt if message.applied_prompt is not None else self._requested_prompt
        self.stream_id = message.stream_id
        self.last_applied_prompt = prompt
        self.streams_started += 1
        self.frames_expected_since = self._clock()
        self._frames.begin_stream(message.stream_id, prompt)
        self._observer.stream_started(message.stream_id)
        self._start.resolve(message.stream_id)

    def _stream_failed(self, message: StreamFailed) -> None:
        asked, error = False, stream_error_of(message)
        for reply in (self._start, self._interact, self._end):
            asked = asked or reply.is_awaited
            reply.fail(error)
        if not asked:
            # Nobody asked, so it is the stream itself that failed: frames may well stop.
            self.frames_expected_since = None
        self._observer.stream_failed(error, message.message)

    def _stream_over(self) -> None:
        was_running = self.stream_id is not None
        self.stream_id = None
        self.frames_expected_since = None
        self._frames.end_stream()
        if was_running:
            self._observer.stream_ended()
