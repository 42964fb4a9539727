"""Schedules, on a clock of the test's own."""

from __future__ import annotations

import pytest

from odyssey_ros.emulator.faults import (
    FAULTS,
    HttpStatus,
    NoOffer,
    PacketLoss,
    ReplyDelay,
    SocketClose,
    StreamEnd,
    StreamRefusal,
    VideoFreeze,
)
from odyssey_ros.emulator.faults.fault_parsing import parse_fault_option
from odyssey_ros.emulator.faults.fault_registry import FaultRegistry
from odyssey_ros.emulator.faults.schedule import Schedule, SessionMoments
from odyssey_ros.emulator.http.json_fields import InvalidFieldError

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


def test_an_answer_is_spoilt_once_by_default(registry):
    registry.arm(STATUS)
    assert registry.take(HttpStatus) == STATUS
    assert registry.take(HttpStatus) is None
    assert registry.armed()[0].spent


def test_a_count_bounds_and_zero_does_not(registry):
    registry.arm(STATUS, Schedule(count=3))
    assert [registry.take(HttpStatus) is not None for _ in range(4)] == [True, True, True, False]
    registry.arm(STATUS, Schedule(count=0))
    assert all(registry.take(HttpStatus) for _ in range(50))


def test_an_answer_with_a_duration_is_spoilt_as_long_as_it_lasts(registry, clock):
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


def test_a_state_holds_until_it_is_disarmed_or_over(registry, clock):
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


def test_a_moment_of_a_session_starts_the_clock(registry, clock):
    moments = SessionMoments("one", opened=90, connected=95)
    registry.arm(PacketLoss(), Schedule(since="started", after=2, duration=1))
    assert registry.state(PacketLoss, moments) is None
    moments.started = clock.now
    clock.now += 2.5
    assert registry.state(PacketLoss, moments)
    moments.started = clock.now
    assert registry.state(PacketLoss, moments) is None


def test_a_fault_of_one_session_leaves_the_others_alone(registry):
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


def test_an_act_of_now_concerns_sessions_that_are_open(registry, clock):
    registry.arm(SocketClose(), Schedule(after=1, count=0))
    clock.now += 2
    assert registry.take_acts(SessionMoments("late", opened=clock.now)) == []
    assert registry.take_acts(SessionMoments("early", opened=90)) == [SocketClose()]


@pytest.mark.parametrize(
    ("fault", "schedule"),
    [
        (STATUS, Schedule(since="connected")),
        (STATUS, Schedule(session_id="one")),
        (NoOffer(), Schedule(since="started")),
        (VideoFreeze(), Schedule(count=2)),
    ],
)
def test_what_would_never_happen_is_refused(registry, fault, schedule):
    with pytest.raises(ValueError, match=r"since|session_id|count"):
        registry.arm(fault, schedule)
    assert registry.armed() == ()
    assert registry.arm(VideoFreeze(), Schedule(count=0)).schedule.count == 0


def test_whoever_listens_hears_of_new_faults(registry):
    heard = []
    unsubscribe = registry.subscribe(lambda: heard.append(1))
    registry.arm(STATUS)
    unsubscribe()
    registry.arm(STATUS)
    assert heard == [1]


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_an_option_of_the_command_line(name):
    needed = {
        "http_status": ",status=500",
        "http_delay": ",delay_seconds=2",
        "reply_delay": ",delay_seconds=2",
    }
    fault, schedule = parse_fault_option(f"{name},after=1.5,duration=2{needed.get(name, '')}")
    assert (type(fault), schedule) == (FAULTS[name], Schedule(after=1.5, duration=2))


def test_options_of_the_command_line():
    fault, schedule = parse_fault_option("http_status,endpoint=regions,status=503,count=2")
    assert fault == HttpStatus(endpoint="regions", status=503)
    assert schedule == Schedule(count=2)
    fault, schedule = parse_fault_option("reply_delay,delay_seconds=1,since=connected,after=0.5,duration=3")
    assert fault == ReplyDelay(delay_seconds=1)
    assert schedule == Schedule(since="connected", after=0.5, duration=3)
    fault, _ = parse_fault_option("stream_refusal,message=12,reason=a b")
    assert fault == StreamRefusal(message="12", reason="a b")
    for text in (
        "",
        "nonsense",
        "http_status",
        "http_status,status",
        "http_status,status=many",
        "video_black,x=1",
    ):
        with pytest.raises(InvalidFieldError):
            parse_fault_option(text)
