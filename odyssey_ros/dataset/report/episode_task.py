"""The work on one episode of a report: the analysis and the thumbnails, as a task for any process."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.episode_failures import containing
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.reading.stored_pictures import decoded_pictures
from odyssey_ros.dataset.report.episode_analysis import EpisodeAnalysis, unreadable
from odyssey_ros.dataset.report.episode_record import EpisodeRecord
from odyssey_ros.dataset.report.frame_distances import frame_distances
from odyssey_ros.dataset.report.report_file import EpisodeReport, ReportFile, ReportFileError
from odyssey_ros.dataset.report.thumbnails import Thumbnailer, data_uri, spread, strip_length

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from av.video.frame import VideoFrame

    from odyssey_ros.dataset.reading.stored_episode import FrameLabels, StoredEpisode
    from odyssey_ros.dataset.report.finding import Finding
    from odyssey_ros.dataset.report.thresholds import Thresholds

_NO_CRC32: Final = "00000000"

MAX_SHOWN_FINDINGS: Final = 25
"""Findings of an episode whose frames have thumbnails."""


@dataclass(frozen=True, slots=True)
class EpisodeTask:
    """An episode to be reported, and the thresholds of the findings."""

    episode: StoredEpisode
    thresholds: Thresholds


def report_episode(task: EpisodeTask) -> EpisodeRecord:
    """Read an episode; return its part of the report. Blocks. Nothing is written.

    An episode that cannot be read has a record too, with the error.
    """
    try:
        with containing(task.episode.name):
            return _checked(_record(task.episode, task.thresholds))
    except EpisodeError as error:
        return failed(task.episode, error)


def failed(episode: StoredEpisode, error: EpisodeError) -> EpisodeRecord:
    """Return the record of an episode that cannot be read."""
    try:
        with containing(episode.name):
            return _checked(EpisodeRecord(episode.name, unreadable(episode, error)))
    except EpisodeError:
        # Not even the entry of the manifest can be used.
        report = EpisodeReport(_NO_CRC32, 0, "", "", (), 0, 0.0, 0.0, error=str(error))
        return EpisodeRecord(episode.name, report)


def frames_of(finding: Finding, frames: int) -> list[int]:
    """Return the positions of the frames that show a finding, in order.

    These are its first and last frame, one frame between them, one before and one after.

    Args:
        finding: The finding.
        frames: Number of frames in the episode.
    """
    around = (finding.first - 1, *spread(finding.first, finding.last, 3), finding.last + 1)
    return [position for position in around if 0 <= position < frames]


def _checked(record: EpisodeRecord) -> EpisodeRecord:
    """Return a record that `report.json` can hold.

    Raises:
        EpisodeError: The values of the manifest are not possible, such as a negative time.
    """
    try:
        ReportFile.from_json(ReportFile({}, {record.name: record.report}).to_json())
    except ReportFileError as error:
        raise EpisodeError(
            ErrorCode.BAG_BROKEN, "its entry of the manifest has values that are not possible"
        ) from error
    return record


def _record(episode: StoredEpisode, thresholds: Thresholds) -> EpisodeRecord:
    # The labels are read first, since the frames of a strip depend on where the next prompt begins.
    labels = list(episode.labels())
    strip = _strip(labels)
    analysis = EpisodeAnalysis(episode, thresholds)
    thumbnailer = Thumbnailer()
    thumbnails: dict[int, str] = {}
    chosen = frozenset(strip)
    for picture in episode.pictures():
        analysis.add(picture)
        if picture.labels.position in chosen:
            thumbnails[picture.labels.position] = data_uri(thumbnailer.thumbnail(picture.frame))
    report = analysis.result()
    shown = report.findings[:MAX_SHOWN_FINDINGS]
    missing = {at for finding in shown for at in frames_of(finding, len(labels))} - thumbnails.keys()
    for position, frame in _pictures_at(episode, missing):
        thumbnails[position] = data_uri(thumbnailer.thumbnail(frame))
    distances = frame_distances([each.media_time_ns for each in labels])
    return EpisodeRecord(episode.name, report, strip, thumbnails, distances)


def _strip(labels: Sequence[FrameLabels]) -> tuple[int, ...]:
    runs = [
        [frame.position for frame in group] for _, group in groupby(labels, key=lambda frame: frame.prompt)
    ]
    length = strip_length(len(runs))
    return tuple(position for run in runs for position in spread(run[0], run[-1], length))


def _pictures_at(episode: StoredEpisode, positions: Iterable[int]) -> Iterator[tuple[int, VideoFrame]]:
    """Decode some frames of an episode. Those of H.264 need all frames before them."""
    wanted = set(positions)
    if not wanted:
        return
    images = (
        (stored.labels.position, stored.image)
        for stored in episode.frames()
        if episode.entry.images == "h264" or stored.labels.position in wanted
    )
    for position, frame in decoded_pictures(episode.entry.images, images):
        if position in wanted:
            yield position, frame
            wanted.discard(position)
        if not wanted:
            return
