"""Computes the health of a node from its events, states and counters."""

from __future__ import annotations

import time
import weakref
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from odyssey_ros.bridge.live.diagnostics import FrameHealth, Health, LimitHealth
from odyssey_ros.bridge.live.stream_state import EventKind
from odyssey_ros.client import (
    ClientStatistics,
    ConnectionStatus,
    ErrorCode,
    as_odyssey_error,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.bridge.frames.frame_counters import FrameCounters
    from odyssey_ros.bridge.live.stream_state import Event, SessionState
    from odyssey_ros.client import OdysseyError

WINDOW_S = 5.0
MIN_WINDOW_S = 2.5
RECONNECTS_WINDOW_S = 300.0
FINAL_LIMITS = frozenset((ErrorCode.MONTHLY_LIMIT_REACHED, ErrorCode.ACCOUNT_SUSPENDED))
LIMITS = FINAL_LIMITS | {
    ErrorCode.CONCURRENT_LIMIT_REACHED,
    ErrorCode.STREAM_DURATION_EXCEEDED,
    ErrorCode.RATE_LIMITED,
    ErrorCode.LIMIT_REACHED,
    ErrorCode.LEASE_DENIED,
    ErrorCode.NO_STREAMER,
}


@dataclass(frozen=True, slots=True)
class Sample:
    """Counters at one time, in seconds of a monotonic clock."""

    time: float
    received: int
    dropped: int
    failed: int
    skipped: int
    withheld: int
    packets: int
    lost: int


class FrameWatch:
    """Computes rates over the last five seconds of a stream, from one sample of the counters a second.

    For one thread.
    """

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque()
        self._stream: str | None = None
        self._started = 0.0

    def sample(
        self,
        now: float,
        counters: FrameCounters,
        statistics: ClientStatistics,
        *,
        stream: str | None,
        expected_hz: float,
    ) -> FrameHealth:
        """Add a sample and return the health of the frames.

        Args:
            now: The time in seconds of a monotonic clock.
            counters: The frame counters of the node.
            statistics: The counters of the client.
            stream: The id of the running stream; None without a stream. Each stream starts a new window.
            expected_hz: The expected frame rate.
        """
        sample = Sample(
            now,
            statistics.frames_received,
            counters.dropped + counters.unit_dropped,
            counters.failed + counters.unit_failed,
            statistics.frames_skipped,
            statistics.frames_withheld,
            statistics.packets_received,
            statistics.packets_lost,
        )
        if stream != self._stream:
            self._samples.clear()
            self._stream, self._started = stream, now
        if stream is not None:
            if self._samples and self._samples[-1].packets > sample.packets:
                self._samples.clear()  # a new connection counts from 0
            self._samples.append(sample)
            while self._samples[0].time < now - WINDOW_S:
                self._samples.popleft()
        first = self._samples[0] if self._samples else sample
        window_s = now - first.time
        age_s = None
        if stream is not None:
            age_s = max(0.0, now - max(self._started, counters.last_arrival_ns / 1e9))
        return FrameHealth(
            expected_hz=expected_hz,
            hz=(sample.received - first.received) / window_s if window_s >= MIN_WINDOW_S else None,
            age_s=age_s,
            width=counters.width,
            height=counters.height,
            received=sample.received,
            passed_through=counters.passed_through,
            not_passed_through=counters.unit_unwatched + counters.held,
            withheld=statistics.frames_withheld,
            decoded=counters.decoded,
            not_decoded=max(0, statistics.frames_passed - counters.decoded - statistics.frames_skipped),
            skipped=statistics.frames_skipped,
            published=counters.published,
            unwatched=counters.unwatched,
            replaced=counters.dropped,
            queued_too_long=counters.unit_dropped,
            failed=sample.failed,
            convert_ms=counters.convert_cpu_s * 1000 / max(counters.published, 1),
            publish_ms=counters.publish_cpu_s * 1000 / max(counters.published, 1),
            pass_ms=counters.pass_cpu_s * 1000 / max(counters.passed_through, 1),
            recently_received=sample.received - first.received,
            recently_dropped=sample.dropped - first.dropped,
            recently_failed=sample.failed - first.failed,
            recently_skipped=max(0, sample.skipped - first.skipped),
            recently_withheld=max(0, sample.withheld - first.withheld),
            packets_received=statistics.packets_received,
            packets_lost=statistics.packets_lost,
            recent_packets=sample.packets - first.packets,
            recently_lost=sample.lost - first.lost,
            jitter_s=statistics.jitter_s,
        )


class HealthWatch:
    """Tracks the events of a node and computes its health. For the executor's thread.

    Args:
        clock: Returns seconds, monotonic; the clock of `FrameCounters.last_arrival_ns`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._frames = FrameWatch()
        self._unconnected_since: float | None = None
        self._streamless_since: float | None = None
        self._reconnected: deque[float] = deque()
        self._limits = LimitHealth()
        self._limit_time = 0.0
        self._counted: weakref.WeakSet[OdysseyError] = weakref.WeakSet()

    def reset(self) -> None:
        """Discard everything but the limits; call it when the node is configured."""
        self._frames = FrameWatch()
        self._unconnected_since = self._streamless_since = None
        self._reconnected.clear()

    def event_happened(self, event: Event) -> None:
        """Count a limit, or clear it when the event shows that the account works again."""
        if event.kind in (EventKind.CONNECTED, EventKind.STARTED):
            self._clear_limit()
        elif event.error_code is not None:
            self._count_limit(event.error_code, event.message, event.error)

    def call_failed(self, error: Exception) -> None:
        """Count a limit that a service call or an action goal has reached."""
        failure = as_odyssey_error(error)
        self._count_limit(failure.code, failure.advice, failure)

    def state_changed(self, before: SessionState, state: SessionState) -> None:
        """Count a reconnection."""
        if state.reconnects > before.reconnects:
            self._reconnected.append(self._clock())

    def sample(
        self,
        lifecycle: str,
        state: SessionState,
        counters: FrameCounters,
        statistics: ClientStatistics,
        *,
        stream_wanted: bool,
        expected_hz: float,
    ) -> Health:
        """Add a sample of the counters and return the health. Call it once a second."""
        now = self._clock()
        connected = state.connection is ConnectionStatus.CONNECTED
        configured = lifecycle in ("inactive", "active")
        self._unconnected_since = _since(self._unconnected_since, now, holds=configured and not connected)
        missing = lifecycle == "active" and stream_wanted and not state.streaming
        self._streamless_since = _since(self._streamless_since, now, holds=missing)
        while self._reconnected and self._reconnected[0] < now - RECONNECTS_WINDOW_S:
            self._reconnected.popleft()
        return Health(
            lifecycle=lifecycle,
            state=state,
            unconnected_s=0.0 if self._unconnected_since is None else now - self._unconnected_since,
            recent_reconnects=len(self._reconnected),
            streamless_s=None if self._streamless_since is None else now - self._streamless_since,
            frames=self._frames.sample(
                now,
                counters,
                statistics,
                stream=state.stream_id if state.streaming else None,
                expected_hz=expected_hz,
            ),
            limits=replace(
                self._limits, age_s=now - self._limit_time if self._limits.code is not None else 0.0
            ),
        )

    def _count_limit(self, code: ErrorCode, message: str, error: OdysseyError | None) -> None:
        """Count a limit, unless it is a failure that was counted before: a call may fail with it, too."""
        if code not in LIMITS or error in self._counted:
            return
        if error is not None:
            self._counted.add(error)
        self._limit_time = self._clock()
        self._limits = LimitHealth(self._limits.count + 1, code, message, 0.0, code in FINAL_LIMITS)

    def _clear_limit(self) -> None:
        self._limits = replace(self._limits, is_final=False)


def _since(before: float | None, now: float, *, holds: bool) -> float | None:
    """Return the time since which a condition has been true; None when it is false."""
    if not holds:
        return None
    return now if before is None else before
