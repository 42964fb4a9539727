"""The binding of a session to a node: reports on the executor's thread, and stamped frames."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from rclpy.time import Time

from odyssey_ros.bridge.frames.stamping import ArrivalStamps, MediaStamps
from odyssey_ros.bridge.live import session_binding
from odyssey_ros.bridge.live.session_binding import SessionBinding, SessionHandlers
from odyssey_ros.bridge.live.stream_state import Event, EventKind, SessionState
from odyssey_ros.client import DecodedFrame, OdysseyAuthError


class Topics:
    """Stores offered frames in place of the image topics."""

    def __init__(self, _node, settings, report_failure):
        self.settings, self.report_failure = settings, report_failure
        self.offered = []

    def offer(self, decoded, stamp_ns):
        self.offered.append((decoded, stamp_ns))


class Bench:
    def __init__(self):
        self.posted, self.reports = [], []
        self.now_ns = 5_000_000_000
        clock = SimpleNamespace(now=lambda: Time(nanoseconds=self.now_ns), ros_time_is_active=True)
        self.clock = clock
        self.node = SimpleNamespace(calls=SimpleNamespace(post=self.posted.append), get_clock=lambda: clock)
        handlers = SessionHandlers(*(self._store(name) for name in ("state", "event", "gave_up", "failed")))
        self.binding = SessionBinding(self.node, self._make, handlers, "settings", "media")

    def _make(self, observer):
        self.observer = observer
        return "session"

    def _store(self, name):
        return lambda value: self.reports.append((name, value))

    def run_posted(self):
        while self.posted:
            self.posted.pop(0)()


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setattr(session_binding, "ImageTopics", Topics)
    return Bench()


def frame(index, media_time_ns, arrival_ns=0, stream_time_ns=0):
    return DecodedFrame(
        frame=None,
        arrival_ns=arrival_ns,
        media_time_ns=media_time_ns,
        stream_time_ns=stream_time_ns,
        index=index,
        stream_id="s",
        prompt="",
    )


def test_reports_are_posted_in_order(bench):
    state, event, error = SessionState(prompt="a"), Event(EventKind.CONNECTED), OdysseyAuthError("no")
    bench.observer.state_changed(state)
    bench.observer.event_happened(event)
    bench.observer.gave_up(error)
    bench.binding.images.report_failure("no memory")
    assert not bench.reports
    bench.run_posted()
    assert bench.reports == [
        ("state", state), ("event", event), ("gave_up", error), ("failed", "no memory"),
    ]  # fmt: skip


def test_reports_on_their_way_are_dropped_by_detach(bench):
    bench.observer.state_changed(SessionState())
    bench.binding.detach()
    bench.observer.event_happened(Event(EventKind.CONNECTED))
    bench.run_posted()
    assert not bench.reports


def test_media_time_is_relative_to_the_first_frame_of_the_stream(bench):
    """It is also that of a stream whose first frames were not decoded."""
    for media_time_ns, stream_time_ns in ((700, 0), (900, 200), (5000, 150)):
        bench.observer.frame_arrived(frame(0, media_time_ns, stream_time_ns=stream_time_ns))
    assert [decoded.media_time_ns for decoded, _ in bench.binding.images.offered] == [0, 200, 150]
    assert bench.binding.session == "session"


def test_frames_are_stamped_with_simulated_time(bench):
    bench.observer.frame_arrived(frame(0, 0))
    assert bench.binding.images.offered[0][1] == 5_000_000_000


def test_the_time_since_arrival_is_subtracted_from_wall_time(bench, monkeypatch):
    bench.clock.ros_time_is_active = False
    monkeypatch.setattr(session_binding.time, "monotonic_ns", lambda: 1_000)
    bench.observer.frame_arrived(frame(0, 0, arrival_ns=400))
    assert bench.binding.images.offered[0][1] == 5_000_000_000 - 600


def test_changed_parameters_are_applied(bench):
    stamps = bench.binding._stamps
    assert isinstance(stamps, MediaStamps)
    bench.binding.apply("other", "media")
    assert (bench.binding.images.settings, bench.binding._stamps) == ("other", stamps)
    bench.binding.apply("other", "arrival")
    assert isinstance(bench.binding._stamps, ArrivalStamps)
