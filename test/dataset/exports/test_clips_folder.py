"""The output folder: a run that is killed at any moment is continued, and each state of it is usable."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.errors import StateError
from odyssey_ros.dataset.exports.clips_cuts import CutRules
from odyssey_ros.dataset.exports.clips_folder import ClipsFolder
from odyssey_ros.dataset.exports.clips_task import ClipsTask, export_clips
from odyssey_ros.dataset.reading.dataset_folder import stored_episodes
from stored_episodes import add_episode, contents

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode


@pytest.fixture
def episodes(make_video: Callable[..., Path], tmp_path: Path) -> list[StoredEpisode]:
    for name in ("run", "walk"):
        add_episode(tmp_path / "data", name, make_video(12), [(0, "a fox"), (5, name), (10, "")])
    return stored_episodes(tmp_path / "data")


def opened(folder: Path) -> ClipsFolder:
    return ClipsFolder(folder, {"gop": None})


def task_of(episode: StoredEpisode, output: ClipsFolder, dataset: str = "") -> ClipsTask:
    return ClipsTask(episode, output.staging, dataset, CutRules(), None)


def export_all(episodes: list[StoredEpisode], folder: Path) -> dict[str, bytes]:
    with opened(folder) as output:
        for episode in episodes:
            if episode.name not in output.records:
                output.commit(export_clips(task_of(episode, output)))
        output.write_tables()
    return contents(folder)


def test_files_of_an_export(episodes: list[StoredEpisode], tmp_path: Path) -> None:
    files = export_all(episodes, tmp_path / "out")
    assert sorted(files) == [
        *(f"metas/{name}-00{number}.txt" for name in ("run", "walk") for number in (0, 1)),
        *(f"odyssey_episodes/{name}.json" for name in ("run", "walk")),
        "odyssey_export.json",
        "videos/metadata.jsonl",
        *(f"videos/{name}-00{number}.mp4" for name in ("run", "walk") for number in (0, 1)),
    ]
    rows = [json.loads(line) for line in files["videos/metadata.jsonl"].splitlines()]
    assert [row["file_name"] for row in rows] == [
        "run-000.mp4",
        "run-001.mp4",
        "walk-000.mp4",
        "walk-001.mp4",
    ]
    for row in rows:
        assert files[f"metas/{row['file_name'][:-4]}.txt"] == row["text"].encode()


def test_the_order_of_the_commits_does_not_matter(episodes: list[StoredEpisode], tmp_path: Path) -> None:
    expected = export_all(episodes, tmp_path / "out")
    assert export_all(episodes[::-1], tmp_path / "reversed") == expected


def test_more_episodes_are_appended(episodes: list[StoredEpisode], tmp_path: Path) -> None:
    first = export_all(episodes[1:], tmp_path / "grown")
    grown = export_all(episodes, tmp_path / "grown")
    assert grown == export_all(episodes, tmp_path / "out")
    assert {name: grown[name] for name in first if name != "videos/metadata.jsonl"}.items() <= first.items()


def test_a_commit_that_is_killed_after_any_step_is_continued(
    episodes: list[StoredEpisode], tmp_path: Path
) -> None:
    expected = export_all(episodes, tmp_path / "out")
    steps = [
        "metas/run-000.txt",
        "metas/run-001.txt",
        "videos/run-000.mp4",
        "videos/run-001.mp4",
        "odyssey_episodes/run.json",
    ]
    for done in range(len(steps) + 1):
        folder = tmp_path / f"killed after {done}"
        with opened(folder) as output:
            export_clips(task_of(episodes[0], output))
            staged = output.staging / "run"
        for place in steps[:done]:
            (folder / place).parent.mkdir(exist_ok=True)
            name = place.partition("/")[2]
            (staged / ("episode.json" if name == "run.json" else name)).rename(folder / place)
            # A clip never lacks its prompt.
            clips = {path.stem for path in folder.glob("videos/*.mp4")}
            assert clips <= {path.stem for path in folder.glob("metas/*.txt")}
        assert export_all(episodes, folder) == expected, done


def test_nothing_is_exported_again(
    episodes: list[StoredEpisode], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_all(episodes, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.mp4")}
    export_all(episodes, tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.mp4")} == before


def test_datasets_in_folders_of_their_own(episodes: list[StoredEpisode], tmp_path: Path) -> None:
    with opened(tmp_path / "out") as output:
        for episode, dataset in zip(episodes, ("320x192/train", "320x192/val"), strict=True):
            output.commit(export_clips(task_of(episode, output, dataset)))
        output.write_tables()
    for episode, split in zip(episodes, ("train", "val"), strict=True):
        folder = tmp_path / "out" / "320x192" / split
        lines = (folder / "videos" / "metadata.jsonl").read_text().splitlines()
        assert [json.loads(line)["episode"] for line in lines] == [episode.name, episode.name]
        assert len(list(folder.glob("videos/*.mp4"))) == len(list(folder.glob("metas/*.txt"))) == 2


def test_an_episode_without_clips(make_video: Callable[..., Path], tmp_path: Path) -> None:
    add_episode(tmp_path / "data", "empty", make_video(12), [(0, "")])
    files = export_all(stored_episodes(tmp_path / "data"), tmp_path / "out")
    assert sorted(files) == ["odyssey_episodes/empty.json", "odyssey_export.json"]


def test_a_damaged_record(episodes: list[StoredEpisode], tmp_path: Path) -> None:
    export_all(episodes, tmp_path / "out")
    record = tmp_path / "out" / "odyssey_episodes" / "run.json"
    record.write_text("{}")
    with pytest.raises(StateError, match=r"run\.json is damaged"):
        opened(tmp_path / "out")
    record.unlink()
    with opened(tmp_path / "out") as output:  # the lock was released
        assert list(output.records) == ["walk"]


def test_a_disk_that_fails(episodes: list[StoredEpisode], tmp_path: Path) -> None:
    with opened(tmp_path / "out") as output:
        record = export_clips(task_of(episodes[0], output))
        (tmp_path / "out" / "metas").touch()
        with pytest.raises(StateError, match="the clips cannot be moved"):
            output.commit(record)
        (tmp_path / "out" / "metas").unlink()
        output.commit(record)
        shutil.rmtree(tmp_path / "out" / "videos")
        (tmp_path / "out" / "videos").touch()
        with pytest.raises(StateError, match=r"metadata\.jsonl cannot be written"):
            output.write_tables()


@pytest.mark.parametrize("link", ["metas", "videos", "odyssey_episodes"])
def test_clips_are_not_written_through_links(
    link: str, episodes: list[StoredEpisode], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    with opened(tmp_path / "out") as output:
        (tmp_path / "out" / link).symlink_to(tmp_path / "other")
        record = export_clips(task_of(episodes[0], output))
        with pytest.raises(StateError, match=f"{link} is a symbolic link"):
            output.commit(record)
    assert not list((tmp_path / "other").iterdir())


def test_a_file_that_is_no_staged_work(tmp_path: Path) -> None:
    (tmp_path / "out" / ".work" / "staged").mkdir(parents=True)
    (tmp_path / "out" / ".work" / "staged" / "walk").touch()
    with pytest.raises(StateError, match="walk cannot be removed"):
        opened(tmp_path / "out")
