"""The output folder of an export: one run at a time, with the settings of the first run."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.errors import StateError
from odyssey_ros.dataset.exports.export_folder import ExportFolder, staged_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from odyssey_ros.dataset.exports.export_folder import Setting

SETTINGS: Mapping[str, Setting] = {"gop": 2, "split": None, "exclude-flagged": False}


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def opened(folder: Path, **settings: Setting) -> ExportFolder:
    return ExportFolder(folder, "lerobot", {**SETTINGS, **settings})


def export_something(folder: Path) -> None:
    """Make an export of one file."""
    with opened(folder) as export:
        (export.folder / "README.md").touch()


def test_the_settings_remain(tmp_path: Path) -> None:
    with opened(tmp_path / "out" / "below") as export:
        assert export.staging.is_dir()
        (export.folder / "README.md").touch()
    assert sorted(names(tmp_path / "out" / "below")) == ["README.md", "odyssey_export.json"]
    kept = json.loads((tmp_path / "out" / "below" / "odyssey_export.json").read_text())
    assert kept == {"format": 1, "kind": "lerobot", "settings": SETTINGS}


def test_a_run_that_exports_nothing_leaves_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "new"):
        pass
    (tmp_path / "old").mkdir()
    with pytest.raises(KeyboardInterrupt), opened(tmp_path / "old"):
        raise KeyboardInterrupt
    assert names(tmp_path) == ["old"]
    assert names(tmp_path / "old") == []


def test_other_settings_after_a_run_that_was_killed_before_it_exported_anything(tmp_path: Path) -> None:
    with opened(tmp_path) as export, staged_folder(export.staging / "walk") as folder:
        (folder / "video.mp4").touch()
    assert sorted(names(tmp_path)) == [".work", "odyssey_export.json"]
    with opened(tmp_path) as export:
        assert names(export.staging) == ["walk"]
    with opened(tmp_path, gop=3) as export:
        assert names(export.staging) == []
        kept = json.loads((tmp_path / "odyssey_export.json").read_text())
        assert kept["settings"]["gop"] == 3
        (export.work / "commit").mkdir()  # a decided commit is an export
    with pytest.raises(StateError, match="exported with --gop 3"):
        opened(tmp_path)


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with opened(tmp_path / "out"), pytest.raises(StateError, match="another process"):
        opened(tmp_path / "out")
    with opened(tmp_path / "out"):
        pass


def test_settings_of_later_runs(tmp_path: Path) -> None:
    export_something(tmp_path / "out")
    export_something(tmp_path / "out")
    with pytest.raises(StateError, match="exported with --gop 2, not with no --gop"):
        opened(tmp_path / "out", gop=None)
    with pytest.raises(StateError, match="exported with no --split, not with --split a=1"):
        opened(tmp_path / "out", split="a=1")
    with pytest.raises(StateError, match="exported with no --exclude-flagged, not with --exclude-flagged:"):
        opened(tmp_path / "out", **{"exclude-flagged": True})
    with pytest.raises(StateError, match="of the kind lerobot, not clips"):
        ExportFolder(tmp_path / "out", "clips", SETTINGS)
    assert sorted(names(tmp_path / "out")) == ["README.md", "odyssey_export.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1, "kind": "lerobot"}', "[" * 100_000])
def test_damaged_settings(text: str, tmp_path: Path) -> None:
    (tmp_path / "odyssey_export.json").write_text(text)
    with pytest.raises(StateError, match=r"odyssey_export\.json"):
        opened(tmp_path)


def test_settings_that_are_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "odyssey_export.json")
    with pytest.raises(StateError, match="not a regular file"):
        opened(tmp_path)


def test_folders_of_others_are_refused_and_not_changed(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StateError, match=r"contains 'thesis\.tex'"):
        opened(tmp_path)
    with pytest.raises(StateError, match="is no folder"):
        opened(tmp_path / "thesis.tex")
    with pytest.raises(StateError, match="cannot be used"):
        opened(tmp_path / "thesis.tex" / "out")
    assert names(tmp_path) == ["thesis.tex"]


def test_a_run_that_was_killed_at_its_start(tmp_path: Path) -> None:
    (tmp_path / ".work").mkdir()
    (tmp_path / ".odyssey_export.json.partial").touch()
    with opened(tmp_path):
        assert sorted(names(tmp_path)) == [".work", "odyssey_export.json"]


def interrupted(final: Path) -> None:
    with staged_folder(final) as folder:
        (folder / "video.mp4").write_bytes(b"2")
        raise KeyboardInterrupt


def test_staged_work_is_complete_or_absent(tmp_path: Path) -> None:
    with opened(tmp_path) as export:
        with staged_folder(export.staging / "walk") as folder:
            (folder / "video.mp4").write_bytes(b"1")
        with pytest.raises(KeyboardInterrupt):
            interrupted(export.staging / "run")
        assert names(export.staging) == ["walk"]


def test_nothing_is_left_of_tasks_that_were_killed(tmp_path: Path) -> None:
    with opened(tmp_path) as export:
        (export.staging / "walk").mkdir()
        (export.staging / ".run.1.partial").mkdir()
    assert names(export.staging) == ["walk"]
    (export.staging / ".run.2.partial").mkdir()  # of a run that was killed with its tasks
    with opened(tmp_path) as export:
        assert names(export.staging) == ["walk"]
        (export.staging / "walk").rmdir()
        (export.staging / ".run.3.partial").mkdir()
    assert names(tmp_path) == []


def test_a_task_that_runs_twice(tmp_path: Path) -> None:
    with opened(tmp_path) as export, staged_folder(export.staging / "walk") as late:
        (late / "video.mp4").write_bytes(b"late")
        with staged_folder(export.staging / "walk") as early:
            (early / "video.mp4").write_bytes(b"early")
    assert names(export.staging) == ["walk"]
    assert (export.staging / "walk" / "video.mp4").read_bytes() == b"early"


@pytest.mark.parametrize("link", [".work", ".work/staged", ".work/commit", ".work/commit.partial"])
def test_links_to_other_folders(link: str, tmp_path: Path) -> None:
    """What is in such a folder would be removed as the work of a killed run."""
    (tmp_path / "other" / "sub").mkdir(parents=True)
    (tmp_path / "out" / link).parent.mkdir(parents=True)
    (tmp_path / "out" / link).symlink_to(tmp_path / "other")
    with pytest.raises(StateError, match=rf"{link} is a symbolic link"):
        opened(tmp_path / "out")
    assert names(tmp_path / "other") == ["sub"]


def test_a_link_to_the_output_folder(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "other")
    export_something(tmp_path / "out")
    assert sorted(names(tmp_path / "other")) == ["README.md", "odyssey_export.json"]
