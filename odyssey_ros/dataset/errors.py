"""What can go wrong while a dataset is made.

The tree::

    DatasetError
     +-- PlanError        a script file, a sweep or an option cannot be used; nothing was sent
     +-- StateError       the output folder is in use, or holds what this run cannot go on from
     +-- EpisodeError     one episode failed; the others go on

An error's text never holds a key, a token, or the query of a URL.
"""

from __future__ import annotations

import errno
from enum import Enum


class DatasetError(Exception):
    """Root of every error of this package."""


class PlanError(DatasetError):
    """The work cannot be planned. The text names the file, the entry and the reason."""


class StateError(DatasetError):
    """The output folder is held by another process, or was begun with other settings."""


class EpisodeErrorCode(str, Enum):
    """Why an episode failed, for machines."""

    JOB_FAILED = "job_failed"
    JOB_CANCELLED = "job_cancelled"
    SUBMIT_REFUSED = "submit_refused"
    SUBMIT_IN_DOUBT = "submit_in_doubt"
    NO_VIDEO = "no_video"
    DOWNLOAD_FAILED = "download_failed"
    WRONG_SIZE = "wrong_size"
    WRONG_CHECKSUM = "wrong_checksum"
    VIDEO_BROKEN = "video_broken"
    VIDEO_UNSUPPORTED = "video_unsupported"
    DISK_FULL = "disk_full"
    DISK_FAILED = "disk_failed"
    SERVICE_FAILED = "service_failed"

    def __str__(self) -> str:
        return self.value


class EpisodeError(DatasetError):
    """One episode cannot be made.

    Attributes:
        code: Why, for machines.
        message: Why, for people.
        retryable: Whether a new job, or a new try at the same recording, may succeed.
    """

    def __init__(self, code: EpisodeErrorCode, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


_NO_SPACE = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def disk_error(error: OSError, what: str) -> EpisodeError:
    """Name a failed file operation: a full disk by itself, since it is what people can mend."""
    reason = error.strerror or type(error).__name__
    if error.errno in _NO_SPACE:
        return EpisodeError(EpisodeErrorCode.DISK_FULL, f"no room to write {what}: {reason}")
    return EpisodeError(EpisodeErrorCode.DISK_FAILED, f"cannot write {what}: {reason}")
