"""Reading a secret, such as an API key, from a file."""

from __future__ import annotations

import stat
from enum import Enum
from pathlib import Path


class KeyFileFault(Enum):
    """The reason why a file cannot be used as a key file."""

    UNREADABLE = "unreadable"
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


def read_key_file(path: str | Path, *, private: bool) -> str:
    """Return the contents of a file, without surrounding white space. Blocks on the disk.

    Args:
        path: The file; `~` is the home folder.
        private: Whether a file that other users can access is refused.

    Raises:
        KeyFileError: The file cannot be read, is empty, or is open to others.
    """
    try:
        file = Path(path).expanduser()
        mode = file.stat().st_mode
        text = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise KeyFileError(KeyFileFault.UNREADABLE, error.strerror or type(error).__name__) from error
    except UnicodeDecodeError as error:
        raise KeyFileError(KeyFileFault.NOT_TEXT, "it is not text") from error
    except (RuntimeError, ValueError) as error:  # an unknown user's home, or a null character in the path
        raise KeyFileError(KeyFileFault.INVALID_PATH, str(error)) from error
    if private and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(KeyFileFault.OPEN_TO_OTHERS, f"it can be read by others: chmod 600 {file}")
    if not text:
        raise KeyFileError(KeyFileFault.EMPTY, "it is empty")
    return text
