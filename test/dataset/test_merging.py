"""Settings of datasets that are merged; merged bags are in test_cli.py."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from odyssey_ros.dataset.cli import main
from odyssey_ros.dataset.merging import check_same_settings, keep_settings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_folders_with_different_settings_are_not_merged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, images in (("a", "jpeg"), ("b", "raw")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.jsonl").touch()
        (tmp_path / name / "dataset.json").write_text(json.dumps({"format": 1, "images": images}))
    assert main(["merge", str(tmp_path / "all"), str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    text = " ".join(capsys.readouterr().err.split())
    assert "a was created with images 'jpeg', and " in text
    assert "b with 'raw': merge only folders with the same settings" in text
    assert not (tmp_path / "all").exists()


def test_the_settings_of_a_source_are_kept(tmp_path: Path) -> None:
    target, source, former = (tmp_path / name for name in ("all", "a", "former"))
    for folder in (target, source, former):
        folder.mkdir()
    (source / "dataset.json").write_text(json.dumps({"format": 1, "shards": 4, "images": "raw"}))
    check_same_settings([target, source, former])
    keep_settings(target, [former, source])
    assert json.loads((target / "dataset.json").read_text()) == {"format": 1, "shards": 1, "images": "raw"}
    (source / "dataset.json").write_text(json.dumps({"format": 1, "shards": 2, "images": "raw"}))
    keep_settings(target, [source])
    assert json.loads((target / "dataset.json").read_text())["shards"] == 1
