"""Errors of making a dataset.

The tree::

    DatasetError
     +-- PlanError        a script file, a sweep or an option is invalid; nothing was sent
     +-- StateError       the output folder is in use, or its contents do not match this run
     +-- EpisodeError     one episode failed; the others continue
     +-- ExportedDatasetError       an exported dataset cannot be read
          +-- ExportedVideoError    a picture of it cannot be read

An error's text never holds a key, a token, or the query of a URL. The client is imported only where its codes
are needed, because the reader of exported datasets works where the client's packages are not installed.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from odyssey_ros.client.error_codes import ErrorCode


class DatasetError(Exception):
    """Root of every error of this package."""


class PlanError(DatasetError):
    """The work cannot be planned. The text names the file, the entry and the reason."""


class StateError(DatasetError):
    """The output folder is locked by another process, or was created with other settings."""


class EpisodeError(DatasetError):
    """One episode cannot be made.

    Attributes:
        code: The reason, for programs.
        message: The reason, as a text.
        retryable: Whether a new job, or another attempt at the same recording, may succeed.
    """

    def __init__(self, code: ErrorCode, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Support pickling, also of sub-classes whose arguments are not those of `Exception`."""
        return _copied, (type(self), self.args, self.__dict__)


class ExportedDatasetError(DatasetError):
    """An exported dataset is missing, damaged or of another format. The text names the file."""


class ExportedVideoError(ExportedDatasetError):
    """A picture of an exported dataset cannot be read. Other episodes may be usable."""


def _copied(kind: type[EpisodeError], args: tuple[Any, ...], attributes: dict[str, Any]) -> EpisodeError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


_NO_SPACE: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def disk_error(error: OSError, what: str) -> EpisodeError:
    """Return the error of a failed file operation.

    A full disk has a code of its own, because the user can fix it.
    """
    from odyssey_ros.client.error_codes import ErrorCode  # noqa: PLC0415 -- see above

    reason = error.strerror or type(error).__name__
    if error.errno in _NO_SPACE:
        return EpisodeError(ErrorCode.DISK_FULL, f"no room to write {what}: {reason}")
    return EpisodeError(ErrorCode.DISK_FAILED, f"cannot write {what}: {reason}")
