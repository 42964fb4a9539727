"""The origin of the episodes of an exported LeRobotDataset, as `meta/odyssey.json` has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """The origin of an episode, as `meta/odyssey.json` has it.

    Attributes:
        episode_index: Number of the episode in the dataset.
        episode: Name of the episode in the dataset folder.
        stream_id: The stream.
        crc32: Checksum of the bag's MCAP file.
        frames: Number of frames.
        losses: Losses of the episode, as in the manifest.
        notes: What the export changed or found missing, in frames, by kind.
    """

    episode_index: int
    episode: str
    stream_id: str
    crc32: str
    frames: int
    losses: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, value: Mapping[str, Any]) -> EpisodeRecord:
        """Return the record of a JSON value.

        Raises:
            ValueError: A field has another type.
            TypeError: It is no record.
        """
        record = cls(**value)
        numbers = [record.episode_index, record.frames]
        for counts in (record.losses, record.notes):
            if not isinstance(counts, dict):
                raise TypeError("counts are no object")
            numbers += counts.values()
        texts = (record.episode, record.stream_id, record.crc32)
        in_range = all(type(number) is int and 0 <= number < 1 << 62 for number in numbers)
        if not in_range or not all(isinstance(text, str) for text in texts):
            raise TypeError("a field of an episode has another type")
        return record


def flagged_names(origin: Mapping[str, Any]) -> set[str] | None:
    """Return the names of episodes with findings, or None if exports did not look at findings.

    Args:
        origin: The object in `meta/odyssey.json`.

    Raises:
        TypeError: It is no list of names.
    """
    names = origin.get("flagged")
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TypeError("the names of episodes are no list of texts")
    return set(names)
