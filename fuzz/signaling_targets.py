"""Targets of the client's messages: the signaling socket, the data channel, and ICE candidates."""

from __future__ import annotations

import json
from typing import Any

from fuzz_loop import run_on_loop
from fuzz_target import FuzzTarget
from malformed import as_text, damaged_json, damaged_text
from odyssey_ros.client.frames import FramePipeline
from odyssey_ros.client.ice import parse_candidate
from odyssey_ros.client.json_object import MalformedError
from odyssey_ros.client.observer import ClientObserver
from odyssey_ros.client.signaling import Offer, RemoteCandidate, parse_message
from odyssey_ros.client.stream import StreamControl, StreamFailed, parse_streamer_message, stream_error_of
from oracle import check, check_error, check_number, check_value

CANDIDATE = "candidate:6815297761 1 udp 2122260223 192.168.1.2 50000 typ host generation 0 ufrag abcd"
RELAY = "candidate:1 1 udp 41885439 203.0.113.7 50000 typ relay raddr 192.168.1.2 rport 50001"
SOCKET_MESSAGES: tuple[object, ...] = (
    {"type": "offer", "sdp": "v=0\r\n"},
    {"type": "ice_candidate", "candidate": CANDIDATE, "sdpMid": "0", "sdpMLineIndex": 0},
    {"type": "error", "reason": "streamer_disconnected"},
    {"type": "never_heard_of"},
)
STREAMER_MESSAGES: tuple[object, ...] = (
    {"type": "stream_started", "stream_id": "stream-1", "applied_prompt": "a harbour\nat dawn"},
    {"type": "update_acknowledged", "prompt": "rain"},
    {"type": "stream_ended"},
    {
        "type": "broadcast_ready",
        "webrtc_url": "https://media.example/live/1",
        "spectator_token": "t",
        "broadcast_url": None,
    },
    {
        "type": "interactive_stream_error",
        "reason": "quota_exceeded",
        "message": "Monthly limit reached",
        "details": {"limit_hours": 10, "nested": {"a": 1}},
    },
)


class _Observer(ClientObserver):
    """Checks what a message makes the client report."""

    def stream_started(self, stream_id: str) -> None:
        """Check the id."""
        check_value(stream_id, "stream_id")

    def interact_acknowledged(self, prompt: str) -> None:
        """Check the prompt."""
        check_value(prompt, "the prompt", newlines=True)

    def stream_failed(self, error: Any, message: str) -> None:
        """Check the error."""
        check_error(error)
        check_value(message, "the message")

    def broadcast_ready(self, info: Any) -> None:
        """Check the addresses."""
        check_value(info)


def _socket_message(data: bytes) -> None:
    message = parse_message(as_text(data))
    if isinstance(message, Offer):
        message.sdp.encode()
    elif isinstance(message, RemoteCandidate):
        message.candidate.encode()
        check_number(message.sdp_mline_index or 0, "sdpMLineIndex")
    else:
        check_value(message)


def _streamer_message(data: bytes) -> None:
    message = parse_streamer_message(as_text(data))
    check_value(message, newlines=True)
    if isinstance(message, StreamFailed):
        check_error(stream_error_of(message))


def _stream_control(data: bytes) -> None:
    async def handle() -> None:
        observer = _Observer()
        control = StreamControl(observer, FramePipeline(observer), timeout_s=1.0)
        # As messages of one stream, in which a start comes first.
        control.handle(json.dumps(STREAMER_MESSAGES[0]))
        for line in as_text(data).splitlines():
            control.handle(line)
        check_value(control.stream_id)
        check_value(control.last_applied_prompt, newlines=True)

    run_on_loop(handle())


def _candidate(data: bytes) -> bool:
    candidate = parse_candidate(as_text(data), None, None)
    if candidate is None:
        raise MalformedError("not a candidate")
    check(candidate.sdpMLineIndex == 0, "a candidate without a media line is not of the first one")
    check_number(candidate.port, "the port", least=0, most=65535)
    return True


TARGETS = [
    FuzzTarget("signaling_message", damaged_json(*SOCKET_MESSAGES), _socket_message, (MalformedError,)),
    FuzzTarget("streamer_message", damaged_json(*STREAMER_MESSAGES), _streamer_message, (MalformedError,)),
    FuzzTarget("stream_control", damaged_json(*STREAMER_MESSAGES, lines=True), _stream_control),
    FuzzTarget(
        "ice_candidate",
        damaged_text(CANDIDATE, RELAY, tokens=("typ", "srflx", "tcp", "tcptype", "active", "::1", "x.local")),
        _candidate,
        (MalformedError,),
    ),
]
