"""The binding of a session to a node: reports on the executor's thread, stamped frames, and the demand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from rclpy.time import Time

from odyssey_ros.bridge.live import session_binding
from odyssey_ros.bridge.live.session_binding import FrameSettings, SessionBinding, SessionHandlers
from odyssey_ros.bridge.live.stream_state import Event, EventKind, SessionState
from odyssey_ros.client import DecodedFrame, EncodedFrame, OdysseyAuthError

SETTINGS = FrameSettings("settings", "media", 0.0)


class Topics:
    """Stores offered frames in place of the image topics."""

    def __init__(self, _node, settings, report_failure, **callbacks):
        self.settings, self.report_failure = settings, report_failure
        self.key_frame_needed = callbacks["key_frame_needed"]
        self.picture_subscribed = callbacks["picture_subscribed"]
        self.units, self.pictures = [], []
        self.wants_pictures = self.wants_units = self.active = False

    def activate(self):
        self.active = True

    def deactivate(self):
        self.active = self.wants_pictures = self.wants_units = False

    def offer_unit(self, frame, stamped):
        self.units.append((frame, stamped))

    def offer_picture(self, picture, stamped):
        self.pictures.append((picture, stamped))


class Session:
    """Stores what the binding demands."""

    def __init__(self):
        self.demands = []

    def set_decoding(self, enabled):
        self.demands.append("decode" if enabled else "stop")

    def request_key_frame(self):
        self.demands.append("key frame")


class Bench:
    def __init__(self):
        self.posted, self.on_loop, self.reports = [], [], []
        self.now_ns = 5_000_000_000
        clock = SimpleNamespace(now=lambda: Time(nanoseconds=self.now_ns), ros_time_is_active=True)
        self.clock = clock
        self.node = SimpleNamespace(
            calls=SimpleNamespace(post=self.posted.append),
            asyncio_thread=SimpleNamespace(loop=SimpleNamespace(call_soon_threadsafe=self.on_loop.append)),
            get_clock=lambda: clock,
        )
        handlers = SessionHandlers(*(self._store(name) for name in ("state", "event", "gave_up", "failed")))
        self.binding = SessionBinding(self.node, self._make, handlers, SETTINGS)
        self.topics = self.binding.images

    def _make(self, observer):
        self.observer = observer
        return Session()

    def _store(self, name):
        return lambda value: self.reports.append((name, value))

    def run_posted(self):
        while self.posted:
            self.posted.pop(0)()

    @property
    def demands(self):
        """Run what was posted to the loop, and return what the session was told since the last call."""
        while self.on_loop:
            self.on_loop.pop(0)()
        demands, self.binding.session.demands = self.binding.session.demands, []
        return demands


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setattr(session_binding, "ImageTopics", Topics)
    return Bench()


def unit(number, media_time_ns=0, arrival_ns=0, stream_time_ns=0, is_key_frame=False):
    return EncodedFrame(
        codec="h264",
        data=b"",
        is_key_frame=is_key_frame,
        width=None,
        height=None,
        arrival_ns=arrival_ns,
        media_time_ns=media_time_ns,
        stream_time_ns=stream_time_ns,
        index=number,
        stream_id="s",
        prompt="",
        number=number,
    )


def picture(number, media_time_ns=0):
    return DecodedFrame(
        frame=f"picture {number}",
        arrival_ns=0,
        media_time_ns=media_time_ns,
        stream_time_ns=0,
        index=number,
        stream_id="s",
        prompt="",
        number=number,
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


def test_a_picture_has_the_stamp_of_its_access_unit(bench):
    """Also when it is decoded later, when pictures between were not decoded, and after another source."""
    bench.topics.wants_pictures = True
    for number in range(4):
        bench.now_ns += 50_000_000
        bench.observer.frame_arrived(unit(number, number * 50_000_000))
    bench.binding.apply(FrameSettings("other", "arrival", 0.0))
    bench.now_ns += 700_000_000
    for number in (0, 3):
        bench.observer.frame_decoded(picture(number, number * 50_000_000))
    units = [stamped for _, stamped in bench.topics.units]
    assert [stamped for _, stamped in bench.topics.pictures] == [units[0], units[3]]
    assert [picture for picture, _ in bench.topics.pictures] == ["picture 0", "picture 3"]


def test_changed_parameters_are_applied(bench):
    bench.binding.apply(FrameSettings("other", "arrival", 2.0))
    assert bench.topics.settings == "other"
    for number in range(2):  # at the same time
        bench.observer.frame_arrived(unit(number, number * 50_000_000))
    stamps = [stamped.stamp_ns for _, stamped in bench.topics.units]
    assert stamps == [5_000_000_000, 5_000_000_001]
    bench.topics.wants_units = True
    bench.observer.frame_arrived(unit(2))
    assert bench.demands == ["key frame"]


def test_the_demand_reaches_the_session(bench):
    bench.binding.activate()
    assert bench.topics.active
    assert bench.demands == []
    bench.topics.wants_units = True
    bench.topics.key_frame_needed()
    assert bench.demands == ["key frame"]
    bench.topics.wants_pictures = True
    bench.topics.picture_subscribed()
    assert bench.demands == ["decode"]
    bench.binding.deactivate()
    assert not bench.topics.active
    assert bench.demands == ["stop"]
    bench.topics.wants_units = bench.topics.wants_pictures = True
    bench.binding.activate()
    assert bench.demands == ["decode", "key frame"]
