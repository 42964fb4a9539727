"""Flagged frames: those of the report, if it has the episodes as they are now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.manifest import FileEntry
from odyssey_ros.dataset.reading.stored_episode import StoredEpisode
from odyssey_ros.dataset.report.finding import Finding, FindingKind
from odyssey_ros.dataset.report.flagged_frames import FlaggedFrames, read_flagged
from odyssey_ros.dataset.report.report_file import REPORT_PATH, EpisodeReport, ReportFile
from synthetic_pictures import entry

if TYPE_CHECKING:
    from pathlib import Path

SOUND = EpisodeReport("0123abcd", 10, "s", "jpeg", (), 0, 0.5, 20.0)
FLAGGED = replace(SOUND, findings=(Finding(3, 4, FindingKind.FROZEN, "still"),))


def episode(folder: Path, name: str) -> StoredEpisode:
    files = (FileEntry(f"{name}/metadata.yaml", 1, "99999999"), FileEntry(f"{name}/x.mcap", 1, "0123abcd"))
    return StoredEpisode(folder, entry(10, episode=name, files=files))


def write(folder: Path, **episodes: EpisodeReport) -> None:
    path = folder / REPORT_PATH
    path.parent.mkdir()
    path.write_bytes(ReportFile({}, episodes).to_json())


def test_the_flagged_frames_of_each_episode(tmp_path: Path) -> None:
    write(tmp_path, a=SOUND, b=FLAGGED, c=replace(SOUND, error="broken"), unasked=FLAGGED)
    assert read_flagged(tmp_path, [episode(tmp_path, name) for name in "abc"]) == {
        "a": (),
        "b": (FlaggedFrames("frozen", 3, 4),),
        "c": (FlaggedFrames("unreadable", 0, 9),),
    }


def test_without_a_report_the_error_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=f"odyssey-dataset report {tmp_path}` first"):
        read_flagged(tmp_path, [])


def test_an_episode_that_the_report_lacks_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, a=SOUND)
    with pytest.raises(PlanError, match="does not have the episode b: run"):
        read_flagged(tmp_path, [episode(tmp_path, "a"), episode(tmp_path, "b")])


def test_an_episode_that_was_made_again_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, a=replace(SOUND, crc32="00000000"))
    with pytest.raises(PlanError, match="a has changed since the report: run"):
        read_flagged(tmp_path, [episode(tmp_path, "a")])
