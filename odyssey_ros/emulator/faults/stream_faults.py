"""Faults of a stream's control messages: unexpected ends, refused requests, late and missing replies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from odyssey_ros.emulator.faults.fault import Fault

__all__ = ["ReplyDelay", "ReplyDrop", "Request", "RequestClose", "StreamEnd", "StreamFail", "StreamRefusal"]

Request = Literal["start", "update", "end"]


@dataclass(frozen=True, kw_only=True)
class StreamEnd(Fault):
    """The service ends the stream without a request."""

    name = "stream_end"
    mode = "act"


@dataclass(frozen=True, kw_only=True)
class StreamFail(Fault):
    """A running stream ends with `interactive_stream_error`.

    Attributes:
        reason: for example `quota_exceeded`, `session_timeout`, `lease_denied`, `model_crashed`.
        message: human-readable text.
    """

    name = "stream_fail"
    mode = "act"
    reason: str = "model_crashed"
    message: str = "Injected fault"


@dataclass(frozen=True, kw_only=True)
class StreamRefusal(Fault):
    """The service answers a stream request with `interactive_stream_error`.

    Attributes:
        request: the request that is refused.
        reason: for example `quota_exceeded`, `concurrent_limit_exceeded`, `lease_denied`.
        message: human-readable text.
    """

    name = "stream_refusal"
    mode = "answer"
    request: Request = "start"
    reason: str = "moderation_failed"
    message: str = "Injected fault"


@dataclass(frozen=True, kw_only=True)
class RequestClose(Fault):
    """The service closes the signaling socket when a stream request arrives, and does not process it.

    Attributes:
        request: the request.
        code: close code, by default that of a message that is too big.
        reason: close reason.
    """

    name = "request_close"
    mode = "answer"
    request: Request = "start"
    code: int = 1009
    reason: str = "Message too big"


@dataclass(frozen=True, kw_only=True)
class ReplyDrop(Fault):
    """The service carries out a stream request and never answers it."""

    name = "reply_drop"
    mode = "answer"
    request: Request = "start"


@dataclass(frozen=True, kw_only=True)
class ReplyDelay(Fault):
    """The service carries out a stream request and answers it late."""

    name = "reply_delay"
    mode = "answer"
    request: Request = "start"
    delay_seconds: float
