"""The health of a node, and its assessment for `/diagnostics`: pure functions.

OK means that frames are published, or that no stream is wanted. WARN means that something is worse than
expected and may recover. ERROR means that an operator has to act.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from odyssey_ros.bridge.live.stream_state import SessionState
from odyssey_ros.client import ConnectionStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odyssey_ros.client import ErrorCode

# Seconds for which a connection or a stream may be missing before the level is WARN, and then ERROR.
WARN_AFTER_S, ERROR_AFTER_S = 10.0, 60.0
MIN_SHARE_OF_EXPECTED_RATE = 0.75
MAX_FRAME_GAP_S = 2.0
MAX_DROPPED_SHARE, MAX_LOST_SHARE = 0.05, 0.05
MANY_RECONNECTS = 3
LIMIT_SHOWN_S = 60.0


class Level(enum.Enum):
    """The levels of `/diagnostics`; the names of DiagnosticStatus's constants."""

    OK = enum.auto()
    WARN = enum.auto()
    ERROR = enum.auto()


@dataclass(frozen=True, slots=True)
class FrameHealth:
    """Frame counters: totals since the node was configured, and figures of the last seconds.

    Attributes:
        expected_hz: The expected frame rate.
        hz: The frame rate of the last seconds; None without a stream and before it can be computed.
        age_s: Seconds since the last frame that could be decoded, or since the start of the stream; None
            without a stream.
        width: Width of the last frame in pixels; 0 before the first frame.
        height: Height of the last frame in pixels; 0 before the first frame.
        received: Frames received from the service.
        withheld: Frames that cannot be decoded: they follow a lost frame, or the stream was joined between
            two key frames.
        passed_through: Frames published on an encoded topic.
        not_passed_through: Frames for which no encoded topic had a subscriber that could begin, or the node
            was not active.
        decoded: Frames decoded.
        not_decoded: Frames for which no topic with decoded pictures had a subscriber, those with which
            decoding could not begin, and those that are being decoded.
        skipped: Frames that were not decoded although they were wanted: the decoder was late, or they were
            damaged.
        published: Decoded frames published.
        unwatched: Decoded frames whose subscribers had gone.
        replaced: Decoded frames replaced by a newer one before they were published.
        queued_too_long: Frames that were not passed through because too many waited.
        failed: Frames that could not be converted or published.
        convert_ms: CPU time of the conversion for each published frame, in ms.
        publish_ms: CPU time of publishing for each published frame, in ms.
        pass_ms: CPU time for each frame that was passed through, in ms.
        recently_received: Frames received in the last seconds; the other recent figures cover the same time.
        recently_dropped: Frames replaced, or queued too long, recently.
        recently_failed: Frames that failed recently.
        recently_skipped: Frames skipped recently.
        recently_withheld: Frames withheld recently.
        packets_received: Video packets received on this connection.
        packets_lost: Video packets lost on this connection.
        recent_packets: Packets received recently.
        recently_lost: Packets lost recently.
        jitter_s: Interarrival jitter of the video in seconds.
    """

    expected_hz: float = 20.0
    hz: float | None = None
    age_s: float | None = None
    width: int = 0
    height: int = 0
    received: int = 0
    withheld: int = 0
    passed_through: int = 0
    not_passed_through: int = 0
    decoded: int = 0
    not_decoded: int = 0
    skipped: int = 0
    published: int = 0
    unwatched: int = 0
    replaced: int = 0
    queued_too_long: int = 0
    failed: int = 0
    convert_ms: float = 0.0
    publish_ms: float = 0.0
    pass_ms: float = 0.0
    recently_received: int = 0
    recently_dropped: int = 0
    recently_failed: int = 0
    recently_skipped: int = 0
    recently_withheld: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    recent_packets: int = 0
    recently_lost: int = 0
    jitter_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LimitHealth:
    """The account limits that were reached since the node started.

    Attributes:
        count: The number of limits reached.
        code: The code of the last one; None when no limit was reached.
        message: The text of the last one.
        age_s: Seconds since the last one.
        is_final: Whether waiting does not lift the last one and nothing has succeeded since.
    """

    count: int = 0
    code: ErrorCode | None = None
    message: str = ""
    age_s: float = 0.0
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """A snapshot of a node's health.

    Attributes:
        lifecycle: The lifecycle state: unconfigured, inactive, active or finalized.
        state: The state of the session.
        unconnected_s: Seconds without a connection; 0 with a connection.
        recent_reconnects: Connections regained in the last five minutes.
        streamless_s: Seconds for which a wanted stream has not been running; None when no stream is missing.
        frames: The frames.
        limits: The account limits.
    """

    lifecycle: str = "unconfigured"
    state: SessionState = field(default_factory=SessionState)
    unconnected_s: float = 0.0
    recent_reconnects: int = 0
    streamless_s: float | None = None
    frames: FrameHealth = field(default_factory=FrameHealth)
    limits: LimitHealth = field(default_factory=LimitHealth)


@dataclass(frozen=True, slots=True)
class Assessment:
    """The assessment of one part of a node: its level, the reason, and the figures behind it."""

    level: Level
    message: str
    values: Mapping[str, object]


def service_host(url: str) -> str:
    """Return the host and port of a URL, which serve as hardware id and contain no secret.

    The result is empty when the text is not a URL.
    """
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def bridge_diagnostics(health: Health) -> dict[str, Assessment]:
    """Assess a bridge: its connection, stream, frames and limits."""
    return {
        "connection": Assessment(*connection_level(health), connection_values(health)),
        "stream": Assessment(*stream_level(health), stream_values(health)),
        "frames": Assessment(*frame_level(health.frames), frame_values(health.frames)),
        "limits": Assessment(*limit_level(health.limits), limit_values(health.limits)),
    }


def spectator_diagnostics(health: Health) -> dict[str, Assessment]:
    """Assess a spectator: its connection and frames."""
    parts = bridge_diagnostics(health)
    return {name: parts[name] for name in ("connection", "frames")}


def connection_level(health: Health) -> tuple[Level, str]:
    """Return the level of the connection and the reason."""
    state = health.state
    because = f": {state.message}" if state.message else ""
    if state.connection is ConnectionStatus.FAILED:
        return Level.ERROR, f"Failed{because}"
    if health.lifecycle not in ("inactive", "active"):
        return Level.OK, f"Not wanted: the node is {health.lifecycle}"
    if state.connection is ConnectionStatus.CONNECTED:
        if health.recent_reconnects >= MANY_RECONNECTS:
            return Level.WARN, f"Connected, but lost {health.recent_reconnects} times in five minutes"
        return Level.OK, "Connected"
    level = Level.ERROR if health.unconnected_s >= ERROR_AFTER_S else Level.WARN
    if state.connection is not ConnectionStatus.RECONNECTING and health.unconnected_s < WARN_AFTER_S:
        level = Level.OK
    return level, f"{state.connection.value.capitalize()} for {health.unconnected_s:.0f} s{because}"


def connection_values(health: Health) -> dict[str, object]:
    """Return the figures of the connection."""
    state = health.state
    return {
        "lifecycle": health.lifecycle,
        "status": state.connection.value,
        "session_id": state.session_id,
        "reconnects": state.reconnects,
        "reconnects in 5 min": health.recent_reconnects,
        "last error": state.error_code or "",
        "last message": state.message,
    }


def stream_level(health: Health) -> tuple[Level, str]:
    """Return the level of the stream and the reason."""
    state = health.state
    if state.streaming:
        return Level.OK, "Streaming"
    if health.lifecycle != "active":
        return Level.OK, f"Not wanted: the node is {health.lifecycle}"
    because = f" ({state.error_code}: {state.message})" if state.error_code is not None else ""
    if health.streamless_s is None:
        # No start is pending: no stream was requested, or the requested stream was refused.
        return Level.OK if state.error_code is None else Level.WARN, f"Waiting for a prompt{because}"
    level = Level.OK
    if health.streamless_s >= WARN_AFTER_S:
        level = Level.WARN if health.streamless_s < ERROR_AFTER_S else Level.ERROR
    return level, f"No stream for {health.streamless_s:.0f} s{because}"


def stream_values(health: Health) -> dict[str, object]:
    """Return the figures of the stream."""
    state = health.state
    return {
        "streaming": state.streaming,
        "stream_id": state.stream_id,
        "prompt": state.prompt,
        "prompts acknowledged": state.prompts_acknowledged,
    }


def frame_level(frames: FrameHealth) -> tuple[Level, str]:
    """Return the level of the frames and the most serious reason."""
    if frames.age_s is None:
        return Level.OK, "No stream"
    if frames.age_s > max(MAX_FRAME_GAP_S, 5 / frames.expected_hz):
        if frames.recently_withheld:
            return Level.ERROR, f"No key frame for {frames.age_s:.1f} s: frames cannot be decoded"
        return Level.ERROR, f"No frame for {frames.age_s:.1f} s"
    if frames.recently_failed:
        return Level.ERROR, f"{frames.recently_failed} frames could not be published: see the log"
    if frames.hz is None:
        return Level.OK, "The stream has just started"
    received = frames.recently_received
    if frames.recently_skipped > MAX_DROPPED_SHARE * received:
        return Level.WARN, (
            f"{frames.recently_skipped} of {received} frames not decoded: decoding is slower than the frame "
            "rate, or frames are damaged"
        )
    rate = f"{frames.hz:.1f} Hz"
    if frames.hz < MIN_SHARE_OF_EXPECTED_RATE * frames.expected_hz:
        return Level.WARN, f"{rate} instead of {frames.expected_hz:.1f} Hz"
    if frames.recently_dropped > MAX_DROPPED_SHARE * received:
        return Level.WARN, (
            f"{frames.recently_dropped} of {received} frames dropped: publishing is slower than the frame "
            "rate"
        )
    if frames.recently_withheld > MAX_DROPPED_SHARE * received:
        return Level.WARN, (
            f"{frames.recently_withheld} of {received} frames withheld until the next key frame: frames "
            "before them were lost"
        )
    sent = frames.recent_packets + frames.recently_lost
    if frames.recently_lost > MAX_LOST_SHARE * sent:
        return Level.WARN, f"{frames.recently_lost} of {sent} packets lost"
    return Level.OK, rate


def frame_values(frames: FrameHealth) -> dict[str, object]:
    """Return the figures of the frames."""
    return {
        "frame rate (Hz)": "" if frames.hz is None else frames.hz,
        "expected (Hz)": frames.expected_hz,
        "age of the last frame (s)": "" if frames.age_s is None else frames.age_s,
        "size": f"{frames.width}x{frames.height}" if frames.width else "",
        "received": frames.received,
        "withheld: waiting for a key frame": frames.withheld,
        "passed through": frames.passed_through,
        "not passed through: no subscriber": frames.not_passed_through,
        "decoded": frames.decoded,
        "not decoded: no subscriber": frames.not_decoded,
        "published": frames.published,
        "not published: no subscriber": frames.unwatched,
        "dropped: replaced by a newer frame": frames.replaced,
        "dropped: too many waiting to be passed through": frames.queued_too_long,
        "dropped: failed to publish": frames.failed,
        "dropped: not decoded": frames.skipped,
        "conversion (CPU ms a frame)": frames.convert_ms,
        "publishing (CPU ms a frame)": frames.publish_ms,
        "passing through (CPU ms a frame)": frames.pass_ms,
        "packets received": frames.packets_received,
        "packets lost": frames.packets_lost,
        "jitter (ms)": frames.jitter_s * 1000,
    }


def limit_level(limits: LimitHealth) -> tuple[Level, str]:
    """Return the level of the account limits and the reason."""
    if limits.code is None:
        return Level.OK, "No limit was reached"
    text = f"{limits.code}: {limits.message}"
    if limits.is_final:
        return Level.ERROR, text
    if limits.age_s < LIMIT_SHOWN_S:
        return Level.WARN, text
    return Level.OK, f"The last limit was reached {limits.age_s:.0f} s ago"


def limit_values(limits: LimitHealth) -> dict[str, object]:
    """Return the figures of the limits."""
    return {
        "limits reached": limits.count,
        "last limit": limits.code or "",
        "last message": limits.message,
        "age of the last limit (s)": limits.age_s if limits.code is not None else "",
    }
