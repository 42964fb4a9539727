"""Paths that users write in options, parameters and script files."""

from __future__ import annotations

import os
from pathlib import Path


class HomeFolderError(ValueError):
    """A path begins with the name of a user who has no home folder."""


def expand_home(text: str) -> str:
    """Return a text in which `~` or `~user` at the start is replaced by the home folder.

    Raises:
        HomeFolderError: The user has no home folder.
    """
    expanded = os.path.expanduser(text)  # noqa: PTH111 - in pathlib, ./~x is ~x
    if expanded.startswith("~"):
        user = text.partition("/")[0]
        raise HomeFolderError(f"{text}: {user} has no home folder; if this is a file name, write ./{text}")
    return expanded


def user_path(text: str) -> Path:
    """Return the path in a text. A leading `~` or `~user` is a home folder.

    A shell does this only for `~` at the beginning of an argument, not in `--output=~/walks`.

    Raises:
        HomeFolderError: The user has no home folder.
    """
    return Path(expand_home(text))
