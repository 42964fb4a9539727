"""Findings about single pictures: black, frozen, repeated and torn ones."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.report.finding import Finding, FindingKind
from odyssey_ros.dataset.report.picture_states import MIN_RUN, runs

if TYPE_CHECKING:
    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.report.frame_measures import MeasuredFrames
    from odyssey_ros.dataset.report.picture_states import PictureStates
    from odyssey_ros.dataset.report.thresholds import Thresholds


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
    frozen_frames = max(states.frames_in(thresholds.frozen_s), 2)
    reach = states.frames_in(thresholds.window_s)
    findings = []
    for first, last in found:
        length = last - first + 1
        others = [b - a + 1 for a, b in found if (a, b) != (first, last)]
        step = median(others) if len(others) >= 5 else 0
        if length >= max(frozen_frames, thresholds.frozen_ratio * step):
            seconds = length * states.period_ns / 1e9
            text = f"the picture does not change for {seconds:.2f} s ({length} frames)"
            findings.append(_finding(measured, first, last, FindingKind.FROZEN, text))
            continue
        start, end = max(first - reach, 1), min(last + reach + 1, len(measured))
        others_still = np.count_nonzero(states.still[start:end]) - length
        crowd = others_still / max(end - start - length, 1)
        if crowd <= thresholds.repeated_max_share and states.motion[first] >= thresholds.repeated_motion:
            text = f"{_count(first, last, 'picture')} shown again, in a video that moves"
            findings.append(_finding(measured, first, last, FindingKind.REPEATED, text))
    return findings


def replayed_pictures(
    measured: MeasuredFrames, states: PictureStates, thresholds: Thresholds
) -> list[Finding]:
    """Return a finding for each run of pictures that were shown some frames before."""
    hidden = states.black | states.still
    findings = []
    first = 0
    for position in range(1, len(measured) + 1):
        if position < len(measured) and measured.lag[position] == measured.lag[first]:
            continue
        last, lag = position - 1, int(measured.lag[first])
        change = float(measured.change[first:position].sum())
        repeated = float(measured.lag_change[first:position].sum())
        if (
            lag >= 2
            and last - first + 1 >= MIN_RUN
            and not hidden[max(first - lag, 0) : position].any()
            and repeated <= thresholds.replayed_ratio * change
        ):
            text = f"{_count(first, last, 'picture')} shown again, {lag} frames after the first time"
            findings.append(_finding(measured, first, last, FindingKind.REPEATED, text))
        first = position
    return findings


def torn_pictures(entry: ManifestEntry, measured: MeasuredFrames, states: PictureStates) -> list[Finding]:
    """Return the torn pictures, and those that the decoder repaired until the next key frame."""
    findings = [
        _finding(
            measured,
            first,
            last,
            FindingKind.TORN,
            f"{_count(first, last, 'picture')} with a region that differs by "
            f"{float(measured.torn[first : last + 1].max()):.1f} levels from those before and after",
        )
        for first, last in runs(states.torn, gap=2)
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


def _count(first: int, last: int, what: str) -> str:
    number = last - first + 1
    return f"{number} {what}{'s' if number != 1 else ''}"


def _finding(measured: MeasuredFrames, first: int, last: int, kind: FindingKind, text: str) -> Finding:
    return Finding(measured.labels[first].position, measured.labels[last].position, kind, text)
