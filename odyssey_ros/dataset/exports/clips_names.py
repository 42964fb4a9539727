"""The names of clips: safe as file names, stable when episodes are added, and no names of splits."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from odyssey_ros.dataset.file_names import safe_name

# `load_dataset("videofolder")` assigns a file to a split if its name contains one of these words, and ignores
# the files without one. A script file `test.yaml` makes an episode `test-0123456789ab`.
_SPLIT_WORD: Final = re.compile(
    r"(?<![a-z])(train|training|validation|valid|dev|val|test|testing|eval|evaluation)(?![a-z])",
    re.IGNORECASE,
)


def clip_stem(episode: str) -> str:
    """Return the beginning of the file names of an episode's clips. Different episodes have different ones.

    It is the name of the episode, if that is safe as a file name and contains no word that loaders take for
    the name of a split. Otherwise it is simplified, and ends with a digest.
    """
    stem = safe_name(episode)
    changed = _SPLIT_WORD.sub(r"\g<0>x", stem)
    if changed == stem:
        return stem
    digest = hashlib.sha256(episode.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{changed}-{digest}"


def clip_name(stem: str, number: int, part: int | None) -> str:
    """Return the name of a clip, without the suffix.

    Args:
        stem: The result of `clip_stem`.
        number: Number of the prompt in the episode, from 0.
        part: Number of the part, from 0, if the frames of the prompt were cut into parts.
    """
    return f"{stem}-{number:03d}" + ("" if part is None else f"p{part:02d}")
