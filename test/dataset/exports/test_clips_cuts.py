"""Cuts: exactly at the frames where the prompt changes, and within the limits of the options."""

from __future__ import annotations

from fractions import Fraction
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.exports.clips_cuts import Cut, CutRules, LeftOut, Omission, cuts_of
from odyssey_ros.dataset.reading.stored_episode import FrameLabels

MS = 1_000_000


def labels(prompts: str, times_ms: list[int] | None = None) -> list[FrameLabels]:
    """One frame for each letter, which is its prompt; a dot is no prompt. 20 Hz, or at the given times."""
    times = times_ms or [50 * number for number in range(len(prompts))]
    return [
        FrameLabels(position, position, time * MS, (1000 + time) * MS, "" if letter == "." else letter)
        for position, (letter, time) in enumerate(zip(prompts, times, strict=True))
    ]


def found(
    prompts: str,
    rules: CutRules = CutRules(),  # noqa: B008 -- frozen
    times_ms: list[int] | None = None,
    flagged: tuple[tuple[int, int], ...] = (),
) -> list[tuple[object, ...]]:
    """Each cut as prompt, number, part, positions; what is left out as reason, number, first, last."""
    return [
        (each.prompt, each.number, each.part, list(each.shown))
        if isinstance(each, Cut)
        else (each.reason, each.number, each.first, each.last)
        for each in cuts_of(labels(prompts, times_ms), rules, flagged)
    ]


def seconds(least: str, most: str | None = None, resample: int | None = None) -> CutRules:
    return CutRules(Fraction(least), None if most is None else Fraction(most), resample)


def test_cuts_are_at_the_changes_of_the_prompt() -> None:
    assert found("aaabaa") == [("a", 0, None, [0, 1, 2]), ("b", 1, None, [3]), ("a", 2, None, [4, 5])]


def test_rate_and_stamp() -> None:
    cuts = [each for each in cuts_of(labels("aab"), CutRules()) if isinstance(each, Cut)]
    assert [(cut.rate, cut.stamp_ns) for cut in cuts] == [(20, 1000 * MS), (20, 1100 * MS)]


def test_frames_without_a_prompt_are_left_out() -> None:
    assert found("aa..  b") == [
        ("a", 0, None, [0, 1]),
        (Omission.NO_PROMPT, 1, 2, 3),
        (Omission.NO_PROMPT, 2, 4, 5),
        ("b", 3, None, [6]),
    ]


def test_short_clips_are_left_out() -> None:
    assert found("aaaabbbcc", seconds("0.15")) == [
        ("a", 0, None, [0, 1, 2, 3]),
        ("b", 1, None, [4, 5, 6]),
        (Omission.TOO_SHORT, 2, 7, 8),
    ]


def test_long_clips_are_cut_into_equal_parts() -> None:
    assert found("aaaaaaaabb", seconds("0", "0.15")) == [
        ("a", 0, 0, [0, 1, 2]),
        ("a", 0, 1, [3, 4, 5]),
        ("a", 0, 2, [6, 7]),
        ("b", 1, None, [8, 9]),
    ]


def test_parts_have_the_maximum_where_equal_parts_would_be_too_short() -> None:
    assert found("aaaaaaaa", seconds("0.15", "0.15")) == [
        ("a", 0, 0, [0, 1, 2]),
        ("a", 0, 1, [3, 4, 5]),
        (Omission.TOO_SHORT, 0, 6, 7),
    ]
    assert found("aaaa", seconds("0.15", "0.15")) == [
        ("a", 0, 0, [0, 1, 2]),
        (Omission.TOO_SHORT, 0, 3, 3),
    ]


@given(
    st.integers(1, 400),
    st.integers(1, 60),
    st.fractions(0, 5, max_denominator=100),
    st.fractions(0, 5, max_denominator=100),
)
def test_lengths_of_parts(frames: int, rate: int, one: Fraction, other: Fraction) -> None:
    """Parts are within the limits, which are rounded to frames; what remains is too short for another one."""
    rules = CutRules(min(one, other), max(one, other) or Fraction(1))
    lengths = rules.lengths(frames, rate)
    remaining = frames - sum(lengths)
    assert all(length / Fraction(rate) >= rules.min_seconds for length in lengths)
    assert all((length - 1) / Fraction(rate) < (rules.max_seconds or 0) for length in lengths)
    assert remaining >= 0
    assert not remaining or remaining / Fraction(rate) < rules.min_seconds
    assert max(lengths, default=0) - min(lengths, default=0) <= 1


def test_without_a_maximum_there_is_one_part() -> None:
    assert CutRules(Fraction(1)).lengths(1800, 30) == [1800]
    assert CutRules(Fraction(61)).lengths(1800, 30) == []


def test_limits_that_are_whole_frames_are_exact() -> None:
    rules = seconds("3.1", "3.1")
    assert rules.lengths(93, 30) == [93]
    assert rules.lengths(92, 30) == []
    assert rules.lengths(186, 30) == [93, 93]


def test_clips_with_missing_frames_are_left_out() -> None:
    times = [0, 50, 100, 150, 250, 300, 350, 400]
    (left_out, kept) = cuts_of(labels("aaaaaabb", times), CutRules())
    assert left_out == LeftOut(0, 0, 5, Omission.MISSING_FRAMES, "missing frames: 1, too early: 0, at 20 Hz")
    assert isinstance(kept, Cut)
    assert kept.shown == (6, 7)


def test_only_the_part_with_the_gap_is_left_out() -> None:
    times = [0, 50, 100, 200, 250, 300, 350, 400]
    assert found("aaaaaaaa", seconds("0", "0.2"), times) == [
        (Omission.MISSING_FRAMES, 0, 0, 3),
        ("a", 0, 1, [4, 5, 6, 7]),
    ]


def test_a_gap_between_two_prompts_does_not_matter() -> None:
    times = [0, 50, 100, 500, 550, 600]
    assert found("aaabbb", times_ms=times) == [("a", 0, None, [0, 1, 2]), ("b", 1, None, [3, 4, 5])]


def test_resampling_repeats_frames_and_keeps_first_and_last() -> None:
    times = [0, 50, 100, 250, 300, 350]
    assert found("aaaabb", seconds("0", resample=20), times) == [
        ("a", 0, None, [0, 1, 2, 2, 2, 3]),
        ("b", 1, None, [4, 5]),
    ]


def test_resampling_drops_frames_and_keeps_first_and_last() -> None:
    times = [33 * number for number in range(9)]
    assert found("aaaabbbbb", seconds("0", resample=10), times) == [
        ("a", 0, None, [0, 3]),
        ("b", 1, None, [4, 8]),
    ]


def test_parts_of_a_filled_gap() -> None:
    assert found("aaab", seconds("0", "0.1", resample=10), [0, 100, 500, 600]) == [
        ("a", 0, part, [position]) for part, position in enumerate([0, 1, 1, 1, 1, 2])
    ] + [("b", 1, None, [3])]


def test_clips_with_flagged_frames_are_left_out() -> None:
    assert found("aaabbbccc", flagged=((4, 4), (6, 10))) == [
        ("a", 0, None, [0, 1, 2]),
        (Omission.FLAGGED, 1, 3, 5),
        (Omission.FLAGGED, 2, 6, 8),
    ]


def test_captions_hold_no_secrets_and_no_control_characters() -> None:
    frames = [
        FrameLabels(position, position, position * 50 * MS, 0, prompt)
        for position, prompt in enumerate(
            ["a\x07 fox\nruns", "see https://files.test/a.mp4?signature=0123456789abcdef", "\x07"]
        )
    ]
    first, second, last = cuts_of(frames, CutRules())
    assert isinstance(first, Cut)
    assert first.prompt == "a fox\nruns"
    assert isinstance(second, Cut)
    assert "0123456789abcdef" not in second.prompt
    assert isinstance(last, LeftOut)
    assert last.reason is Omission.NO_PROMPT


def test_an_episode_without_a_whole_rate_is_refused_unless_it_is_resampled() -> None:
    with pytest.raises(EpisodeError, match="--resample FPS") as caught:
        found("aaabbb", times_ms=[round(1000 * n / 23.5) for n in range(6)])
    assert caught.value.code is ErrorCode.NOT_EXPORTABLE
    assert len(found("aaabbb", seconds("0", resample=24), [round(1000 * n / 23.5) for n in range(6)])) == 2


@given(st.text("ab.", min_size=2, max_size=60), st.integers(0, 8), st.none() | st.integers(1, 10))
def test_each_frame_is_in_one_clip_or_left_out(prompts: str, least: int, more: int | None) -> None:
    rules = CutRules(Fraction(least, 20), None if more is None else Fraction(least + more, 20))
    positions: list[int] = []
    for each in cuts_of(labels(prompts), rules):
        if isinstance(each, Cut):
            assert {prompts[position] for position in each.shown} == {each.prompt}
            positions.extend(each.shown)
        else:
            positions.extend(range(each.first, each.last + 1))
    assert positions == list(range(len(prompts)))
    numbers = [each.number for each in cuts_of(labels(prompts), rules)]
    assert sorted(set(numbers)) == list(range(len(list(groupby(prompts)))))
