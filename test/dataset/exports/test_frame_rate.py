"""Constant rates: found, checked and made."""

from __future__ import annotations

import pytest

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.exports.frame_rate import RateFaults, nominal_rate, rate_faults, resampled

PERIOD = 50_000_000  # 20 Hz


def times(*slots: float) -> list[int]:
    """Return times in nanoseconds, given in periods of 20 Hz."""
    return [round(slot * PERIOD) for slot in slots]


@pytest.mark.parametrize(
    ("period_ns", "rate"), [(50_000_000, 20), (33_333_333, 30), (33_366_667, 30), (40_000_000, 25)]
)
def test_the_rate_of_a_regular_video(period_ns: int, rate: int) -> None:
    assert nominal_rate([period_ns * number for number in range(10)]) == rate


def test_gaps_do_not_change_the_rate() -> None:
    assert nominal_rate(times(0, 1, 2, 5, 6, 7, 20, 21)) == 20


@pytest.mark.parametrize("media_times", [[], [0], [0, 0], times(0, 1.6, 3.2, 4.8), [0, 500, 1000]])
def test_no_whole_rate(media_times: list[int]) -> None:
    with pytest.raises(EpisodeError) as caught:
        nominal_rate(media_times)
    assert caught.value.code is ErrorCode.NOT_EXPORTABLE


def test_jitter_is_no_fault() -> None:
    assert rate_faults(times(0, 1.2, 1.9, 3.1, 4), 20) is None


def test_a_rate_near_a_whole_one_is_no_fault() -> None:
    """29.97 Hz is 30 Hz: the difference must not add up to a missing frame."""
    assert rate_faults([number * 1001 * 10**9 // 30000 for number in range(5000)], 30) is None


def test_missing_and_repeated_frames_are_counted() -> None:
    assert rate_faults(times(0, 1, 4, 5, 5.1, 6), 20) == RateFaults(missing=2, repeated=1, first=2)


def test_resampling_fills_gaps_with_the_frame_before() -> None:
    assert resampled(times(0, 1, 4, 5), 20) == [0, 1, 1, 1, 2, 3]


def test_resampling_shows_the_newest_frame_of_a_period() -> None:
    assert resampled(times(0, 1, 1.2, 2), 20) == [0, 2, 3]


def test_resampling_to_another_rate() -> None:
    assert resampled(times(0, 1, 2, 3, 4), 10) == [0, 2, 4]
    assert resampled(times(0, 1, 2), 40) == [0, 0, 1, 1, 2]


def test_nothing_is_resampled_to_nothing() -> None:
    assert resampled([], 20) == []


def test_a_gap_that_would_fill_the_memory() -> None:
    with pytest.raises(EpisodeError, match="is 1000000000 s at frame 2, so at 30 Hz") as caught:
        resampled([0, PERIOD, 10**18], 30)
    assert caught.value.code is ErrorCode.NOT_EXPORTABLE
