"""The folder of a report: its lock, records, and what is replaced and removed."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from odyssey_ros.dataset.errors import StateError
from odyssey_ros.dataset.reading.dataset_folder import stored_episodes
from odyssey_ros.dataset.report.flagged_frames import bag_crc32
from odyssey_ros.dataset.report.report_file import ReportFile
from odyssey_ros.dataset.report.report_folder import ReportFolder
from small_datasets import add_episodes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode
    from odyssey_ros.dataset.report.episode_record import EpisodeRecord

LIMITS = {"frozen_s": 0.3}


@pytest.fixture
def episode(tmp_path: Path) -> StoredEpisode:
    add_episodes(tmp_path, {"walk": ["a fox"]})
    (stored,) = stored_episodes(tmp_path)
    return stored


@pytest.fixture
def known(episode: StoredEpisode, record: Callable[..., EpisodeRecord]) -> EpisodeRecord:
    return record("walk", crc32=bag_crc32(episode.entry))


def test_a_record_is_used_again(episode: StoredEpisode, known: EpisodeRecord, tmp_path: Path) -> None:
    with ReportFolder(tmp_path / "report", LIMITS) as folder:
        assert folder.record_of(episode) is None
        folder.keep(known)
        assert folder.record_of(episode) == known
        assert folder.kept("walk", known.report.crc32) == known
    with ReportFolder(tmp_path / "report", {"frozen_s": 0.5}) as folder:
        assert folder.record_of(episode) is None


def test_the_record_of_another_bag_is_not_used(
    episode: StoredEpisode, known: EpisodeRecord, tmp_path: Path
) -> None:
    with ReportFolder(tmp_path / "report", LIMITS) as folder:
        folder.keep(replace(known, report=replace(known.report, crc32="ffffffff")))
        assert folder.record_of(episode) is None
        folder.keep(replace(known, report=replace(known.report, error="BAG_BROKEN: x")))
        assert folder.record_of(episode) is None
        folder.keep(known)
        path = tmp_path / episode.entry.files[0].path
        path.write_bytes(path.read_bytes()[:-1])
        assert folder.record_of(episode) is None
        path.unlink()
        assert folder.record_of(episode) is None


def test_a_damaged_record_is_made_again(
    episode: StoredEpisode, known: EpisodeRecord, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ReportFolder(tmp_path / "report", LIMITS) as folder, caplog.at_level(logging.WARNING):
        folder.keep(known)
        path = tmp_path / "report" / ".work" / "walk.json"
        path.write_bytes(path.read_bytes()[:-10])
        assert folder.record_of(episode) is None
        with pytest.raises(StateError, match="cannot be read"):
            folder.kept("walk", known.report.crc32)
        path.unlink()
        path.mkdir()
        assert folder.record_of(episode) is None
    assert [entry.getMessage().split(" is not used: ")[1] for entry in caplog.records] == [
        "it is no record of an episode",
        "it is a folder",
    ]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with ReportFolder(tmp_path / "report", LIMITS), pytest.raises(StateError, match="another process"):
        ReportFolder(tmp_path / "report", LIMITS)
    with ReportFolder(tmp_path / "report", LIMITS):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="cannot be used: File exists"):
        ReportFolder(tmp_path / "file" / "report", LIMITS)


def test_a_new_report_removes_what_only_the_former_one_needs(
    record: Callable[..., EpisodeRecord], tmp_path: Path
) -> None:
    (tmp_path / "report").mkdir()
    other = tmp_path / "report" / "pictures-of-mine.html"
    other.touch()

    def files() -> set[str]:
        return {path.name for path in tmp_path.rglob("*") if path.is_file() and path.name != "lock"}

    with ReportFolder(tmp_path / "report", LIMITS) as folder:
        for name in ("a", "b c"):
            folder.keep(record(name))
        part = folder.add_part("part 1")
        folder.publish("page 1", b"{}", [part], ["a", "b c"])
        assert len(files()) == 6
        second = folder.add_part("part 2")
        assert (tmp_path / "report" / part).read_text() == "part 1", "the former page still links to it"
        folder.publish("page 2", b"{}", [second], ["a"])
    assert files() == {"index.html", "report.json", second, "a.json", other.name}
    assert (tmp_path / "report" / "index.html").read_text() == "page 2"


def test_a_full_disk_is_reported(tmp_path: Path, monkeypatch: Any) -> None:
    def fail(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("odyssey_ros.dataset.report.report_folder.replace_file", fail)
    with (
        ReportFolder(tmp_path, LIMITS) as folder,
        pytest.raises(StateError, match=r"index.html|report.json cannot be written: No space"),
    ):
        folder.publish("page", b"", [], [])


def test_pages_of_other_programs_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("my page")
    with pytest.raises(StateError, match=r"contains index\.html, which no report made"):
        ReportFolder(tmp_path, LIMITS)
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(StateError, match="which no report made"):
        ReportFolder(tmp_path, LIMITS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "report.json"]
    (tmp_path / "report.json").write_bytes(ReportFile({}, {}).to_json())
    with ReportFolder(tmp_path, LIMITS):  # the records of a report may be removed
        pass


def test_a_link_to_another_folder(tmp_path: Path) -> None:
    """Its files would be removed as records of former episodes."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "settings.json").touch()
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / ".work").symlink_to(tmp_path / "other")
    with pytest.raises(StateError, match="is a symbolic link"):
        ReportFolder(tmp_path / "report", LIMITS)
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["settings.json"]
