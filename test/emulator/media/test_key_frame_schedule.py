"""Key frames on request and at an interval, in the time of the frames."""

from __future__ import annotations

import itertools

import pytest

from odyssey_ros.emulator.media.encoding import RTP_CLOCK
from odyssey_ros.emulator.media.key_frame_schedule import KeyFrameSchedule


def run(schedule, fps, frames, requests=()):
    """Return the numbers of the key frames of a video; `requests` come before frames with these numbers."""
    made = []
    for number in frames:
        if number in requests:
            schedule.request()
        ticks = round(number * RTP_CLOCK / fps)
        if schedule.is_due(ticks):
            schedule.key_frame_made(ticks)
            made.append(number)
    return made


@pytest.mark.parametrize("fps", [60, 30, 29.97, 20, 7, 3.3, 1, 0.7, 0.3])
@pytest.mark.parametrize("interval", [2, 0.5])
def test_key_frames_are_never_more_than_the_interval_apart(fps, interval):
    made = run(KeyFrameSchedule(fps, interval), fps, range(round(60 * fps) + 1))
    assert made[0] == 0
    steps = {later - earlier for earlier, later in itertools.pairwise(made)}
    assert all(step == 1 or step / fps <= interval + 1e-4 for step in steps)
    # Never earlier than needed.
    assert all((step + 1) / fps > interval - 1e-4 for step in steps)


def test_without_an_interval_only_the_first_frame_and_requested_ones_are_key_frames():
    schedule = KeyFrameSchedule(20, 0)
    assert run(schedule, 20, range(2000)) == [0]
    assert run(schedule, 20, range(2000, 2100), requests={2010, 2050}) == [2010, 2050]


def test_requests_are_answered_every_200_ms_and_none_is_lost():
    schedule = KeyFrameSchedule(30, 0)
    assert run(schedule, 30, range(61), requests=range(61)) == list(range(0, 61, 6))
    # Requested right after a key frame, and answered later; one key frame answers all requests until then.
    schedule = KeyFrameSchedule(30, 0)
    assert run(schedule, 30, range(30), requests={1, 2, 3}) == [0, 6]


def test_at_a_low_frame_rate_the_next_frame_answers_a_request():
    assert run(KeyFrameSchedule(4, 0), 4, range(10), requests={1, 2, 5}) == [0, 1, 2, 5]


def test_a_frame_that_was_left_out_delays_the_key_frame_to_the_next_frame():
    assert run(KeyFrameSchedule(20, 2), 20, [*range(30), *range(70, 120)]) == [0, 70, 110]


def test_a_key_frame_that_the_encoder_makes_by_itself_counts():
    schedule = KeyFrameSchedule(20, 2)
    schedule.request()
    schedule.key_frame_made(0)
    schedule.key_frame_made(5 * RTP_CLOCK)
    assert not schedule.is_due(6 * RTP_CLOCK)
    assert schedule.is_due(7 * RTP_CLOCK)
