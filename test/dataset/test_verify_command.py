"""What `verify` reports in one process; whole datasets are in test_cli.py and checks/test_verification.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.dataset.cli import main
from odyssey_ros.dataset.manifest import FileEntry, ManifestEntry, write_manifest

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_folders_without_a_usable_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path)]) == 2
    assert "no manifest in" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "manifest.jsonl").write_text("{}\n")
    assert main(["verify", str(tmp_path)]) == 1
    assert "line 1: not an entry of a manifest" in " ".join(capsys.readouterr().err.split())


def test_a_file_that_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = (FileEntry("episodes/a/a.mcap", 1, "00000000"),)
    entry = ManifestEntry("a", "episodes/a", files, "a", "jpeg", 1, 2, 2, 0, 0, (), {}, None, {})
    write_manifest(tmp_path / "manifest.jsonl", [entry])
    assert main(["verify", str(tmp_path)]) == 1
    assert "1 episodes checked, 1 faults" in capsys.readouterr().err
    write_manifest(tmp_path / "manifest.jsonl", [])
    assert main(["verify", str(tmp_path)]) == 0
    assert "0 episodes checked, 0 faults" in capsys.readouterr().err
