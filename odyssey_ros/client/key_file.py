"""Reading a secret, such as an API key, from a file."""

from __future__ import annotations

import os
import stat
from enum import Enum
from pathlib import Path
from typing import Final

from odyssey_ros.client.regular_file import FileFault, RegularFileError, open_regular_file, read_bounded

MAX_KEY_BYTES: Final = 64 * 1024
"""Maximum size of a key file; keys and credentials have less than 10 KB."""


class KeyFileFault(Enum):
    """The reason why a file cannot be used as a key file."""

    UNREADABLE = "unreadable"
    NOT_REGULAR = "not a regular file"
    TOO_LARGE = "too large"
    NOT_TEXT = "not text"
    INVALID_PATH = "invalid path"
    OPEN_TO_OTHERS = "open to others"
    EMPTY = "empty"


class KeyFileError(Exception):
    """A key file cannot be used. The text never contains the key.

    Attributes:
        fault: The reason, for programs.
        reason: The reason, as a text.
    """

    def __init__(self, fault: KeyFileFault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault
        self.reason = reason


_FAULTS: Final = {
    FileFault.UNREADABLE: KeyFileFault.UNREADABLE,
    FileFault.INVALID_PATH: KeyFileFault.INVALID_PATH,
    FileFault.NOT_REGULAR: KeyFileFault.NOT_REGULAR,
    FileFault.TOO_LARGE: KeyFileFault.TOO_LARGE,
}


def read_key_file(path: str | Path, *, private: bool) -> str:
    """Return the contents of a file, without surrounding white space. Blocks on the disk.

    The permissions that are checked are those of the file that is read, even if the name comes to stand for
    another file meanwhile. The owner is not checked: in a container, root often reads the file of another
    user, and nobody else can open a file with mode 600 who is not its owner.

    Args:
        path: The file; `~` is the home folder.
        private: Whether a file that other users can access is refused.

    Raises:
        KeyFileError: The file cannot be read, is not a regular file, is larger than `MAX_KEY_BYTES`, is not
            text, is empty, or is open to others.
    """
    try:
        file = Path(path).expanduser()
    except RuntimeError as error:  # an unknown user's home
        raise KeyFileError(KeyFileFault.INVALID_PATH, str(error)) from error
    try:
        with open_regular_file(file, MAX_KEY_BYTES) as opened:
            if private and os.fstat(opened.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise KeyFileError(KeyFileFault.OPEN_TO_OTHERS, f"it can be read by others: chmod 600 {file}")
            content = read_bounded(opened, MAX_KEY_BYTES)
    except RegularFileError as error:
        raise KeyFileError(_FAULTS[error.fault], error.reason) from error
    try:
        text = content.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise KeyFileError(KeyFileFault.NOT_TEXT, "it is not text") from error
    if not text:
        raise KeyFileError(KeyFileFault.EMPTY, "it is empty")
    return text
