from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.bridge.frames.stamping import ArrivalStamps, MediaStamps

MS = 1_000_000
SECOND = 1_000 * MS
FRAME = 50 * MS


def stream(count: int, *, jitter_ms: float = 0.0, drift_ppm: float = 0.0, start: int = 0, seed: int = 7):
    """Yield (capture, arrival, media) of frames that were sent at equal intervals and delayed at random."""
    chance = random.Random(seed)
    arrival = 0
    for index in range(count):
        capture = start + index * FRAME
        delay = 5 * MS + int(chance.expovariate(1 / jitter_ms) * MS if jitter_ms else 0)
        arrival = max(arrival + 1, capture + delay)  # frames leave the decoder in order
        media = round(index * FRAME * (1 + drift_ppm * 1e-6))
        yield capture, arrival, media


def test_jitter_does_not_affect_the_stamps():
    stamps, arrivals = [], []
    mapper = MediaStamps()
    for _, arrival, media in stream(2000, jitter_ms=15):
        stamps.append(mapper.stamp(arrival, media))
        arrivals.append(arrival)
    intervals = [after - before for before, after in itertools.pairwise(stamps[200:])]
    noise = [after - before for before, after in itertools.pairwise(arrivals[200:])]
    assert max(abs(interval - FRAME) for interval in intervals) < 2 * MS
    assert max(abs(interval - FRAME) for interval in noise) > 30 * MS  # the input was uneven


@pytest.mark.parametrize("drift_ppm", [-200.0, 200.0])
def test_drift_does_not_accumulate(drift_ppm):
    mapper = MediaStamps()
    errors = [
        mapper.stamp(arrival, media) - capture
        for capture, arrival, media in stream(72_000, jitter_ms=3, drift_ppm=drift_ppm)  # an hour
    ]
    assert max(abs(error) for error in errors[400:]) < 20 * MS  # 200 ppm of an hour alone are 720 ms


def test_a_stamp_is_never_later_than_the_arrival():
    mapper = MediaStamps()
    for _, arrival, media in stream(2000, jitter_ms=30, drift_ppm=-500):
        assert mapper.stamp(arrival, media) <= arrival + 1


def test_a_wrap_around_of_media_time_has_no_effect():
    mapper, last = MediaStamps(), -1
    wrap = 100 * FRAME
    for capture, arrival, media in stream(400):
        stamp = mapper.stamp(arrival, media % wrap)
        assert stamp > last
        assert abs(stamp - capture - 5 * MS) <= MS
        last = stamp


def test_a_new_stream_restarts_without_going_back():
    mapper = MediaStamps()
    frames = [*stream(100), *stream(100, start=100 * FRAME + 3 * SECOND)]
    stamps = [mapper.stamp(arrival, media) for _, arrival, media in frames]
    assert stamps == sorted(set(stamps))
    assert stamps[100] == frames[100][1]


def test_a_media_clock_that_paused_is_followed_at_once():
    mapper = MediaStamps()
    for _, arrival, media in stream(100):
        mapper.stamp(arrival, media)
    late = arrival + 30 * SECOND
    assert mapper.stamp(late, media + FRAME) == late


def test_a_short_stall_of_the_network_keeps_the_capture_times():
    mapper = MediaStamps()
    for _, arrival, media in stream(100):
        mapper.stamp(arrival, media)
    burst = arrival + 800 * MS
    stamps = [mapper.stamp(burst + index, media + (index + 1) * FRAME) for index in range(5)]
    assert [after - before for before, after in itertools.pairwise(stamps)] == [FRAME] * 4


def test_a_clock_that_is_set_back_is_followed():
    mapper = MediaStamps()
    assert mapper.stamp(100 * SECOND, 0) == 100 * SECOND
    assert mapper.stamp(2 * SECOND, FRAME) == 2 * SECOND


@given(
    st.lists(
        st.tuples(st.integers(0, 200 * MS), st.integers(-2 * SECOND, 2 * SECOND)), min_size=1, max_size=200
    ),
    st.sampled_from([MediaStamps, ArrivalStamps]),
)
def test_stamps_increase_and_are_never_in_the_future(steps, kind):
    """Check any sequence of media times and of arrivals that do not go back."""
    mapper, arrival, media, last = kind(), 10 * SECOND, 5 * SECOND, -1
    for count, (wait, step) in enumerate(steps):
        arrival, media = arrival + wait, media + step
        stamp = mapper.stamp(arrival, media)
        assert last < stamp <= arrival + count
        last = stamp


def test_arrival_stamps_are_the_arrivals():
    mapper = ArrivalStamps()
    assert [mapper.stamp(arrival, 0) for arrival in (5, 6, 6, 9)] == [5, 6, 7, 9]
