"""What `merge` does in one process; merged shards are in test_cli.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.dataset.cli import main
from odyssey_ros.dataset.manifest import ManifestEntry, read_manifest, write_manifest

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def _folder(folder: Path, name: str) -> Path:
    """Make a dataset folder with one episode, whose bag is empty."""
    (folder / "episodes" / name).mkdir(parents=True)
    entry = ManifestEntry(name, f"episodes/{name}", (), name, "jpeg", 1, 2, 2, 0, 0, (), {}, None, {})
    write_manifest(folder / "manifest.jsonl", [entry])
    return folder


def test_the_bags_and_the_manifests_are_joined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources = [_folder(tmp_path / name, name) for name in ("b", "a")]
    target = tmp_path / "all"
    assert main(["merge", str(target), *map(str, sources)]) == 0
    assert [entry.episode for entry in read_manifest(target / "manifest.jsonl")] == ["a", "b"]
    assert sorted(path.name for path in (target / "episodes").iterdir()) == ["a", "b"]
    assert "2 episodes in" in capsys.readouterr().err


def test_a_bag_that_is_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = _folder(tmp_path / "a", "a")
    (source / "episodes" / "a").rmdir()
    assert main(["merge", str(tmp_path / "all"), str(source)]) == 2
    text = " ".join(capsys.readouterr().err.split())
    assert "1 bags are in none of the folders, for example episodes/a" in text
    assert not (tmp_path / "all" / "manifest.jsonl").exists()


def test_folders_without_a_usable_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["merge", str(tmp_path)]) == 2
    assert "no manifest in" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "manifest.jsonl").write_text("{}\n")
    assert main(["merge", str(tmp_path)]) == 2
    assert "line 1: not an entry of a manifest" in " ".join(capsys.readouterr().err.split())
