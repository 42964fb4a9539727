"""The stream on a connection: start, interact, end, and the streamer's messages."""

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
from odyssey_ros.client.redaction import KNOWN_SECRETS
from odyssey_ros.client.tasks import within
from odyssey_ros.client.types import BroadcastInfo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from odyssey_ros.client.frames import FramePipeline
    from odyssey_ros.client.observer import ClientObserver

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

_END = '{"type": "interactive_stream_end"}'

# Reasons of the streamer that mean the same limits of the account as in the HTTP API.
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
    """The first frame of a stream is ready."""

    stream_id: str
    applied_prompt: str | None


@dataclass(frozen=True, slots=True)
class UpdateAcknowledged:
    """The streamer applied a prompt; `prompt` is the form rewritten by the service."""

    prompt: str


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The stream ended, requested or not."""


@dataclass(frozen=True, slots=True)
class BroadcastReady:
    """Spectators can watch. `info` is None when the message lacks the URL or the token."""

    info: BroadcastInfo | None


@dataclass(frozen=True, slots=True)
class StreamFailed:
    """The streamer refused a request, or the stream failed."""

    reason: str
    message: str
    details: Mapping[str, object] = field(default_factory=dict)


StreamerMessage = StreamStarted | UpdateAcknowledged | StreamEnded | BroadcastReady | StreamFailed


def parse_streamer_message(text: str) -> StreamerMessage | None:
    """Parse a message of the streamer; return None for an unknown type.

    Raises:
        MalformedError: The text is not a JSON object, or a required field is missing or has a wrong type.
    """
    message = JsonObject.parse(text)
    kind = message.text("type")
    if kind == "stream_started":
        return StreamStarted(message.identifier("stream_id"), message.optional_prompt("applied_prompt"))
    if kind == "update_acknowledged":
        return UpdateAcknowledged(message.optional_prompt("prompt") or "")
    if kind == "stream_ended":
        return StreamEnded()
    if kind == "broadcast_ready":
        url, token = message.optional_text("webrtc_url"), message.optional_text("spectator_token")
        if not url or not token:
            return BroadcastReady(None)
        KNOWN_SECRETS.add(token, issued=True)
        return BroadcastReady(BroadcastInfo(url, token, message.optional_text("broadcast_url") or None))
    if kind == "interactive_stream_error":
        return StreamFailed(
            message.message("reason") or "unknown", message.message("message"), message.details("details")
        )
    return None


def stream_error_of(failed: StreamFailed) -> OdysseyError:
    """Return the error for a failure that the streamer reported."""
    text = f"{failed.reason}: {failed.message}" if failed.message else failed.reason
    if failed.reason in _LIMIT_REASONS:
        limit = _LIMIT_REASONS[failed.reason]
        return limit(failed.message or text, reason=failed.reason, details=failed.details)
    return OdysseyStreamError(
        text, code=_REASON_CODES.get(failed.reason), reason=failed.reason, details=failed.details
    )


@dataclass(frozen=True, slots=True)
class StartRequest:
    """The arguments of a start. `image` is a data URL."""

    prompt: str = ""
    portrait: bool = True
    image: str | None = field(default=None, repr=False)
    bypass_prompt_expansion: bool | None = None
    broadcast: bool = False

    def to_json(self) -> str:
        """Return the message, which is the same on the channel and on the signaling socket."""
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
    """Carries the messages of a stream on an open connection."""

    def can_send(self, text: str) -> bool:
        """Return whether the channel to the streamer is open and accepts a message of this size."""
        ...

    def send(self, text: str) -> None:
        """Send on the channel to the streamer."""
        ...

    async def send_by_signaling(self, text: str) -> None:
        """Send on the signaling socket."""
        ...


class _PendingReply(Generic[_T]):
    """The pending reply to one kind of request. Messages carry no ids, so at most one is pending."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lock = asyncio.Lock()
        self._future: asyncio.Future[_T] | None = None

    @property
    def is_awaited(self) -> bool:
        return self._future is not None and not self._future.done()

    def expect(self) -> asyncio.Future[_T]:
        self._future = asyncio.get_running_loop().create_future()
        return self._future

    def discard(self) -> None:
        if self._future is not None and not self._future.cancel() and not self._future.cancelled():
            self._future.exception()  # marked as retrieved: the caller was cancelled before
        self._future = None

    def resolve(self, value: _T) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(value)

    def fail(self, error: Exception) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_exception(error)


class StreamControl:
    """Starts, prompts and ends streams, across the reconnections of a client.

    Calls of one kind run one after another. A pending call fails as soon as the connection is lost.

    Args:
        observer: Receives the events of the stream.
        frames: Labels frames with the stream and the prompt.
        timeout_s: Maximum seconds until the streamer replies; None waits until the connection is lost.
        clock: Returns monotonic seconds.
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
        self._start: _PendingReply[str] = _PendingReply("start")
        self._interact: _PendingReply[str] = _PendingReply("interact with")
        self._end: _PendingReply[None] = _PendingReply("end")
        self._requested_prompt: str | None = None
        self.stream_id: str | None = None
        self.last_applied_prompt: str | None = None
        self.streams_started = 0
        self.frames_expected_since: float | None = None

    def attach(self, transport: StreamTransport) -> None:
        """Use an open connection for requests from now on."""
        self._transport = transport

    def detach(self, error: OdysseyError) -> None:
        """Drop the lost connection: end the stream and fail every pending call with `error`."""
        self._transport = None
        for reply in (self._start, self._interact, self._end):
            reply.fail(error)
        self._mark_stream_ended()

    async def start(self, request: StartRequest) -> str:
        """Start a stream and return its id.

        Raises:
            OdysseyStreamError: There is no connection, or the streamer refused or did not reply in time. A
                start without a reply is followed by an end.
            OdysseyUsageError: A limit of the account was reached.
            OdysseyConnectionError: The connection was lost while waiting.
        """
        message = request.to_json()
        sent = False

        async def send(transport: StreamTransport) -> None:
            nonlocal sent
            self._requested_prompt = request.prompt
            sent = True
            # Images always go over the socket, as do messages that the channel does not accept.
            if request.image is None and transport.can_send(message):
                transport.send(message)
            else:
                await transport.send_by_signaling(message)

        try:
            return await self._request(self._start, send)
        except OdysseyStreamError as error:
            transport = self._transport
            if (
                sent
                and error.code is ErrorCode.TIMEOUT
                and transport is not None
                and transport.can_send(_END)
            ):
                # The stream may run all the same; it would cost money and block the next start.
                transport.send(_END)
            raise

    async def interact(self, prompt: str) -> str:
        """Send a prompt to the running stream and return the applied prompt.

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

        return await self._request(self._interact, send)

    async def end(self) -> None:
        """End the stream and wait until it has ended. Does nothing when no stream is running.

        Raises:
            OdysseyStreamError, OdysseyUsageError, OdysseyConnectionError: As for `start`.
        """

        async def send(transport: StreamTransport) -> None:
            if self.stream_id is None and not self._start.is_awaited:
                self._end.resolve(None)
            else:
                transport.send(_END)

        await self._request(self._end, send)

    def handle(self, text: str) -> None:
        """Process a message of the streamer. A malformed message is logged and ignored."""
        try:
            message = parse_streamer_message(text)
        except MalformedError as error:
            logger.warning("Ignoring a malformed message from the streamer: %s", error)
            return
        if isinstance(message, StreamStarted):
            self._stream_started(message)
        elif isinstance(message, UpdateAcknowledged):
            self.last_applied_prompt = message.prompt
            self._frames.labels.set_prompt(message.prompt)
            self._observer.interact_acknowledged(message.prompt)
            self._interact.resolve(message.prompt)
        elif isinstance(message, StreamEnded):
            ended = OdysseyStreamError("The stream ended", code=ErrorCode.STREAM_ENDED)
            if self.stream_id is None and self._end.is_awaited:
                self._start.fail(ended)  # the end overtook the start
            self._mark_stream_ended()
            self._end.resolve(None)
            self._interact.fail(ended)
        elif isinstance(message, BroadcastReady):
            if message.info is None:
                text = "The service announced a broadcast without its URL or token"
                self._observer.stream_failed(
                    OdysseyStreamError(text, code=ErrorCode.BROADCAST_ERROR, reason="broadcast_error"), text
                )
            else:
                self._observer.broadcast_ready(message.info)
        elif isinstance(message, StreamFailed):
            self._stream_failed(message)

    async def _request(
        self, reply: _PendingReply[_T], send: Callable[[StreamTransport], Awaitable[None]]
    ) -> _T:
        try:
            return await within(self._timeout_s, self._send_and_wait(reply, send))
        except asyncio.TimeoutError:
            raise OdysseyStreamError(
                f"Cannot {reply.name} stream: no answer within {self._timeout_s:g} s", code=ErrorCode.TIMEOUT
            ) from None

    async def _send_and_wait(
        self, reply: _PendingReply[_T], send: Callable[[StreamTransport], Awaitable[None]]
    ) -> _T:
        async with reply.lock:
            if self._transport is None:
                raise OdysseyStreamError(
                    f"Cannot {reply.name} stream: client is disconnected", code=ErrorCode.NOT_CONNECTED
                )
            # Created before sending: the reply may arrive before `send` returns.
            answer = reply.expect()
            try:
                await send(self._transport)
                return await answer
            finally:
                reply.discard()

    def _stream_started(self, message: StreamStarted) -> None:
        prompt = message.applied_prompt if message.applied_prompt is not None else self._requested_prompt
        self.stream_id = message.stream_id
        self.last_applied_prompt = prompt
        self.streams_started += 1
        self.frames_expected_since = self._clock()
        self._frames.labels.start_stream(message.stream_id, prompt)
        self._observer.stream_started(message.stream_id)
        self._start.resolve(message.stream_id)

    def _stream_failed(self, message: StreamFailed) -> None:
        error = stream_error_of(message)
        replies = (self._start, self._interact, self._end)
        if not any(reply.is_awaited for reply in replies):
            # No request failed, so the stream itself did, and its frames may stop.
            self.frames_expected_since = None
        for reply in replies:
            reply.fail(error)
        self._observer.stream_failed(error, message.message)

    def _mark_stream_ended(self) -> None:
        was_running = self.stream_id is not None
        self.stream_id = None
        self.frames_expected_since = None
        self._frames.labels.end_stream()
        if was_running:
            self._observer.stream_ended()
