"""Files and folders that appear complete or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from odyssey_ros.dataset import durable
from odyssey_ros.dataset.durable import publish_folder, replace_file, synced_file


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Records the paths that are synced to the disk."""
    paths: list[str] = []

    def fsync(descriptor: int) -> None:
        paths.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr(durable.os, "fsync", fsync)
    return paths


def test_a_new_file_is_synced_when_the_block_ends(tmp_path: Path, synced: list[str]) -> None:
    with synced_file(tmp_path / "file") as file:
        file.write(b"content")
        assert synced == []
    assert (tmp_path / "file").read_bytes() == b"content"
    assert synced == [str(tmp_path / "file")]


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with pytest.raises(FileExistsError), synced_file(tmp_path / "file"):
        raise AssertionError
    assert (tmp_path / "file").read_bytes() == b"content"


def test_a_file_is_replaced_and_its_folder_synced(tmp_path: Path, synced: list[str]) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    (tmp_path / ".file.partial").write_bytes(b"left by a killed process")
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert synced[-1] == str(tmp_path)


def test_a_failed_replacement_keeps_the_former_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fsync(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable.os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_folder_is_published_under_its_final_name(tmp_path: Path, synced: list[str]) -> None:
    partial = tmp_path / ".bag.partial"
    partial.mkdir()
    publish_folder(partial, tmp_path / "bag")
    assert (tmp_path / "bag").is_dir()
    assert not partial.exists()
    assert synced == [str(partial), str(tmp_path)]
    (tmp_path / "bag" / "file").touch()
    partial.mkdir()
    with pytest.raises(OSError, match="not empty"):
        publish_folder(partial, tmp_path / "bag")
