"""What subscribers need of a stream, with subscribers and a clock of the test."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from odyssey_ros.bridge.live.stream_demand import KEEP_DECODING_NS, StreamDemand

STEP_NS = 50_000_000


class Scene:
    """A demand, its subscribers, and what it asks of the session."""

    def __init__(self):
        self.wants_pictures = self.wants_units = False
        self.now_ns = 0
        self.asked = []
        self.demand = StreamDemand(self, self, 0.0, monotonic_ns=lambda: self.now_ns)

    def set_decoding(self, enabled):
        self.asked.append(enabled)

    def request_key_frame(self):
        self.asked.append("key frame")

    def units(self, count, *, key_frame=False):
        """Let access units arrive, every 50 ms; return what was asked for."""
        self.asked.clear()
        for _ in range(count):
            self.now_ns += STEP_NS
            self.demand.unit_arrived(SimpleNamespace(arrival_ns=self.now_ns, is_key_frame=key_frame))
        return list(self.asked)


@pytest.fixture
def scene():
    return Scene()


def test_nothing_is_asked_without_subscribers(scene):
    scene.demand.key_frame_interval_s = 0.1
    scene.demand.check()
    scene.demand.key_frame_needed()
    assert scene.units(100) == []
    assert not scene.demand.decoding


@pytest.mark.parametrize("noticed", ["event", "access unit"])
def test_decoding_follows_the_subscribers(scene, noticed):
    scene.wants_pictures = True
    if noticed == "event":
        scene.demand.check()
        assert scene.demand.decoding
    else:
        assert scene.units(1) == [True]
    assert scene.units(100) == []
    scene.wants_pictures = False
    assert scene.units(KEEP_DECODING_NS // STEP_NS) == []
    assert scene.units(1) == [False]
    assert scene.units(100) == []


def test_decoding_goes_on_for_a_subscriber_that_returns_soon(scene):
    scene.wants_pictures = True
    scene.units(1)
    for _ in range(5):
        scene.wants_pictures = False
        assert scene.units(15) == []
        scene.wants_pictures = True
        assert scene.units(1) == []


def test_a_subscriber_that_has_gone_before_the_check_turns_nothing_on(scene):
    """Its event comes late: the number of subscribers decides."""
    scene.demand.check()
    assert scene.units(5) == []
    assert not scene.demand.decoding


def test_a_node_that_stops_decodes_nothing_at_once(scene):
    scene.wants_pictures = True
    scene.demand.check()
    scene.wants_pictures = False
    scene.demand.stop()
    assert scene.asked == [True, False]
    scene.demand.stop()
    scene.wants_pictures = True
    scene.demand.check()
    assert scene.asked == [True, False, True]


def test_key_frames_are_requested_when_none_came_for_the_interval(scene):
    scene.wants_units = True
    scene.units(1, key_frame=True)
    assert scene.units(1000) == []  # 0: only on demand
    scene.units(1, key_frame=True)
    scene.demand.key_frame_interval_s = 1.0
    assert scene.units(19) == []
    assert scene.units(2) == ["key frame", "key frame"]  # until one comes; the client limits the rate
    scene.units(1, key_frame=True)
    assert scene.units(19) == []
    scene.wants_units = False
    assert scene.units(100) == []


def test_a_needed_key_frame_is_requested_at_once(scene):
    scene.wants_units = True
    scene.demand.key_frame_needed()
    assert scene.asked == ["key frame"]
