"""Dataset folders: the episodes of all manifests, in order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.manifest import ManifestError, write_manifest
from odyssey_ros.dataset.reading.dataset_folder import stored_episodes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode


def test_the_manifests_of_all_shards(stored: Callable[..., StoredEpisode], tmp_path: Path) -> None:
    entry = stored("jpeg").entry
    write_manifest(
        tmp_path / "manifest-1-of-2.jsonl", [replace(entry, episode="b"), replace(entry, episode="d")]
    )
    write_manifest(
        tmp_path / "manifest-2-of-2.jsonl", [replace(entry, episode="a"), replace(entry, episode="c")]
    )
    assert [episode.name for episode in stored_episodes(tmp_path)] == ["a", "b", "c", "d"]


def test_another_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="has no manifest"):
        stored_episodes(tmp_path)


def test_a_broken_manifest_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text("{}\n")
    with pytest.raises(ManifestError, match="line 1"):
        stored_episodes(tmp_path)
