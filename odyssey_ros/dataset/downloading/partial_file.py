"""A file that is being downloaded, and what a continued download must match."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from odyssey_ros.dataset.durable import sync_folder

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Version:
    """The version of a file at the server.

    Attributes:
        etag: Strong ETag; empty without one, and then a download cannot be continued.
        modified: The Last-Modified header; empty without one.
        total: Size of the whole file in bytes; None when it is unknown.
    """

    etag: str = ""
    modified: str = ""
    total: int | None = None

    def may_be(self, other: Version) -> bool:
        """Return whether nothing that both versions tell is different."""
        return (
            (not self.etag or not other.etag or self.etag == other.etag)
            and (not self.modified or not other.modified or self.modified == other.modified)
            and (self.total is None or other.total is None or self.total == other.total)
        )


class PartialFile:
    """An incomplete file, `<name>.partial`, and its version, `<name>.etag`. All methods block on the disk.

    A complete file whose length the server did not announce has an empty file `<name>.no-length` beside it.

    Args:
        path: Path of the complete file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._version = path.with_name(f"{path.name}.etag")
        self._no_length = path.with_name(f"{path.name}.no-length")

    def size(self) -> int:
        """Return the number of bytes so far."""
        return self._partial.stat().st_size if self._partial.exists() else 0

    def version(self) -> Version:
        """Return the version to which the bytes belong; without an ETag when they cannot be continued."""
        if not self._version.exists():
            return Version()
        etag, modified, total = (*self._version.read_text(encoding="latin-1").split("\n"), "", "")[:3]
        return Version(etag, modified, int(total) if total.isascii() and total.isdigit() else None)

    def open(self, start: int, version: Version) -> BinaryIO:
        """Open the file for appending at `start`, or for a new download when that is 0."""
        if start:
            return self._partial.open("ab")
        self.discard()
        if version.etag:
            total = "" if version.total is None else str(version.total)
            self._version.write_text(f"{version.etag}\n{version.modified}\n{total}", encoding="latin-1")
        return self._partial.open("xb")

    def read(self) -> BinaryIO:
        """Open the file for reading."""
        return self._partial.open("rb")

    def discard(self) -> None:
        """Remove the file."""
        self._version.unlink(missing_ok=True)
        self._partial.unlink(missing_ok=True)

    def has_length(self) -> bool:
        """Return whether the server announced the length of the complete file."""
        return not self._no_length.exists()

    def remove(self) -> None:
        """Remove the file, complete or not."""
        self.discard()
        self.path.unlink(missing_ok=True)
        self._no_length.unlink(missing_ok=True)

    def complete(self, *, has_length: bool = True) -> None:
        """Give the file its final name. Its bytes must be on the disk."""
        if has_length:
            self._no_length.unlink(missing_ok=True)
        else:
            self._no_length.touch()
        self._partial.replace(self.path)
        self._version.unlink(missing_ok=True)
        sync_folder(self.path.parent)


def sync(file: BinaryIO) -> None:
    """Sync the bytes of a file to the disk."""
    file.flush()
    os.fsync(file.fileno())
