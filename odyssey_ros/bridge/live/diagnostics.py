"""What ``/diagnostics`` says of a node's health: pure functions, with levels that an operator can trust.

OK means that pictures flow, or that nobody wants any. WARN means that something is worse than it should be
and may mend itself. ERROR means that somebody has to look.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from odyssey_ros.bridge.conversions import text_field
from odyssey_ros.bridge.live.stream_state import SessionState
from odyssey_ros.client import ConnectionStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rclpy.node import Node

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR

# How long something may be missing: until then it is on its way, then WARN, then ERROR.
SOON_S, LATE_S = 10.0, 60.0
MIN_OF_EXPECTED = 0.75
MAX_FRAME_GAP_S = 2.0
MAX_DROPPED, MAX_LOST = 0.05, 0.05
MANY_RECONNECTS = 3
LIMIT_SHOWN_S = 60.0


@dataclass(frozen=True, slots=True)
class FrameHealth:
    """The frames: totals since the node was configured, and what happened in the last seconds.

    Attributes:
        expected_hz: The rate that there should be.
        hz: The rate of the last seconds; None while it is too early to tell, and without a stream.
        age_s: Seconds since the last frame, or since the stream began; None without a stream.
        recently_received: Frames received in the last seconds; the other recent figures are of the same
            seconds.
        convert_ms: CPU time that converting took for each published frame, ms; the same for publishing.
    """

    expected_hz: float = 20.0
    hz: float | None = None
    age_s: float | None = None
    width: int = 0
    height: int = 0
    received: int = 0
    published: int = 0
    unwatched: int = 0
    dropped: int = 0
    failed: int = 0
    convert_ms: float = 0.0
    publish_ms: float = 0.0
    recently_received: int = 0
    recently_dropped: int = 0
    recently_failed: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    recent_packets: int = 0
    recently_lost: int = 0
    jitter_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LimitHealth:
    """Limits of the account that were met since the node started.

    Attributes:
        count: How many.
        code: The last one's name; empty when there was none.
        message: The last one, for people.
        age_s: Seconds since the last one.
        is_final: It does not pass by waiting, and nothing has worked since.
    """

    count: int = 0
    code: str = ""
    message: str = ""
    age_s: float = 0.0
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """How a bridge fares at one moment.

    Attributes:
        lifecycle: The node's state: unconfigured, inactive, active, finalized.
        state: Where the session stands.
        unconnected_s: Seconds for which there has been no connection; 0 with one.
        recent_reconnects: Connections regained in the last five minutes.
        streamless_s: Seconds for which a stream has been wanted and none has run; None when none is wanted.
        frames: The frames.
        limits: The limits.
    """

    lifecycle: str = "unconfigured"
    state: SessionState = field(default_factory=SessionState)
    unconnected_s: float = 0.0
    recent_reconnects: int = 0
    streamless_s: float | None = None
    frames: FrameHealth = field(default_factory=FrameHealth)
    limits: LimitHealth = field(default_factory=LimitHealth)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of one part of a node: a level, why, and the figures behind it."""

    level: bytes
    message: str
    values: Mapping[str, object]


class DiagnosticsTopic:
    """Publishes statuses on ``/diagnostics``, named after the node. For the executor's thread."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._name = node.get_fully_qualified_name().lstrip("/")
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def publish(self, hardware_id: str, parts: Mapping[str, Judgement]) -> None:
        """Publish one status for each part of the node."""
        array = DiagnosticArray(
            status=[
                diagnostic_status(f"{self._name}: {part}", hardware_id, judgement)
                for part, judgement in parts.items()
            ]
        )
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)


def service_host(url: str) -> str:
    """Return the host and port of a URL: what a remote device has for a hardware id, and nothing secret.

    A text that is no URL has none.
    """
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def bridge_diagnostics(health: Health) -> dict[str, Judgement]:
    """Judge a bridge: its connection, stream, frames and limits."""
    return {
        "connection": Judgement(*connection_level(health), connection_values(health)),
        "stream": Judgement(*stream_level(health), stream_values(health)),
        "frames": Judgement(*frame_level(health.frames), frame_values(health.frames)),
        "limits": Judgement(*limit_level(health.limits), limit_values(health.limits)),
    }


def spectator_diagnostics(health: Health) -> dict[str, Judgement]:
    """Judge a spectator: its connection and frames."""
    whole = bridge_diagnostics(health)
    return {part: whole[part] for part in ("connection", "frames")}


def diagnostic_status(name: str, hardware_id: str, judgement: Judgement) -> DiagnosticStatus:
    """Return a judgement as a message; numbers are written with as many digits as people read."""
    return DiagnosticStatus(
        level=judgement.level,
        name=name,
        message=text_field(judgement.message),
        hardware_id=text_field(hardware_id),
        values=[
            KeyValue(key=key, value=f"{value:.4g}" if isinstance(value, float) else text_field(str(value)))
            for key, value in judgement.values.items()
        ],
    )


def connection_level(health: Health) -> tuple[bytes, str]:
    """Judge the connection."""
    state = health.state
    because = f": {state.message}" if state.message else ""
    if state.connection is ConnectionStatus.FAILED:
        return ERROR, f"Failed{because}"
    if health.lifecycle not in ("inactive", "active"):
        return OK, f"Not wanted: the node is {health.lifecycle}"
    if state.connection is ConnectionStatus.CONNECTED:
        if health.recent_reconnects >= MANY_RECONNECTS:
            return WARN, f"Connected, but lost {health.recent_reconnects} times in five minutes"
        return OK, "Connected"
    level = ERROR if health.unconnected_s >= LATE_S else WARN
    if state.connection is not ConnectionStatus.RECONNECTING and health.unconnected_s < SOON_S:
        level = OK
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
        "last error": state.error_code,
        "last message": state.message,
    }


def stream_level(health: Health) -> tuple[bytes, str]:
    """Judge the stream."""
    state = health.state
    if state.streaming:
        return OK, "Streaming"
    if health.lifecycle != "active":
        return OK, f"Not wanted: the node is {health.lifecycle}"
    because = f" ({state.error_code}: {state.message})" if state.error_code else ""
    if health.streamless_s is None:
        # Nothing is tried any more: either nothing was asked for, or what was asked for was refused.
        return WARN if state.error_code else OK, f"Waiting for a prompt{because}"
    level = OK if health.streamless_s < SOON_S else WARN if health.streamless_s < LATE_S else ERROR
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


def frame_level(frames: FrameHealth) -> tuple[bytes, str]:
    """Judge the frames; the worst comes first."""
    if frames.age_s is None:
        return OK, "No stream"
    if frames.age_s > max(MAX_FRAME_GAP_S, 5 / frames.expected_hz):
        return ERROR, f"No frame for {frames.age_s:.1f} s"
    if frames.recently_failed:
        return ERROR, f"{frames.recently_failed} frames could not be published; the log tells why"
    if frames.hz is None:
        return OK, "The stream has just begun"
    rate = f"{frames.hz:.1f} Hz"
    if frames.hz < MIN_OF_EXPECTED * frames.expected_hz:
        return WARN, f"{rate} instead of {frames.expected_hz:.1f} Hz"
    if frames.recently_dropped > MAX_DROPPED * frames.recently_received:
        return WARN, (
            f"{frames.recently_dropped} of {frames.recently_received} frames dropped: publishing them takes "
            "longer than they last"
        )
    if frames.recently_lost > MAX_LOST * (frames.recent_packets + frames.recently_lost):
        return WARN, f"{frames.recently_lost} of {frames.recent_packets + frames.recently_lost} packets lost"
    return OK, rate


def frame_values(frames: FrameHealth) -> dict[str, object]:
    """Return the figures of the frames."""
    return {
        "frame rate (Hz)": "" if frames.hz is None else frames.hz,
        "expected (Hz)": frames.expected_hz,
        "age of the last frame (s)": "" if frames.age_s is None else frames.age_s,
        "size": f"{frames.width}x{frames.height}" if frames.width else "",
        "received": frames.received,
        "published": frames.published,
        "not published: nobody subscribed": frames.unwatched,
        "dropped: a newer one came": frames.dropped,
        "dropped: could not be published": frames.failed,
        "conversion (CPU ms a frame)": frames.convert_ms,
        "publishing (CPU ms a frame)": frames.publish_ms,
        "packets received": frames.packets_received,
        "packets lost": frames.packets_lost,
        "jitter (ms)": frames.jitter_s * 1000,
    }


def limit_level(limits: LimitHealth) -> tuple[bytes, str]:
    """Judge the limits of the account."""
    if not limits.code:
        return OK, "No limit was met"
    met = f"{limits.code}: {limits.message}"
    if limits.is_final:
        return ERROR, met
    if limits.age_s < LIMIT_SHOWN_S:
        return WARN, met
    return OK, f"The last limit was met {limits.age_s:.0f} s ago"


def limit_values(limits: LimitHealth) -> dict[str, object]:
    """Return the figures of the limits."""
    return {
        "limits met": limits.count,
        "last limit": limits.code,
        "last message": limits.message,
        "age of the last one (s)": limits.age_s if limits.code else "",
    }
