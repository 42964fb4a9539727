"""The findings of an episode, from the measures of its pictures, its labels and its manifest entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    del entry, measured, thresholds
    return ()
