"""The work on one episode: its thumbnails show its frames, and a broken bag is a record, too."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import simplejpeg

from odyssey_ros.dataset.manifest import FileEntry
from odyssey_ros.dataset.reading.dataset_folder import stored_episodes
from odyssey_ros.dataset.report import episode_task
from odyssey_ros.dataset.report.episode_analysis import EpisodeAnalysis
from odyssey_ros.dataset.report.episode_task import EpisodeTask, frames_of, report_episode
from odyssey_ros.dataset.report.finding import Finding, FindingKind
from odyssey_ros.dataset.report.report_file import ReportFile
from odyssey_ros.dataset.report.thresholds import THRESHOLDS
from small_datasets import add_episodes
from small_video import write_video

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np

    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode
    from odyssey_ros.dataset.report.report_file import EpisodeReport


@pytest.fixture
def episode(tmp_path: Path) -> Callable[..., StoredEpisode]:
    """Makes an episode of 20 frames whose brightness is 10 times the position, with two prompts."""

    def make(images: str) -> StoredEpisode:
        video = write_video(tmp_path / "video.mp4", 20)
        add_episodes(tmp_path, {"walk": ["a fox", "it rains"]}, video, images=images, every_ms=1000)
        (stored,) = stored_episodes(tmp_path)
        return stored

    return make


def brightness(uri: str) -> float:
    """Return the mean of a thumbnail."""
    return float(simplejpeg.decode_jpeg(base64.b64decode(uri.partition(",")[2]), "GRAY").mean())


@pytest.mark.parametrize("images", ["h264", "jpeg", "raw"])
def test_thumbnails_show_their_frames(
    images: str, episode: Callable[..., StoredEpisode], monkeypatch: Any
) -> None:
    found = Finding(13, 14, FindingKind.TORN, "torn")

    class Analysis(EpisodeAnalysis):
        def result(self) -> EpisodeReport:
            return replace(super().result(), findings=(found,))

    monkeypatch.setattr(episode_task, "EpisodeAnalysis", Analysis)
    record = report_episode(EpisodeTask(episode(images), THRESHOLDS))
    assert record.name == "walk"
    assert [span.prompt for span in record.report.prompts] == ["a fox", "it rains"]
    assert record.strip == (0, 3, 6, 9, 10, 13, 16, 19)
    assert sorted(record.thumbnails) == [0, 3, 6, 9, 10, 12, 13, 14, 15, 16, 19]
    for position, uri in record.thumbnails.items():
        assert brightness(uri) == pytest.approx(10 * position, abs=4)
    assert len(record.distances) == 19
    assert {distance for _, distance in record.distances} == {100.0}


def test_the_frames_of_a_finding() -> None:
    assert frames_of(Finding(5, 9, FindingKind.FROZEN, ""), 20) == [4, 5, 7, 9, 10]
    assert frames_of(Finding(5, 5, FindingKind.TORN, ""), 20) == [4, 5, 6]
    assert frames_of(Finding(0, 19, FindingKind.BLACK, ""), 20) == [0, 9, 19]
    assert frames_of(Finding(0, 0, FindingKind.MISSING, ""), 0) == []


def test_a_broken_bag_is_a_record_with_the_error(episode: Callable[..., StoredEpisode]) -> None:
    stored = episode("jpeg")
    (path,) = (stored.folder / stored.entry.bag).glob("*.mcap")
    path.write_bytes(path.read_bytes()[:2000])
    record = report_episode(EpisodeTask(stored, THRESHOLDS))
    assert record.report.error.startswith("BAG_BROKEN: ")
    assert (record.report.frames, record.thumbnails) == (20, {})


def test_an_unexpected_error_is_one_of_this_episode(
    episode: Callable[..., StoredEpisode], monkeypatch: Any
) -> None:
    def fail(*_: object) -> np.ndarray[Any, Any]:
        raise ZeroDivisionError("unexpected")

    monkeypatch.setattr(EpisodeAnalysis, "add", fail)
    record = report_episode(EpisodeTask(episode("h264"), THRESHOLDS))
    assert record.report.error == "INTERNAL: internal error: ZeroDivisionError: unexpected"


@pytest.mark.parametrize(
    "changes",
    [
        {"start_time_ns": -1},
        {"files": ()},
        {"files": (FileEntry("episodes/walk/walk_0.mcap", 1, "no CRC"),)},
        {"losses": {"missing_pictures": "many"}},
        {"sizes": ({"width": "wide"},)},
        {"bag": "../../\ud800"},
    ],
)
def test_an_impossible_entry_is_an_error_of_this_episode(
    changes: dict[str, Any], episode: Callable[..., StoredEpisode]
) -> None:
    stored = episode("h264")
    record = report_episode(EpisodeTask(replace(stored, entry=replace(stored.entry, **changes)), THRESHOLDS))
    assert record.report.error
    file = ReportFile({}, {"walk": record.report})
    assert ReportFile.from_json(file.to_json()) == file
