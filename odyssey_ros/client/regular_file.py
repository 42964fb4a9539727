"""Opening and reading files of other people's choice: regular files only, of a bounded size.

A path may name a FIFO, a terminal or another device, on which `open` or `read` would block forever or never
end. None of that happens here: the type is checked before the file is opened, the file is opened without
blocking, and the type and the size of the descriptor itself are checked before anything is read.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)


class FileFault(Enum):
    """The reason why a file is refused."""

    UNREADABLE = "unreadable"
    INVALID_PATH = "invalid path"
    NOT_REGULAR = "not a regular file"
    TOO_LARGE = "too large"


class RegularFileError(Exception):
    """A file is refused. The text gives the reason; it contains neither the path nor the contents.

    Attributes:
        fault: The reason, for programs.
        reason: The reason, as a text to follow the name of the file, as in `it is larger than 64 KiB`.
        missing: Whether there is no such file.
    """

    def __init__(self, fault: FileFault, reason: str, *, missing: bool = False) -> None:
        super().__init__(reason)
        self.fault = fault
        self.reason = reason
        self.missing = missing


@contextmanager
def open_regular_file(path: str | os.PathLike[str], max_bytes: int | None = None) -> Iterator[BinaryIO]:
    """Open a regular file for reading, as a context. Symbolic links are followed.

    Does not wait for the file, whatever it is. It does wait for the disk or a network file system: call it
    in a worker thread, not on an event loop.

    Args:
        path: The file; `~` is not expanded.
        max_bytes: The largest allowed size; None allows any. The size is that at the time of opening: pass
            the limit to `read_bounded` too if the file may grow.

    Yields:
        The file, unbuffered. `os.fstat` of its descriptor describes what is read.

    Raises:
        RegularFileError: The file cannot be opened, is not a regular file, or is larger than `max_bytes`.
    """
    try:
        # Opening a device can have an effect by itself, so that its type is checked before that too.
        _check_type(Path(path).stat().st_mode)
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        raise _unreadable(error) from error
    except ValueError as error:  # a null character, or a character that the file system cannot encode
        raise RegularFileError(FileFault.INVALID_PATH, "it is not a valid path") from error
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        _check_type(status.st_mode)
        if max_bytes is not None and status.st_size > max_bytes:
            raise _too_large(max_bytes)
        yield file


def read_bounded(file: BinaryIO, max_bytes: int) -> bytes:
    """Return the rest of an open file.

    Raises:
        RegularFileError: It cannot be read, or is larger than `max_bytes`.
    """
    content = bytearray()
    try:
        # A size of /proc is 0, and a file can grow: the number of bytes read is what counts.
        while len(content) <= max_bytes and (part := file.read(min(1 << 20, max_bytes + 1 - len(content)))):
            content += part
    except OSError as error:
        raise _unreadable(error) from error
    if len(content) > max_bytes:
        raise _too_large(max_bytes)
    return bytes(content)


def read_regular_file(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """Return the contents of a regular file. Blocks on the disk, but never on what the file is.

    Args:
        path: The file; `~` is not expanded.
        max_bytes: The largest allowed size, which also bounds the memory that is used.

    Raises:
        RegularFileError: The file cannot be read, is not a regular file, or is larger than `max_bytes`.
    """
    with open_regular_file(path, max_bytes) as file:
        return read_bounded(file, max_bytes)


def require_regular_file(path: str | os.PathLike[str], max_bytes: int | None = None) -> None:
    """Check a file that a library opens by its name.

    Raises:
        RegularFileError: The file cannot be opened, is not a regular file, or is larger than `max_bytes`.
    """
    with open_regular_file(path, max_bytes):
        pass


def _check_type(mode: int) -> None:
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "not a regular file (a pipe, a device or a socket)"
        raise RegularFileError(FileFault.NOT_REGULAR, f"it is {what}")


def _unreadable(error: OSError) -> RegularFileError:
    missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
    reason = error.strerror or type(error).__name__
    return RegularFileError(FileFault.UNREADABLE, reason, missing=missing)


def _too_large(max_bytes: int) -> RegularFileError:
    for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if max_bytes >= size and max_bytes % size == 0:
            return RegularFileError(FileFault.TOO_LARGE, f"it is larger than {max_bytes // size} {unit}")
    return RegularFileError(FileFault.TOO_LARGE, f"it is larger than {max_bytes} bytes")
