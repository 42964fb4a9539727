"""The registry of armed faults, on a clock that the test controls."""

from __future__ import annotations

import pytest

from odyssey_ros.emulator.faults import (
    HttpStatus,
    NoOffer,
    PacketLoss,
    SocketClose,
    StreamEnd,
    StreamRefusal,
    VideoFreeze,
)
from odyssey_ros.emulator.faults.fault_registry import FaultRegistry
from odyssey_ros.emulator.faults.schedule import Schedule, SessionMoments

STATUS = HttpStatus(status=500)


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def registry(clock):
    return FaultRegistry(clock)


def test_an_answer_fault_happens_once_by_default(registry):
    registry.arm(STATUS)
    assert registry.take(HttpStatus) == STATUS
    assert registry.take(HttpStatus) is None
    assert registry.armed()[0].spent


def test_a_count_is_a_limit_and_zero_is_no_limit(registry):
    registry.arm(STATUS, Schedule(count=3))
    assert [registry.take(HttpStatus) is not None for _ in range(4)] == [True, True, True, False]
    registry.arm(STATUS, Schedule(count=0))
    assert all(registry.take(HttpStatus) for _ in range(50))


def test_an_answer_fault_with_a_duration_happens_any_number_of_times_within_it(registry, clock):
    registry.arm(STATUS, Schedule(after=5, duration=2))
    assert registry.take(HttpStatus) is None
    clock.now += 5
    assert registry.take(HttpStatus) is registry.take(HttpStatus) is STATUS
    clock.now += 2
    assert registry.take(HttpStatus) is None


def test_the_oldest_fault_that_matches_is_taken(registry):
    registry.arm(HttpStatus(endpoint="regions", status=500))
    registry.arm(HttpStatus(endpoint="config", status=501))
    registry.arm(HttpStatus(endpoint="config", status=502))
    taken = [registry.take(HttpStatus, matches=lambda fault: fault.endpoint == "config") for _ in range(3)]
    assert [fault and fault.status for fault in taken] == [501, 502, None]


def test_a_state_holds_until_it_is_disarmed_or_its_duration_has_passed(registry, clock):
    moments = SessionMoments("one", opened=90)
    armed = registry.arm(VideoFreeze())
    clock.now += 1e6
    assert registry.state(VideoFreeze, moments)
    registry.disarm(armed.number)
    assert registry.state(VideoFreeze, moments) is None
    registry.arm(VideoFreeze(), Schedule(duration=1))
    assert registry.state(VideoFreeze, moments)
    clock.now += 1
    assert registry.state(VideoFreeze, moments) is None


def test_time_can_count_from_a_moment_of_a_session(registry, clock):
    moments = SessionMoments("one", opened=90, connected=95)
    registry.arm(PacketLoss(), Schedule(since="started", after=2, duration=1))
    assert registry.state(PacketLoss, moments) is None
    moments.started = clock.now
    clock.now += 2.5
    assert registry.state(PacketLoss, moments)
    moments.started = clock.now
    assert registry.state(PacketLoss, moments) is None


def test_a_fault_of_one_session_does_not_concern_other_sessions(registry):
    registry.arm(StreamRefusal(), Schedule(session_id="one"))
    assert registry.take(StreamRefusal, SessionMoments("two", opened=90)) is None
    assert registry.take(StreamRefusal) is None
    assert registry.take(StreamRefusal, SessionMoments("one", opened=90))


def test_an_act_happens_once_for_each_moment(registry, clock):
    moments = SessionMoments("one", opened=90)
    registry.arm(StreamEnd(), Schedule(since="started", after=3, count=0))
    assert registry.next_act(moments) is None
    moments.started = 100
    assert registry.next_act(moments) == 3
    assert registry.take_acts(moments) == []
    clock.now += 3
    assert registry.take_acts(moments) == [StreamEnd()]
    assert registry.take_acts(moments) == []
    assert registry.next_act(moments) is None
    moments.started = clock.now
    assert registry.next_act(moments) == 3


def test_an_act_counted_from_now_concerns_open_sessions_only(registry, clock):
    registry.arm(SocketClose(), Schedule(after=1, count=0))
    clock.now += 2
    assert registry.take_acts(SessionMoments("late", opened=clock.now)) == []
    assert registry.take_acts(SessionMoments("early", opened=90)) == [SocketClose()]


def test_a_schedule_that_does_not_fit_is_refused(registry):
    with pytest.raises(ValueError, match="since: must be now for no_offer"):
        registry.arm(NoOffer(), Schedule(since="started"))
    assert registry.armed() == ()


def test_an_act_whose_duration_has_passed_does_not_happen(registry, clock):
    moments = SessionMoments("one", opened=90)
    registry.arm(StreamEnd(), Schedule(duration=2))
    clock.now += 2
    assert registry.next_act(moments) is None
    assert registry.take_acts(moments) == []


def test_disarming_reports_whether_the_fault_existed(registry):
    armed = registry.arm(STATUS)
    assert registry.disarm(armed.number)
    assert not registry.disarm(armed.number)
    registry.arm(STATUS)
    registry.clear()
    assert registry.armed() == ()


def test_faults_that_count_from_a_session_do_not_happen_outside_of_sessions(registry):
    registry.arm(StreamRefusal(), Schedule(since="started"))
    assert registry.take(StreamRefusal) is None


def test_listeners_are_called_for_new_faults_and_moments(registry):
    calls = []
    unsubscribe = registry.subscribe(lambda: calls.append(1))
    registry.arm(STATUS)
    registry.notify()
    unsubscribe()
    registry.arm(STATUS)
    assert calls == [1, 1]
