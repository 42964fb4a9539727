"""Schedules, and which faults they fit."""

from __future__ import annotations

import pytest

from odyssey_ros.emulator.faults import FAULTS, HttpStatus, NoOffer, SocketClose, StreamRefusal, VideoFreeze
from odyssey_ros.emulator.faults.schedule import Schedule, SessionMoments, schedule_problem

STATUS = HttpStatus(status=500)


@pytest.mark.parametrize(
    ("schedule", "mode", "expected"),
    [
        (Schedule(), "answer", 1),
        (Schedule(), "act", 1),
        (Schedule(), "state", 0),
        (Schedule(duration=2), "answer", 0),
        (Schedule(duration=2, count=3), "answer", 3),
        (Schedule(count=0), "act", 0),
    ],
)
def test_the_number_of_times_depends_on_mode_and_duration(schedule, mode, expected):
    assert schedule.max_count(mode) == expected


@pytest.mark.parametrize(
    ("fault", "schedule", "field"),
    [
        (STATUS, Schedule(since="connected"), "since"),
        (NoOffer(), Schedule(since="started"), "since"),
        (STATUS, Schedule(session_id="one"), "session_id"),
        (VideoFreeze(), Schedule(count=2), "count"),
    ],
)
def test_a_schedule_that_does_not_fit_is_reported_with_its_field(fault, schedule, field):
    problem = schedule_problem(fault, schedule)
    assert problem[0] == field
    assert fault.name in problem[1]


@pytest.mark.parametrize(
    ("fault", "schedule"),
    [
        (STATUS, Schedule(count=3, after=1, duration=2)),
        (NoOffer(), Schedule(session_id="one")),
        (StreamRefusal(), Schedule(since="started", session_id="one", count=4)),
        (SocketClose(), Schedule(since="connected")),
        (VideoFreeze(), Schedule(count=0, duration=3)),
    ],
)
def test_a_schedule_that_fits_has_no_problem(fault, schedule):
    assert schedule_problem(fault, schedule) is None


@pytest.mark.parametrize("kind", FAULTS.values(), ids=FAULTS)
def test_the_default_schedule_fits_every_fault(kind):
    assert schedule_problem(kind, Schedule()) is None


def test_moments_have_times_once_they_have_come():
    moments = SessionMoments("one", opened=90)
    assert moments.at("now", armed_at=95) == 95
    assert moments.at("connected", armed_at=95) is None
    assert moments.at("started", armed_at=95) is None
    moments.connected, moments.started = 100, 110
    assert moments.at("connected", armed_at=95) == 100
    assert moments.at("started", armed_at=95) == 110
