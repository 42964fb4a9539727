"""Files and folders that appear complete or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from odyssey_ros.dataset import durable
from odyssey_ros.dataset.durable import make_folder, move_folder, publish_folder, replace_file, synced_file


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


def test_new_folders_are_in_their_parents(tmp_path: Path, synced: list[str]) -> None:
    make_folder(tmp_path / "a" / "b")
    assert synced == [str(tmp_path), str(tmp_path / "a")]
    make_folder(tmp_path / "a" / "b")  # the run that created it may have been killed before the sync
    assert synced[2:] == [str(tmp_path / "a")]


def test_a_moved_folder_is_in_its_new_parent(tmp_path: Path, synced: list[str]) -> None:
    for name in ("from", "from/bag", "to"):
        (tmp_path / name).mkdir()
    move_folder(tmp_path / "from" / "bag", tmp_path / "to" / "bag")
    assert (tmp_path / "to" / "bag").is_dir()
    assert synced == [str(tmp_path / "to"), str(tmp_path / "from")]
