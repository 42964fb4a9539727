"""The frames that the report flagged, for exports that leave them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.report.report_file import REPORT_PATH, read_report

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode
    from odyssey_ros.dataset.report.report_file import EpisodeReport


@dataclass(frozen=True, slots=True)
class FlaggedFrames:
    """Frames of an episode with a finding.

    Attributes:
        kind: The kind of the finding, or `unreadable` for all frames of a bag that could not be read.
        first: Position in the bag of the first frame.
        last: Position of the last frame.
    """

    kind: str
    first: int
    last: int


def read_flagged(folder: Path, episodes: Iterable[StoredEpisode]) -> dict[str, tuple[FlaggedFrames, ...]]:
    """Return the flagged frames of episodes, by the names of the episodes; empty for one without findings.

    Args:
        folder: The dataset's folder.
        episodes: The episodes.

    Raises:
        PlanError: There is no report, or it does not have these episodes as they are now.
    """
    report = read_report(folder)
    if report is None:
        raise PlanError(f"{folder / REPORT_PATH} does not exist: {_remedy(folder)}")
    flagged: dict[str, tuple[FlaggedFrames, ...]] = {}
    for episode in episodes:
        found = report.episodes.get(episode.name)
        if found is None:
            raise PlanError(f"the report does not have the episode {episode.name}: {_remedy(folder)}")
        if found.crc32 != bag_crc32(episode.entry):
            raise PlanError(f"{episode.name} has changed since the report: {_remedy(folder)}")
        flagged[episode.name] = _flagged(found)
    return flagged


def bag_crc32(entry: ManifestEntry) -> str:
    """Return the CRC-32 of an episode's MCAP file, as the manifest has it; empty if it has none."""
    return next((file.crc32 for file in entry.files if file.path.endswith(".mcap")), "")


def _flagged(report: EpisodeReport) -> tuple[FlaggedFrames, ...]:
    if report.error:
        return (FlaggedFrames("unreadable", 0, max(report.frames - 1, 0)),)
    return tuple(FlaggedFrames(each.kind.value, each.first, each.last) for each in report.findings)


def _remedy(folder: Path) -> str:
    return f"run `odyssey-dataset report {folder}` first"
