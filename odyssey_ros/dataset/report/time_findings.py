"""Findings that need no pixels: missing frames and jumps of the media time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.report.finding import Finding, FindingKind

if TYPE_CHECKING:
    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.reading.stored_episode import FrameLabels
    from odyssey_ros.dataset.report.frame_measures import MeasuredFrames
    from odyssey_ros.dataset.report.thresholds import Thresholds


def missing_frames(
    entry: ManifestEntry, measured: MeasuredFrames, period_ns: float, thresholds: Thresholds
) -> list[Finding]:
    """Return the gaps between frames, the jumps of the media time, and what the manifest says is missing.

    A gap is reported with the frames before and after it.

    Args:
        entry: The manifest's entry.
        measured: The measures of the pictures.
        period_ns: The usual distance of two frames; 0 if it is unknown.
        thresholds: The thresholds.
    """
    found: list[Finding] = []
    for before, after in pairwise(measured.labels):
        finding = _between(before, after, period_ns, thresholds)
        if finding is None:
            continue
        jumps = finding.kind is FindingKind.TIME_JUMP
        if jumps and found and found[-1].kind is finding.kind and found[-1].last == finding.first:
            found[-1] = Finding(found[-1].first, finding.last, finding.kind, found[-1].text)
        else:
            found.append(finding)
    return found + _known_losses(entry, measured, has_gap=bool(found))


def _between(
    before: FrameLabels, after: FrameLabels, period: float, thresholds: Thresholds
) -> Finding | None:
    media_ns = after.media_time_ns - before.media_time_ns
    undecoded = after.position - before.position - 1
    unnumbered = after.index - before.index - 1
    if undecoded > 0:
        text = f"{undecoded} pictures in the bag could not be decoded"
        return Finding(before.position, after.position, FindingKind.MISSING, text)
    if media_ns <= 0:
        text = f"the media time goes back by {-media_ns / 1e9:.3f} s" if media_ns else "the media time stops"
        return Finding(before.position, after.position, FindingKind.TIME_JUMP, text)
    if unnumbered > 0:
        text = f"{unnumbered} frames are missing, by the numbers of the frames: {media_ns / 1e9:.3f} s"
        return Finding(before.position, after.position, FindingKind.MISSING, text)
    if not period or media_ns <= thresholds.gap_periods * period:
        return None
    stamp_ns = after.stamp_ns - before.stamp_ns
    if stamp_ns < media_ns / 2:
        text = f"the media time jumps by {media_ns / 1e9:.3f} s, the stamps by {stamp_ns / 1e9:.3f} s"
        return Finding(before.position, after.position, FindingKind.TIME_JUMP, text)
    count = max(round(media_ns / period) - 1, 1)
    text = f"about {count} frames are missing, by the media time: a gap of {media_ns / 1e9:.3f} s"
    return Finding(before.position, after.position, FindingKind.MISSING, text)


def _known_losses(entry: ManifestEntry, measured: MeasuredFrames, *, has_gap: bool) -> list[Finding]:
    last = max(len(measured), entry.frames, 1) - 1
    found = []
    missing = entry.losses.get(Loss.MISSING_PICTURES.value, 0)
    if missing and not has_gap:
        text = f"{missing} encoded pictures of the video gave no picture"
        found.append(Finding(0, last, FindingKind.MISSING, text))
    start = entry.losses.get(Loss.UNDECODABLE_START.value, 0)
    if start:
        text = f"{start} pictures at the start of the video could not be decoded"
        found.append(Finding(0, 0, FindingKind.MISSING, text))
    if entry.frames and not len(measured):
        found.append(Finding(0, last, FindingKind.MISSING, "no picture could be decoded"))
    return found
