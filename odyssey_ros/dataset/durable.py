"""Files and folders that are either complete or absent, even after a crash or a power failure."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def synced_file(path: Path) -> Iterator[BinaryIO]:
    """Open a new file whose bytes are synced to the disk when the block ends without an error.

    Raises:
        OSError: The file exists already, or cannot be written.
    """
    with path.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def make_folder(path: Path) -> None:
    """Create a folder and its missing parents, and sync their entries to the disk.

    Raises:
        OSError: The folder cannot be created.
    """
    if not path.parent.is_dir():
        make_folder(path.parent)
    path.mkdir(exist_ok=True)
    # Even for an existing folder: the run that created it may have been killed before this.
    sync_folder(path.parent)


def move_folder(source: Path, target: Path) -> None:
    """Move a folder into another folder, and sync both entries to the disk.

    Raises:
        OSError: A folder of that name exists already, or the disk failed.
    """
    source.rename(target)
    sync_folder(target.parent)
    sync_folder(source.parent)


def replace_file(path: Path, data: bytes) -> None:
    """Replace the file at `path` atomically: readers see either the former contents or the new ones.

    Raises:
        OSError: The file cannot be written; the former file remains.
    """
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with synced_file(partial) as file:
            file.write(data)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def publish_folder(partial: Path, final: Path) -> None:
    """Rename a folder whose files are synced to its final name, atomically.

    Raises:
        OSError: A folder of that name exists already, or the disk failed.
    """
    sync_folder(partial)
    partial.rename(final)
    sync_folder(final.parent)


def sync_folder(folder: Path) -> None:
    """Sync the directory entries of a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
