"""Access to files that a node of the graph names: only in folders that the operator has allowed.

A path is compared with the folders as a text first, so that nothing outside of them is even looked up. After
opening, the real path of the open descriptor is compared again: neither a symbolic link nor a folder that is
exchanged meanwhile leads out of the folders.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from odyssey_ros.client import ErrorCode, OdysseyArgumentError
from odyssey_ros.client.regular_file import FileFault, RegularFileError, open_regular_file, read_bounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_DESCRIPTORS: Final = Path("/proc/self/fd")


class AllowedFolders:
    """The folders of a parameter. All methods except `covers` block on the disk.

    Args:
        folders: Absolute paths; a folder need not exist yet.
        parameter: The name of the parameter, for error texts.
        instead: What to do instead of allowing a folder, for error texts.
    """

    def __init__(self, folders: Sequence[str], parameter: str, instead: str) -> None:
        self._folders = tuple(_normal(folder) for folder in folders)
        self._parameter = parameter
        self._instead = instead

    def covers(self, path: str) -> bool:
        """Return whether a path is absolute and, as a text, in one of the folders. Does not use the disk."""
        return path.startswith("/") and "\0" not in path and _is_below(_normal(path), self._folders)

    def read(self, path: str, max_bytes: int) -> bytes:
        """Return the contents of a regular file in one of the folders.

        Raises:
            OdysseyArgumentError: It is not in one of the folders (`PATH_NOT_ALLOWED`).
            RegularFileError: It cannot be read, is not a regular file, or is larger than `max_bytes`.
        """
        self._require_covered(path)
        with open_regular_file(_normal(path), max_bytes) as file:
            self._require_inside(file.fileno())
            return read_bounded(file, max_bytes)

    @contextmanager
    def place_for(self, path: str) -> Iterator[Path]:
        """Yield a path, valid in the context, by which a file in one of the folders can be replaced.

        The path stays in the folder whatever happens to the names of the folders meanwhile. The folder of the
        file has to exist.

        Raises:
            OdysseyArgumentError: It is not in one of the folders (`PATH_NOT_ALLOWED`).
            RegularFileError: The folder cannot be opened, or the name is taken by something else than a
                regular file, such as a symbolic link.
        """
        self._require_covered(path)
        folder, name = os.path.split(_normal(path))
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise RegularFileError(FileFault.UNREADABLE, error.strerror or type(error).__name__) from error
        try:
            self._require_inside(descriptor, is_folder=True)
            place = _DESCRIPTORS / str(descriptor) / name
            if os.path.lexists(place) and not stat.S_ISREG(place.lstat().st_mode):
                raise RegularFileError(FileFault.NOT_REGULAR, "it is not a regular file")
            yield place
        finally:
            os.close(descriptor)

    def refusal(self) -> OdysseyArgumentError:
        """Return the error of a path outside of the folders. It does not depend on what the path names."""
        return OdysseyArgumentError(
            f"the path is not in a folder that this node allows: {self._instead}, or start the node with the "
            f"folder in the parameter {self._parameter}",
            code=ErrorCode.PATH_NOT_ALLOWED,
        )

    def _require_covered(self, path: str) -> None:
        if not self.covers(path):
            raise self.refusal()

    def _require_inside(self, descriptor: int, *, is_folder: bool = False) -> None:
        try:
            real = str((_DESCRIPTORS / str(descriptor)).readlink())
        except OSError:  # a system without /proc cannot tell
            raise self.refusal() from None
        folders = tuple(os.path.realpath(folder) for folder in self._folders)
        if not _is_below(real, folders) and not (is_folder and real in folders):
            raise self.refusal()


def _normal(path: str) -> str:
    """Return an absolute path without `..`, doubled slashes and a slash at the end."""
    return "/" + os.path.normpath(path).lstrip("/")


def _is_below(path: str, folders: Sequence[str]) -> bool:
    return any(path != folder and os.path.commonpath((path, folder)) == folder for folder in folders)
