"""Paths in parameters."""

from __future__ import annotations

import os


def expand_path(text: str) -> str:
    """Return a path in which `~` or `~user` at the start is replaced by the home folder.

    An unknown user is no error here: the path stays as it is, and the error of opening the file names it.
    """
    return os.path.expanduser(text)  # noqa: PTH111 -- Path.expanduser raises an error for an unknown user
