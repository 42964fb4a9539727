"""The space that downloads leave free on the disk, for everything else on the machine."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError

if TYPE_CHECKING:
    from pathlib import Path

_MIB: Final = 1024 * 1024

RESERVE_BYTES: Final = 256 * _MIB
"""Bytes that stay free."""


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """Checks the free space of a disk.

    Attributes:
        reserve_bytes: Bytes that stay free.
    """

    reserve_bytes: int = RESERVE_BYTES

    def check(self, folder: Path, needed: int, what: str) -> None:
        """Check that a folder's disk has room. Blocks on the disk.

        Args:
            folder: The folder; it must exist.
            needed: Bytes that are about to be written.
            what: Name of the file, for the error.

        Raises:
            EpisodeError: The disk has less room (`DISK_FULL`).
            OSError: The disk failed.
        """
        free = shutil.disk_usage(folder).free
        if free - needed < self.reserve_bytes:
            raise EpisodeError(
                ErrorCode.DISK_FULL,
                f"no room for {what}: {needed // _MIB} MiB are needed and {self.reserve_bytes // _MIB} MiB "
                f"stay free, but only {free // _MIB} MiB are free; free space or use another disk, then try "
                "again",
            )


DISK_SPACE: Final = DiskSpace()
