"""Playback times and due times."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.bridge.player.timeline import FIRST_INTERVAL_NS, MAX_DELAY_NS, Timeline

MS = 1_000_000


def test_frames_are_due_at_their_media_times():
    timeline = Timeline(1.0)
    dues = []
    for media in (0, 50 * MS, 120 * MS):
        timeline.next_frame(media)
        dues.append(timeline.due_ns(1000))
    assert dues == [1000, 1000 + 50 * MS, 1000 + 120 * MS]
    assert timeline.time_ns == 120 * MS


def test_a_rate_scales_the_waits_and_not_the_time():
    timeline = Timeline(4.0)
    timeline.next_frame(0)
    assert timeline.due_ns(0) == 0
    timeline.next_frame(100 * MS)
    assert timeline.due_ns(0) == 25 * MS
    assert timeline.time_ns == 100 * MS


def test_at_rate_0_everything_is_due_at_once():
    timeline = Timeline(0.0)
    for index in range(5):
        timeline.next_frame(index * 50 * MS)
        assert timeline.due_ns(7) == 7
    assert timeline.time_ns == 200 * MS
    assert timeline.time_at(7) is None


def test_after_a_pause_the_current_frame_is_due_at_once_and_time_has_not_passed():
    timeline = Timeline(1.0)
    timeline.next_frame(0)
    timeline.due_ns(0)
    timeline.next_frame(50 * MS)
    timeline.restart()
    assert timeline.time_at(10_000 * MS) is None
    assert timeline.due_ns(10_000 * MS) == 10_000 * MS
    assert timeline.time_ns == 50 * MS
    timeline.next_frame(100 * MS)
    assert timeline.due_ns(10_000 * MS) == 10_050 * MS


def test_after_a_cut_the_next_frame_follows_the_last_by_an_interval():
    timeline = Timeline(1.0)
    timeline.next_frame(0)
    timeline.next_frame(40 * MS)
    timeline.cut()
    timeline.next_frame(0)
    assert timeline.time_ns == 80 * MS
    timeline.cut()
    timeline.next_frame(9000 * MS)
    assert timeline.time_ns == 120 * MS


def test_the_first_cut_uses_a_default_interval():
    timeline = Timeline(1.0)
    timeline.next_frame(300 * MS)
    assert timeline.time_ns == 0
    timeline.cut()
    timeline.next_frame(0)
    assert timeline.time_ns == FIRST_INTERVAL_NS


def test_playback_that_is_late_does_not_catch_up():
    timeline = Timeline(1.0)
    timeline.next_frame(0)
    timeline.due_ns(0)
    timeline.next_frame(50 * MS)
    late = 50 * MS + MAX_DELAY_NS
    assert timeline.due_ns(late) == 50 * MS
    assert timeline.due_ns(late + 1) == late + 1


def test_between_frames_time_runs_up_to_the_next_frame():
    timeline = Timeline(2.0)
    timeline.next_frame(0)
    timeline.due_ns(0)
    timeline.next_frame(100 * MS)
    assert timeline.time_at(10 * MS) == 20 * MS
    assert timeline.time_at(999 * MS) == 100 * MS


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("frame"), st.integers(0, 10**10)),
            st.tuples(st.sampled_from(["cut", "restart", "due"]), st.just(0)),
        )
    ),
    st.sampled_from([0.0, 0.5, 1.0, 3.0]),
)
def test_time_never_goes_back(calls, rate):
    timeline, last, now = Timeline(rate), 0, 0
    for name, media in calls:
        if name == "frame":
            timeline.next_frame(media)
        elif name == "cut":
            timeline.cut()
        elif name == "restart":
            timeline.restart()
        else:
            now += 10 * MS
            timeline.due_ns(now)
        assert timeline.time_ns >= last
        last = timeline.time_ns
