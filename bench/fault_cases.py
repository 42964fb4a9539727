"""The faults that the fault run injects, and the expected outcome of each."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

Fault = dict[str, Any]


class Expected(enum.Enum):
    """The expected outcome of a fault."""

    FLOWS = "recovers by itself"
    UNHARMED = "is not affected"
    GIVES_UP = "unconfigured, with the reason; configure and activate recover the node"
    WAITS = "stays active and waits for another prompt"


class Setting(enum.Enum):
    """The action that lets a fault take effect."""

    STREAMING = enum.auto()  # none: a stream is running
    LOSS = enum.auto()  # drop the connection, so that the bridge reconnects
    STREAM_END = enum.auto()  # end the stream, so that the bridge starts another
    PROMPT = enum.auto()  # send a prompt
    RECONFIGURE = enum.auto()  # clean up and configure the bridge, so that it requests a token
    RESTART = enum.auto()  # kill the service and start it again after `seconds`
    PAUSE = enum.auto()  # stop the service as Ctrl-Z does, and continue it after `seconds`
    ATTACK = enum.auto()  # the attack of this name in `fault_attacks`, from another node


@dataclass(frozen=True)
class FaultCase:
    """One row of the table.

    Attributes:
        name: The name in the table.
        faults: The body of `POST /control/faults`.
        expected: The expected outcome.
        setting: The action that lets the fault take effect.
        seconds: Duration of a fault that has none in `faults`.
        answer: The expected answers to an attack, separated by `; `; empty when the attack has none.
        timeout_s: Maximum seconds until the outcome.
        peak_mib: Memory that the bridge may use in addition, in MiB.
    """

    name: str
    faults: tuple[Fault, ...] = ()
    expected: Expected = Expected.FLOWS
    setting: Setting = Setting.STREAMING
    seconds: float = 0.0
    answer: str = ""
    timeout_s: float = 100.0
    peak_mib: float = 200.0

    @property
    def duration_s(self) -> float:
        """Seconds from the injection to the end of the fault."""
        return max([self.seconds, *(float(fault.get("duration", 0.0)) for fault in self.faults)])


def fault(name: str, **fields: Any) -> Fault:
    """Return a fault in the form of the control endpoint."""
    return {"fault": name, **fields}


def act(name: str, expected: Expected = Expected.FLOWS, **fields: Any) -> FaultCase:
    """Return a case: a fault of a running stream."""
    words = [name, *(f"{value:g}" if isinstance(value, float) else str(value) for value in fields.values())]
    return FaultCase(" ".join(words), (fault(name, **fields),), expected)


def video(name: str, seconds: float, expected: Expected = Expected.FLOWS, **fields: Any) -> FaultCase:
    """Return a case: a fault of the video for some seconds."""
    words = [name, *(f"{field} {value:g}" for field, value in fields.items()), f"for {seconds:g} s"]
    return FaultCase(" ".join(words), (fault(name, duration=seconds, **fields),), expected)


def reconnecting(name: str, answer: Fault, expected: Expected = Expected.FLOWS) -> FaultCase:
    """Return a case: a fault while the bridge reconnects, for 4 s unless the fault has a count."""
    if "count" not in answer:
        answer = {**answer, "duration": 120.0 if expected is Expected.GIVES_UP else 4.0}
    return FaultCase(f"loss, then {name}", (answer,), expected, Setting.LOSS)


def authenticating(name: str, answer: Fault, expected: Expected = Expected.FLOWS) -> FaultCase:
    """Return a case: a fault of the token request."""
    answer = {**answer, "duration": 120.0 if expected is Expected.GIVES_UP else 4.0}
    return FaultCase(f"configure, {name}", (answer,), expected, Setting.RECONFIGURE)


def refusing(
    reason: str, count: int, expected: Expected = Expected.FLOWS, name: str = "stream_refusal"
) -> FaultCase:
    """Return a case: the service ends the stream and refuses the next starts."""
    refusal = fault("stream_refusal", reason=reason, count=count)
    times = f"{count} times" if count else "always"
    return FaultCase(f"stream_end, then {name} {reason} {times}", (refusal,), expected, Setting.STREAM_END)


def running_stream() -> list[FaultCase]:
    """Return the faults of a connection with a running stream."""
    unharmed = Expected.UNHARMED
    return [
        *(act("socket_close", code=code) for code in (1000, 1001, 1008, 1011)),
        act("socket_drop"),
        FaultCase("socket_hang", (fault("socket_hang"),), seconds=45.0),  # two ping intervals
        act("socket_error", reason="streamer_disconnected"),
        act("socket_error", reason="streamer_not_available"),
        act("socket_error", reason="duration_limit_reached"),
        act("socket_error", reason="never_heard_of"),
        act("socket_error", reason="streamer_disconnected", close=False),
        act("socket_text", unharmed),
        act("socket_text", unharmed, text='{"type": "never_heard_of"}'),
        act("channel_close", label="clientToStreamer"),
        act("channel_close", label="streamerToClient"),
        act("channel_text", unharmed),
        act("peer_close"),
        act("peer_kill"),
        act("track_end"),
        act("stream_end"),
        act("stream_fail", reason="model_crashed"),
        act("stream_fail", reason="session_timeout"),
        act("stream_fail", reason="lease_denied"),
        refusing("moderation_failed", 2),
        refusing("lease_denied", 2),
        refusing("concurrent_limit_exceeded", 2),
        refusing("moderation_failed", 0, Expected.WAITS),
        refusing("quota_exceeded", 0, Expected.GIVES_UP),
        FaultCase(
            "stream_end, then reply_drop start",
            (fault("reply_drop", request="start"),),
            setting=Setting.STREAM_END,
        ),
        FaultCase(
            "stream_end, then reply_delay start 3",
            (fault("reply_delay", request="start", delay_seconds=3.0),),
            setting=Setting.STREAM_END,
        ),
        FaultCase(
            "prompt, reply_drop update",
            (fault("reply_drop", request="update"),),
            unharmed,
            Setting.PROMPT,
        ),
        FaultCase(
            "prompt, stream_refusal update",
            (fault("stream_refusal", request="update", reason="moderation_failed"),),
            unharmed,
            Setting.PROMPT,
        ),
        video("video_freeze", 3.0),
        video("video_black", 3.0),
        video("video_stall", 3.0),
        video("video_stall", 14.0),
        video("video_resize", 3.0),
        video("video_jump", 3.0, unharmed, jump_seconds=10.0),
        video("video_jump", 3.0, unharmed, jump_seconds=-10.0),
        video("packet_loss", 4.0, unharmed, fraction=0.05),
        video("packet_loss", 4.0, fraction=0.5),
        video("packet_delay", 4.0, unharmed, delay_seconds=0.3),
        video("packet_delay", 4.0, unharmed, delay_seconds=0.1, jitter_seconds=0.05),
        FaultCase("frame_loss", (fault("frame_loss"),)),
        FaultCase("frame_loss 3 times", (fault("frame_loss", count=3),)),
        FaultCase("frame_loss frames key", (fault("frame_loss", frames="key"),)),
        FaultCase("frame_loss packets last", (fault("frame_loss", packets="last"),)),
        video("parameter_sets_once", 10.0, unharmed),
    ]


def connection_attempts() -> list[FaultCase]:
    """Return the faults of a connection attempt."""
    gives_up = Expected.GIVES_UP
    endpoints = ("sessions_request", "sessions_token", "signaling", "config")
    cases = [
        reconnecting(f"{status} of {endpoint}", fault("http_status", endpoint=endpoint, status=status))
        for endpoint, status in (
            *((endpoint, 500) for endpoint in endpoints),
            ("sessions_request", 429),
            ("sessions_request", 503),
            ("signaling", 503),
        )
    ]
    for endpoint, status, expected in (
        ("sessions_request", 401, gives_up),
        ("sessions_request", 403, gives_up),
        ("sessions_request", 404, gives_up),
        ("sessions_token", 401, gives_up),
        ("sessions_token", 403, gives_up),
        ("sessions_token", 404, Expected.FLOWS),
        ("signaling", 401, gives_up),
        ("signaling", 403, gives_up),
        ("signaling", 404, Expected.FLOWS),
        ("config", 404, Expected.FLOWS),
    ):
        answer = fault("http_status", endpoint=endpoint, status=status)
        cases.append(reconnecting(f"{status} of {endpoint}", answer, expected))
    for code, expected in (
        ("RATE_LIMITED", Expected.FLOWS),
        ("CONCURRENT_LIMIT_REACHED", Expected.FLOWS),
        ("STREAM_DURATION_EXCEEDED", Expected.FLOWS),
        ("MONTHLY_LIMIT_REACHED", gives_up),
        ("ACCOUNT_SUSPENDED", gives_up),
    ):
        cases.append(reconnecting(f"429 {code}", fault("http_usage_error", code=code), expected))
    legacy = fault("http_usage_error", code="MONTHLY_LIMIT_REACHED", legacy=True)
    cases.append(reconnecting("429 MONTHLY_LIMIT_REACHED in the older shape", legacy, gives_up))
    for endpoint in endpoints:
        cases.append(reconnecting(f"http_drop of {endpoint}", fault("http_drop", endpoint=endpoint, count=2)))
        malformed = fault("http_malformed", endpoint=endpoint, count=2)
        cases.append(reconnecting(f"http_malformed of {endpoint}", malformed))
        cases.append(reconnecting(f"http_hang of {endpoint}", fault("http_hang", endpoint=endpoint, count=1)))
    cases.append(reconnecting("http_delay 1 s of all", fault("http_delay", delay_seconds=1.0)))
    variants = ("garbage", "empty", "missing", "wrong_fingerprint")
    cases += [reconnecting(f"bad_offer {one}", fault("bad_offer", variant=one, count=1)) for one in variants]
    cases += [
        reconnecting("no_offer", fault("no_offer", count=1)),
        reconnecting("no_track", fault("no_track", count=1)),
        reconnecting("no_channel clientToStreamer", fault("no_channel", label="clientToStreamer", count=1)),
        reconnecting("no_channel streamerToClient", fault("no_channel", label="streamerToClient", count=1)),
    ]
    cases += [
        authenticating(
            f"{status} of auth_token", fault("http_status", endpoint="auth_token", status=status), expected
        )
        for status, expected in (
            (401, gives_up),
            (403, gives_up),
            (422, gives_up),
            (429, Expected.FLOWS),
            (500, Expected.FLOWS),
            (503, Expected.FLOWS),
        )
    ]
    return [
        *cases,
        FaultCase("service killed, started again after 4 s", setting=Setting.RESTART, seconds=4.0),
        FaultCase("service stopped for 4 s", setting=Setting.PAUSE, seconds=4.0),
        FaultCase("service stopped for 20 s", setting=Setting.PAUSE, seconds=20.0),
    ]


def hostile_answers() -> list[FaultCase]:
    """Return the answers of a service that wants to harm its client."""
    request, token = "sessions_request", "auth_token"
    forged = "first\r\n[ERROR] forged \x1b[31mred \ud800\u2028"
    floods = [
        reconnecting(
            f"http_flood {words} of {endpoint}", fault("http_flood", endpoint=endpoint, count=2, **size)
        )
        for words, endpoint, size in (
            ("without end", request, {}),
            ("gzip without end", request, {"encoding": "gzip"}),
            ("gzip 3000 MiB", "config", {"encoding": "gzip", "mebibytes": 3000}),
            ("64 MiB", "sessions_token", {"mebibytes": 64}),
        )
    ]
    waits = [
        FaultCase(
            f"loss, then 503 of {request}, Retry-After {words}",
            (fault("http_status", endpoint=request, status=503, count=1, retry_after=wait),),
            setting=Setting.LOSS,
            timeout_s=500.0,
        )
        for words, wait in (("999999999", "999999999"), ("as a date 5 s ahead", "+5"))
    ]
    return [
        reconnecting(
            "500 with control characters", fault("http_status", endpoint=request, status=500, detail=forged)
        ),
        FaultCase(
            "stream_fail with control characters", (fault("stream_fail", reason=forged, message=forged),)
        ),
        FaultCase("socket_close with control characters", (fault("socket_close", reason="forged \x1b[31m"),)),
        reconnecting(f"http_echo of {request}", fault("http_echo", endpoint=request)),
        authenticating(f"http_echo of {token}", fault("http_echo", endpoint=token)),
        *floods,
        *waits,
        reconnecting(
            f"http_redirect to http://[oops/ of {request}",
            fault("http_redirect", endpoint=request, location="http://[oops/", count=2),
        ),
        reconnecting("extra_tracks 14", fault("extra_tracks", tracks=14, count=1)),
        FaultCase(
            "video_resize 7680 x 4320 for 4 s",
            (fault("video_resize", width=7680, height=4320, duration=4.0),),
        ),
        FaultCase(
            "stream_end, then request_close start 2 times",
            (fault("request_close", count=2),),
            setting=Setting.STREAM_END,
        ),
        FaultCase(
            "stream_end, then request_close start always",
            (fault("request_close", count=0),),
            Expected.WAITS,
            Setting.STREAM_END,
        ),
    ]


def attacks() -> list[FaultCase]:
    """Return the attacks of another node. The stream goes on; the prompt itself takes a moment and memory."""
    refused = "PATH_NOT_ALLOWED"
    return [
        FaultCase("a prompt of 66 MB", setting=Setting.ATTACK, peak_mib=400.0),
        *(
            FaultCase(name, (), Expected.UNHARMED, Setting.ATTACK, answer=answer)
            for name, answer in (
                ("a picture of 2,200,000 x 1, then a prompt", ""),
                ("6 jobs with /dev/ptmx as image_path", refused),
                ("6 jobs with a pipe as image_path", refused),
                ("a job with a file of the user as image_path", refused),
                ("3 jobs with a picture of 289 megapixels", "BAD_IMAGE"),
                ("api_url, api_key_file and camera_info_url set", "refused; refused; refused"),
            )
        ),
        FaultCase(
            "200 calls of ~/list_simulation_jobs, each answered after 3 s",
            (fault("http_delay", endpoint="jobs_list", delay_seconds=3.0),),
            Expected.UNHARMED,
            Setting.ATTACK,
            answer="TOO_MANY_CALLS; accepted",
        ),
    ]


CASES = [*running_stream(), *connection_attempts(), *hostile_answers(), *attacks()]
