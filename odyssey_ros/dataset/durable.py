"""Files and folders that are whole or not there, whatever happens to the process or the power."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def synced_file(path: Path) -> Iterator[BinaryIO]:
    """Open a new file whose bytes are on the disk once the block is left without an error.

    Raises:
        OSError: There is such a file already, or it cannot be written.
    """
    with path.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Put a file in place of the one at `path`, at once; readers see the one or the other.

    Raises:
        OSError: It cannot be written; what was there stays.
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
    """Give a folder whose files are synced its final name, at once.

    Raises:
        OSError: There is such a folder already, or the disk failed.
    """
    sync_folder(partial)
    partial.rename(final)
    sync_folder(final.parent)


def sync_folder(folder: Path) -> None:
    """See the names in a folder onto the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
