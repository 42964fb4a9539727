"""Findings about single pictures: black, frozen, repeated and torn ones."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np

from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.report.finding import Finding, FindingKind
from odyssey_ros.dataset.report.frame_measures import TORN_STEPS
from odyssey_ros.dataset.report.picture_states import runs
from odyssey_ros.dataset.report.shown_again import replays, time_went_on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.report.frame_measures import MeasuredFrames
    from odyssey_ros.dataset.report.picture_states import PictureStates
    from odyssey_ros.dataset.report.thresholds import Thresholds


_START: Final = 2
"""A stream may begin with the same picture some times."""


def black_pictures(measured: MeasuredFrames, states: PictureStates) -> list[Finding]:
    """Return a finding for each run of black pictures."""
    return [
        _finding(measured, first, last, FindingKind.BLACK, _count(first, last, "black picture"))
        for first, last in runs(states.black)
    ]


def frozen_and_repeated(
    measured: MeasuredFrames, states: PictureStates, thresholds: Thresholds
) -> list[Finding]:
    """Return a finding for each run of still pictures that is not the usual step of a slow motion."""
    found = list(runs(states.still))
    frozen = {run for run in found if _is_frozen(run, found, measured, states, thresholds)}
    repeated = [run for run in found if run not in frozen]
    findings = []
    for first, last in found:
        length = last - first + 1
        if (first, last) in frozen:
            seconds = length * states.period_ns / 1e9
            text = f"the picture does not change for {seconds:.2f} s ({length} frames)"
            findings.append(_finding(measured, first, last, FindingKind.FROZEN, text))
            continue
        moves = states.motion[first] >= thresholds.repeated_motion
        if moves and first > _START and _is_repeated((first, last), repeated, measured, states, thresholds):
            text = f"{_count(first, last, 'picture')} shown again, in a video that moves"
            findings.append(_finding(measured, first, last, FindingKind.REPEATED, text))
    return findings


def _is_repeated(
    run: tuple[int, int],
    repeated: list[tuple[int, int]],
    measured: MeasuredFrames,
    states: PictureStates,
    thresholds: Thresholds,
) -> bool:
    """Return whether a run of still pictures, too short for a freeze, is no pause of the motion."""
    first, last = run
    length, reach = last - first + 1, states.frames_in(thresholds.window_s)
    others = [b - a + 1 for a, b in repeated if b >= first - reach and a <= last + reach and (a, b) != run]
    fast = states.motion[first] >= thresholds.fast_motion
    if not others and length > 1 and fast:
        return True
    rare = sum(others) <= thresholds.repeated_max_share * 2 * reach
    if length == 1:
        rare = fast and not others
    return rare and time_went_on(measured, states, first, last, thresholds)


def _is_frozen(
    run: tuple[int, int],
    found: list[tuple[int, int]],
    measured: MeasuredFrames,
    states: PictureStates,
    thresholds: Thresholds,
) -> bool:
    """Return whether a run of still pictures is a freeze."""
    length = run[1] - run[0] + 1
    if length < max(states.frames_in(thresholds.frozen_s), 2):
        return False
    others = [last - first + 1 for first, last in found if (first, last) != run]
    if len(others) < thresholds.slow_runs and _is_certain(run[1], measured, states, thresholds):
        return True
    if others and length >= 2 * thresholds.frozen_ratio * median(others):
        return True
    least = max(states.frames_in(thresholds.slow_frozen_s), thresholds.frozen_ratio * median(others or [0]))
    return length >= least


def _is_certain(last: int, measured: MeasuredFrames, states: PictureStates, thresholds: Thresholds) -> bool:
    """Return whether still pictures up to `last` are no pause of a slow motion.

    Either much moves usually, or more than usual moves in the next picture, because time went on.
    """
    usual = states.motion[last]
    if usual >= thresholds.fast_motion or last + 1 >= len(measured):
        return True
    return bool(measured.moved[last + 1] >= thresholds.jump_ratio * usual)


def replayed_pictures(
    measured: MeasuredFrames, states: PictureStates, thresholds: Thresholds
) -> list[Finding]:
    """Return a finding for each run of pictures that were shown some frames before."""
    return [
        _finding(
            measured,
            first,
            last,
            FindingKind.REPEATED,
            f"{_count(first, last, 'picture')} shown again, {lag} frames after the first time",
        )
        for first, last, lag in replays(measured, states, thresholds)
    ]


def torn_pictures(
    entry: ManifestEntry, measured: MeasuredFrames, states: PictureStates, replayed: Sequence[Finding]
) -> list[Finding]:
    """Return the torn pictures, and those that the decoder repaired until the next key frame.

    Where the video jumps back, moving things differ from the pictures before and after, too.
    """
    findings = [
        _finding(
            measured,
            first,
            last,
            FindingKind.TORN,
            _torn_text(measured, states, first, last),
        )
        for first, last in runs(states.torn, gap=2)
        if not any(_is_near(measured, first, last, each) for each in replayed)
    ]
    keys = np.flatnonzero(measured.key)
    end = -1
    for first in np.flatnonzero(measured.corrupt):
        if first > end:
            later = keys[keys > first]
            end = int(later[0]) - 1 if later.size else len(measured) - 1
            text = f"the video is damaged: the decoder guessed parts of {end - int(first) + 1} pictures"
            findings.append(_finding(measured, int(first), end, FindingKind.TORN, text))
    lost = entry.losses.get(Loss.LOST_REFERENCES.value, 0)
    if lost and not findings:
        text = f"the video lacks pictures on which others are based, at {lost} places"
        findings.append(_finding(measured, 0, len(measured) - 1, FindingKind.TORN, text))
    return findings


def _torn_text(measured: MeasuredFrames, states: PictureStates, first: int, last: int) -> str:
    pictures = _count(first, last, "picture")
    if states.stale[first : last + 1].any():
        return f"{pictures} of which a part is that of an earlier picture"
    change = float(measured.torn[first : last + 1].max())
    return f"{pictures} with a region that differs by {change:.1f} levels from those before and after"


def _is_near(measured: MeasuredFrames, first: int, last: int, other: Finding) -> bool:
    positions = measured.labels[first].position, measured.labels[last].position
    return positions[1] >= other.first - TORN_STEPS - 1 and positions[0] <= other.last + TORN_STEPS + 1


def _count(first: int, last: int, what: str) -> str:
    number = last - first + 1
    return f"{number} {what}{'s' if number != 1 else ''}"


def _finding(measured: MeasuredFrames, first: int, last: int, kind: FindingKind, text: str) -> Finding:
    return Finding(measured.labels[first].position, measured.labels[last].position, kind, text)
