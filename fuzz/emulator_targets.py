"""Targets of the emulator: messages, requests, descriptions, faults and tokens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fuzz_loop import run_on_loop
from fuzz_target import FuzzTarget
from malformed import as_text, damaged_json, damaged_text
from media_targets import ANSWER, TOKENS
from odyssey_ros.emulator.faults.fault_parsing import parse_fault, parse_fault_option
from odyssey_ros.emulator.faults.fault_table import FAULTS
from odyssey_ros.emulator.http.json_fields import Fields, InvalidFieldError
from odyssey_ros.emulator.jobs.job_request import MAX_SCRIPTS, JobRequest
from odyssey_ros.emulator.jobs.scripts import MAX_SCRIPT_MS
from odyssey_ros.emulator.messages import parse_channel_message, parse_socket_message
from odyssey_ros.emulator.peer import NegotiationError, StreamerPeer
from odyssey_ros.emulator.sdp import is_mdns, without_mdns_candidates
from odyssey_ros.emulator.tokens import InvalidTokenError, TokenAuthority
from oracle import check, check_number
from signaling_targets import CANDIDATE

if TYPE_CHECKING:
    from odyssey_ros.emulator.faults.fault import Fault
    from odyssey_ros.emulator.faults.schedule import Schedule

START = {
    "type": "interactive_stream_start",
    "prompt": "a harbour",
    "portrait": True,
    "broadcast": False,
    "input_image_base64": "data:image/png;base64,aGk=",
    "bypass_vlm_expansion": None,
}
SOCKET: tuple[object, ...] = (
    START,
    {"type": "answer", "sdp": "v=0\r\n"},
    {"type": "ice_candidate", "candidate": CANDIDATE, "sdpMid": "0", "sdpMLineIndex": 0},
    {"type": "keepalive"},
    {"type": "client_disconnecting"},
)
CHANNEL: tuple[object, ...] = (
    START,
    {"type": "update", "prompt": "rain"},
    {"type": "interactive_stream_end"},
)
_SCRIPT = [
    {"timestamp_ms": 0, "start": {"prompt": "a fox", "image": "data:image/png;base64,aGk="}},
    {"timestamp_ms": 500, "interact": {"prompt": "rain"}},
    {"timestamp_ms": 900, "end": {}},
]
JOBS: tuple[object, ...] = (
    {"script": _SCRIPT, "portrait": False, "output_video": True, "bypass_vlm_expansion": True},
    {"scripts": [_SCRIPT, _SCRIPT]},
    {"script_url": "https://example.com/script.json"},
)
_AUTHORITY = TokenAuthority(time.time, b"0" * 32)
_TOKEN = _AUTHORITY.issue("access", "account", 3600.0)
_QUERY = _AUTHORITY.sign_path("/files/a.mp4", 3600.0)
FAULT_OBJECTS: tuple[object, ...] = (
    {"fault": "http_status", "status": 500, "endpoint": "config", "count": 3, "after": 1.5},
    {"fault": "socket_close", "code": 1011, "since": "started", "session_id": "s"},
    {"fault": "packet_loss", "fraction": 0.5, "duration": 4},
    {"fault": "video_resize", "width": 640, "height": 352, "duration": 1},
    {"fault": "frame_loss", "every": 2, "packets": "last", "receiver": "spectators", "count": 3},
    {"fault": "stream_refusal", "request": "start", "reason": "lease_denied"},
)


def _channel_message(data: bytes) -> None:
    parse_channel_message(data)
    parse_channel_message(as_text(data))


def _socket_message(data: bytes) -> None:
    parse_socket_message(as_text(data))


def _job_request(data: bytes) -> None:
    request = JobRequest.parse(Fields.parse(data))
    check(len(request.scripts) <= MAX_SCRIPTS, "too many scripts")
    for script in request.scripts:
        check_number(script.duration_ms, "the duration", least=1, most=MAX_SCRIPT_MS)
        script.to_json()


def _check_fault(parsed: tuple[Fault, Schedule]) -> None:
    fault, schedule = parsed
    check(FAULTS[fault.name] is type(fault), "another fault")
    check_number(schedule.after, "after", least=0)
    for number in (schedule.duration, schedule.count):
        if number is not None:
            check_number(number, "a time or count", least=0)


def _fault_object(data: bytes) -> None:
    _check_fault(parse_fault(Fields.parse(data)))


def _fault_option(data: bytes) -> None:
    _check_fault(parse_fault_option(as_text(data)))


def _token(data: bytes) -> None:
    text = as_text(data)
    check(_AUTHORITY.check("access", text) == "account", "another account")
    check(text == _TOKEN, "a token that was not issued is accepted")


def _signature(data: bytes) -> None:
    expires, _, signature = as_text(data).removeprefix("expires=").partition("&signature=")
    _AUTHORITY.check_path("/files/a.mp4", expires, signature)
    check(f"expires={expires}&signature={signature}" == _QUERY, "a signature that was not made is accepted")


def _description_text(data: bytes) -> None:
    text = as_text(data)
    kept = without_mdns_candidates(text).splitlines()
    check(not any(line.startswith("a=candidate:") and is_mdns(line) for line in kept), "an mDNS name is left")


async def _apply(answer: str) -> None:
    peer = StreamerPeer(
        codec="h264",
        ice_servers=(),
        media_addresses=lambda _addresses: ["127.0.0.1"],
        on_message=lambda _message: None,
        on_lost=lambda: None,
    )
    try:
        await peer.offer()
        await peer.answer(answer)
        await peer.add_candidate(CANDIDATE, "0", 0)
    finally:
        await peer.close()


def _answer(data: bytes) -> None:
    run_on_loop(_apply(as_text(data)))


TARGETS = [
    FuzzTarget("emulator_channel", damaged_json(*CHANNEL), _channel_message, (InvalidFieldError,)),
    FuzzTarget("emulator_socket", damaged_json(*SOCKET), _socket_message, (InvalidFieldError,)),
    FuzzTarget("emulator_job", damaged_json(*JOBS), _job_request, (InvalidFieldError,)),
    FuzzTarget("emulator_fault", damaged_json(*FAULT_OBJECTS), _fault_object, (InvalidFieldError,)),
    FuzzTarget(
        "emulator_fault_option",
        damaged_text(
            "http_status,endpoint=config,status=500,count=3",
            "socket_close,code=1011,since=started,after=1.5",
            "packet_delay,delay_seconds=0.1,jitter_seconds=0.05,duration=2",
            tokens=(*FAULTS, "nan", "inf", "true", "endpoint", "duration"),
        ),
        _fault_option,
        (InvalidFieldError,),
    ),
    FuzzTarget("emulator_token", damaged_text(_TOKEN), _token, (InvalidTokenError,)),
    FuzzTarget("emulator_signature", damaged_text(_QUERY), _signature, (InvalidTokenError,)),
    FuzzTarget("emulator_sdp_text", damaged_text(ANSWER, tokens=TOKENS), _description_text),
    FuzzTarget(
        "emulator_answer", damaged_text(ANSWER, tokens=TOKENS), _answer, (NegotiationError,), share=0.3
    ),
]
