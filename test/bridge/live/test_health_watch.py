"""The health of a node, computed with a clock of the test."""

from __future__ import annotations

import pytest

from odyssey_ros.bridge.frames.frame_counters import FrameCounters
from odyssey_ros.bridge.live.health_watch import HealthWatch
from odyssey_ros.bridge.live.stream_state import Event, EventKind, SessionState
from odyssey_ros.client import (
    ClientStatistics,
    ConnectionStatus,
    ErrorCode,
    MonthlyLimitReachedError,
    OdysseyNotFoundError,
    OdysseyUsageError,
    RateLimitError,
)

CONNECTED = SessionState(connection=ConnectionStatus.CONNECTED)
STREAMING = SessionState(connection=ConnectionStatus.CONNECTED, streaming=True, stream_id="one")


class Scene:
    """A watch and its input."""

    def __init__(self):
        self.now = 1000.0
        self.watch = HealthWatch(lambda: self.now)
        self.counters = FrameCounters()
        self.received = self.withheld = self.packets = self.lost = self.skipped = 0
        self.state = STREAMING
        self.lifecycle = "active"
        self.wanted = True

    def sample(self):
        return self.watch.sample(
            self.lifecycle,
            self.state,
            self.counters,
            ClientStatistics(
                frames_received=self.received,
                frames_passed=self.received - self.withheld,
                frames_withheld=self.withheld,
                frames_skipped=self.skipped,
                packets_received=self.packets,
                packets_lost=self.lost,
            ),
            stream_wanted=self.wanted,
            expected_hz=20.0,
        )

    def run(self, seconds, frames=20, dropped=0, failed=0, lost=0, skipped=0, withheld=0):
        """Let seconds pass with `frames` frames in each; return the health at the end."""
        for _ in range(seconds):
            self.now += 1.0
            self.received += frames
            self.withheld += withheld
            self.counters.dropped += dropped
            self.counters.failed += failed
            self.packets += 10 * frames
            self.lost += lost
            self.skipped += skipped
            if frames > withheld:
                self.counters.last_arrival_ns = int((self.now - 0.01) * 1e9)
            health = self.sample()
        return health


@pytest.fixture
def scene():
    return Scene()


def test_the_rate_covers_the_last_five_seconds(scene):
    scene.sample()
    assert scene.run(1).frames.hz is None
    assert scene.run(2).frames.hz == pytest.approx(20)
    scene.run(30)
    assert scene.run(1, frames=10).frames.hz == pytest.approx(18)
    assert scene.run(5, frames=10).frames.hz == pytest.approx(10)


def test_skipped_frames_are_counted_and_covered(scene):
    scene.sample()
    health = scene.run(5, skipped=3)
    assert (health.frames.skipped, health.frames.recently_skipped) == (15, 15)
    assert scene.run(10).frames.recently_skipped == 0


def test_recent_figures_cover_the_last_seconds(scene):
    scene.sample()
    health = scene.run(5, dropped=2, failed=1, lost=7)
    assert (health.frames.recently_received, health.frames.recently_dropped) == (100, 10)
    assert (health.frames.recently_failed, health.frames.recently_lost, health.frames.recent_packets) == (
        5,
        35,
        1000,
    )
    health = scene.run(6)
    assert (health.frames.recently_dropped, health.frames.recently_failed, health.frames.recently_lost) == (
        0,
        0,
        0,
    )
    assert (health.frames.replaced, health.frames.failed, health.frames.packets_lost) == (10, 5, 35)


def test_access_units_count_like_pictures(scene):
    scene.sample()
    scene.counters.unit_dropped, scene.counters.unit_failed = 3, 2
    health = scene.run(1, dropped=1, failed=1)
    assert (health.frames.recently_dropped, health.frames.recently_failed) == (4, 3)
    assert (health.frames.replaced, health.frames.queued_too_long, health.frames.failed) == (1, 3, 3)


def test_what_happened_to_the_frames_adds_up(scene):
    counters = scene.counters
    counters.passed_through, counters.held, counters.unit_unwatched, counters.unit_dropped = 30, 2, 5, 3
    counters.decoded, counters.published, counters.unwatched, counters.dropped = 35, 30, 2, 3
    frames = scene.run(1, frames=45, withheld=5, skipped=4).frames
    passed = frames.received - frames.withheld
    assert passed == 40
    assert frames.passed_through + frames.not_passed_through + frames.queued_too_long == passed
    assert frames.decoded + frames.not_decoded + frames.skipped == passed
    assert frames.published + frames.unwatched + frames.replaced + frames.failed == frames.decoded


def test_withheld_frames_are_received_but_do_not_make_the_last_frame_younger(scene):
    scene.sample()
    frames = scene.run(5, withheld=20).frames
    assert frames.hz == pytest.approx(20)
    assert (frames.withheld, frames.recently_withheld) == (100, 100)
    assert frames.age_s == pytest.approx(5)
    assert scene.run(6).frames.recently_withheld == 0


def test_the_age_of_the_last_frame(scene):
    scene.sample()
    assert scene.run(3).frames.age_s == pytest.approx(0.01)
    assert scene.run(4, frames=0).frames.age_s == pytest.approx(4.01)
    scene.state = CONNECTED
    assert scene.sample().frames.age_s is None


def test_a_stream_without_any_frame_ages_from_its_start(scene):
    scene.counters.last_arrival_ns = int(500e9)  # of an earlier stream
    assert scene.sample().frames.age_s == 0
    assert scene.run(3, frames=0).frames.age_s == pytest.approx(3)


def test_each_stream_starts_a_new_window(scene):
    scene.sample()
    scene.run(5)
    scene.state = SessionState(connection=ConnectionStatus.CONNECTED, streaming=True, stream_id="two")
    assert scene.sample().frames.hz is None
    assert scene.run(3).frames.hz == pytest.approx(20)


def test_another_connection_counts_packets_from_zero(scene):
    scene.sample()
    scene.run(3)
    scene.packets = 5
    health = scene.sample()
    assert health.frames.recent_packets == 0
    assert health.frames.recently_lost == 0


def test_seconds_without_a_connection(scene):
    assert scene.sample().unconnected_s == 0
    scene.state = SessionState(connection=ConnectionStatus.RECONNECTING)
    assert scene.sample().unconnected_s == 0
    assert scene.run(7, frames=0).unconnected_s == 7
    scene.state = SessionState(connection=ConnectionStatus.CONNECTING)  # this is not progress
    assert scene.run(5, frames=0).unconnected_s == 12
    scene.state = CONNECTED
    assert scene.sample().unconnected_s == 0
    scene.lifecycle, scene.state = "unconfigured", SessionState()
    assert scene.run(5, frames=0).unconnected_s == 0


def test_seconds_without_a_wanted_stream(scene):
    assert scene.sample().streamless_s is None
    scene.state = CONNECTED
    assert scene.run(1, frames=0).streamless_s == 0
    assert scene.run(3, frames=0).streamless_s == 3
    scene.wanted = False
    assert scene.run(1, frames=0).streamless_s is None
    scene.wanted, scene.lifecycle = True, "inactive"
    assert scene.run(1, frames=0).streamless_s is None


def test_reconnects_are_remembered_for_five_minutes(scene):
    for count in range(1, 4):
        before = SessionState(reconnects=count - 1)
        scene.watch.state_changed(before, SessionState(reconnects=count))
        scene.watch.state_changed(SessionState(reconnects=count), SessionState(reconnects=count, prompt="x"))
        scene.now += 100
    assert scene.sample().recent_reconnects == 3
    scene.now += 150
    assert scene.sample().recent_reconnects == 1
    scene.watch.reset()
    assert scene.sample().recent_reconnects == 0


def test_limits_of_calls_and_of_the_session(scene):
    scene.watch.call_failed(OdysseyNotFoundError("no such thing"))
    assert scene.sample().limits.count == 0
    scene.watch.call_failed(RateLimitError("slow down", action="Retry in 30 s"))
    scene.now += 5
    limits = scene.sample().limits
    assert (limits.count, limits.code, limits.message, limits.age_s, limits.is_final) == (
        1, "RATE_LIMITED", "slow down. Retry in 30 s", 5, False,
    )  # fmt: skip
    scene.watch.event_happened(
        Event(EventKind.ERROR, error_code=ErrorCode.CONCURRENT_LIMIT_REACHED, message="five")
    )
    scene.watch.event_happened(Event(EventKind.ERROR, error_code=ErrorCode.MODERATION_FAILED, message="no"))
    scene.watch.call_failed(OdysseyUsageError("a new kind"))
    assert (scene.sample().limits.count, scene.sample().limits.code) == (3, "LIMIT_REACHED")


def test_a_final_limit_holds_until_a_connection(scene):
    scene.watch.call_failed(MonthlyLimitReachedError("used up"))
    scene.watch.reset()
    scene.now += 9999
    assert scene.sample().limits.is_final
    scene.watch.event_happened(Event(EventKind.CONNECTED))
    assert not scene.sample().limits.is_final
    assert scene.sample().limits.count == 1


def test_the_cost_is_given_for_each_published_frame(scene):
    assert scene.run(1).frames.convert_ms == 0.0
    scene.counters.published, scene.counters.convert_cpu_s, scene.counters.publish_cpu_s = 200, 0.3, 0.5
    scene.counters.passed_through, scene.counters.pass_cpu_s = 400, 0.1
    frames = scene.run(1).frames
    assert (frames.convert_ms, frames.publish_ms, frames.pass_ms) == (1.5, 2.5, 0.25)


def test_a_failure_that_is_reported_as_event_and_to_a_caller_counts_once(scene):
    error = RateLimitError("slow down")
    scene.watch.event_happened(Event.of_error(error))
    scene.watch.call_failed(error)
    assert scene.sample().limits.count == 1
    scene.watch.call_failed(RateLimitError("slow down"))
    assert scene.sample().limits.count == 2
