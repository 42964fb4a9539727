"""The findings of an episode, from the measures of its pictures, its labels and its manifest entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.dataset.report.picture_findings import (
    black_pictures,
    frozen_and_repeated,
    replayed_pictures,
    torn_pictures,
)
from odyssey_ros.dataset.report.picture_states import PictureStates
from odyssey_ros.dataset.report.prompt_findings import PromptedFrames
from odyssey_ros.dataset.report.time_findings import missing_frames

if TYPE_CHECKING:
    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.report.finding import Finding
    from odyssey_ros.dataset.report.frame_measures import MeasuredFrames
    from odyssey_ros.dataset.report.thresholds import Thresholds


def findings_of(
    entry: ManifestEntry, measured: MeasuredFrames, thresholds: Thresholds
) -> tuple[Finding, ...]:
    """Return the findings of an episode, in the order of their frames.

    Args:
        entry: The manifest's entry.
        measured: The measures of all its pictures.
        thresholds: The thresholds.
    """
    states = PictureStates.of(measured, thresholds)
    found = missing_frames(entry, measured, states.period_ns, thresholds)
    if len(measured):
        prompted = PromptedFrames(entry, measured, states, thresholds)
        replayed = replayed_pictures(measured, states, thresholds)
        found += black_pictures(measured, states)
        found += frozen_and_repeated(measured, states, thresholds)
        found += replayed
        found += torn_pictures(entry, measured, states, replayed)
        found += prompted.without_effect()
        found += prompted.unlogged()
    return tuple(sorted(found))
