"""The analysis of an episode: takes its pictures one after the other, and returns its part of the report."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby, pairwise
from statistics import median
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.report.findings import findings_of
from odyssey_ros.dataset.report.flagged_frames import bag_crc32
from odyssey_ros.dataset.report.frame_measures import FrameMeasures
from odyssey_ros.dataset.report.report_file import EpisodeReport, PromptSpan
from odyssey_ros.dataset.report.thresholds import THRESHOLDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.dataset.errors import EpisodeError
    from odyssey_ros.dataset.reading.stored_episode import FrameLabels, LabelledPicture, StoredEpisode
    from odyssey_ros.dataset.report.thresholds import Thresholds

_NANOSECONDS: Final = 1e9


class EpisodeAnalysis:
    """Analyses an episode in one pass over its pictures. Not thread-safe.

    Use::

        analysis = EpisodeAnalysis(episode)
        for picture in episode.pictures():
            analysis.add(picture)  # ... and whatever else needs the picture
        report = analysis.result()

    Args:
        episode: The episode.
        thresholds: The thresholds of the findings.
    """

    def __init__(self, episode: StoredEpisode, thresholds: Thresholds = THRESHOLDS) -> None:
        self._episode = episode
        self._thresholds = thresholds
        self._measures = FrameMeasures(thresholds)

    def add(self, picture: LabelledPicture) -> None:
        """Measure a picture. Pictures come in the order of their positions; some may be missing."""
        self._measures.add(picture)

    def result(self) -> EpisodeReport:
        """Return the episode's part of the report; all pictures have been added."""
        measured = self._measures.result()
        period_s = _period_s(measured.labels)
        return replace(
            _facts(self._episode),
            duration_s=_duration_s(measured.labels, period_s),
            rate_hz=round(1 / period_s, 3) if period_s else 0.0,
            prompts=prompt_spans(measured.labels, period_s),
            findings=findings_of(self._episode.entry, measured, self._thresholds),
        )


def unreadable(episode: StoredEpisode, error: EpisodeError) -> EpisodeReport:
    """Return the part of the report for an episode whose bag or pictures cannot be read."""
    return replace(_facts(episode), error=str(error))


def prompt_spans(labels: Sequence[FrameLabels], period_s: float) -> tuple[PromptSpan, ...]:
    """Return the successive frames with one prompt.

    Args:
        labels: The labels of all frames.
        period_s: The duration of the last frame, in seconds.
    """
    if not labels:
        return ()
    groups = [list(group) for _, group in groupby(labels, key=lambda each: each.prompt)]
    starts = [group[0].media_time_ns / _NANOSECONDS for group in groups]
    end = labels[-1].media_time_ns / _NANOSECONDS + period_s
    return tuple(
        PromptSpan(
            group[0].prompt, group[0].position, group[-1].position, round(start, 6), round(after - start, 6)
        )
        for group, start, after in zip(groups, starts, [*starts[1:], end], strict=True)
    )


def _facts(episode: StoredEpisode) -> EpisodeReport:
    """Return a report of what the manifest says."""
    entry = episode.entry
    return EpisodeReport(
        crc32=bag_crc32(entry),
        frames=entry.frames,
        stream_id=entry.stream_id,
        images=entry.images,
        sizes=episode.sizes,
        start_time_ns=entry.start_time_ns,
        duration_s=entry.duration_ns / _NANOSECONDS,
        rate_hz=0.0,
        losses=entry.losses,
    )


def _period_s(labels: Sequence[FrameLabels]) -> float:
    """Return the median distance of two frames in seconds; 0 if there is none."""
    times = [each.media_time_ns for each in labels]
    distances = [after - before for before, after in pairwise(times) if after > before]
    return median(distances) / _NANOSECONDS if distances else 0.0


def _duration_s(labels: Sequence[FrameLabels], period_s: float) -> float:
    if not labels:
        return 0.0
    times = [each.media_time_ns for each in labels]
    return round((max(times) - min(times)) / _NANOSECONDS + period_s, 6)
