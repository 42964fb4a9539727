"""The folder of a dataset over several runs."""

from __future__ import annotations

import resource
import shutil
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.bag_layout import BagLayout
from odyssey_ros.dataset.errors import StateError
from odyssey_ros.dataset.manifest import ManifestEntry, ManifestError, read_manifest
from odyssey_ros.dataset.shards import Shard
from odyssey_ros.dataset.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

LAYOUT = BagLayout()


def _entry(name: str, stream_id: str = "s") -> ManifestEntry:
    return ManifestEntry(name, f"episodes/{name}", (), stream_id, "jpeg", 1, 2, 2, 0, 0, (), {}, None, {})


def _run(folder: Path, *entries: ManifestEntry) -> list[ManifestEntry]:
    """Publish the entries in one run; return the entries of the manifest."""
    with Workspace(folder, LAYOUT, Shard()) as workspace:
        for entry in entries:
            _publish(workspace, entry)
        workspace.write_lists(entries, {})
    return read_manifest(folder / "manifest.jsonl")


def _publish(workspace: Workspace, entry: ManifestEntry) -> None:
    """Publish a bag, which replaces an existing one."""
    shutil.rmtree(workspace.bag_path(entry.episode), ignore_errors=True)
    partial = workspace.clean_partial(entry.episode)
    partial.mkdir()
    workspace.publish(entry, partial)


def test_the_manifest_lists_the_episodes_of_all_runs(tmp_path: Path) -> None:
    a, b = _entry("a"), _entry("b")
    assert _run(tmp_path, b) == [b]
    assert _run(tmp_path, a) == [a, b]
    assert _run(tmp_path) == [a, b]
    anew = _entry("b", "another dream")
    assert _run(tmp_path, anew) == [a, anew]
    shutil.rmtree(tmp_path / "episodes" / "a")
    assert _run(tmp_path) == [anew]


def test_a_bag_that_a_killed_run_replaced_has_its_current_entry(tmp_path: Path) -> None:
    _run(tmp_path, _entry("a"))
    anew = _entry("a", "another dream")
    with Workspace(tmp_path, LAYOUT, Shard()) as workspace:
        _publish(workspace, anew)  # and no lists
    assert _run(tmp_path) == [anew]


def test_an_invalid_manifest_is_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text("{}\n")
    for _ in range(2):
        with pytest.raises(ManifestError, match="line 1: not an entry"):
            Workspace(tmp_path, LAYOUT, Shard())


def test_no_room_for_the_manifest(tmp_path: Path) -> None:
    a = _entry("a")
    _run(tmp_path, a)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Workspace(tmp_path, LAYOUT, Shard()) as workspace:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, most))
        try:
            with pytest.raises(StateError, match=r"the manifest of .* cannot be written: File too large"):
                workspace.write_lists([_entry("b")], {})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert read_manifest(tmp_path / "manifest.jsonl") == [a]


def test_the_folder_of_an_export_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "odyssey_export.json").touch()
    with pytest.raises(StateError, match="is an export"):
        Workspace(tmp_path, LAYOUT, Shard())
    assert [path.name for path in tmp_path.iterdir()] == ["odyssey_export.json"]
