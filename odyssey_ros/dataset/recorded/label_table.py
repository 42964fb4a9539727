"""The labels of one stream of a recorded bag, in order, and what their numbers and times say of losses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from odyssey_ros.dataset.losses import Loss

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


class LabelRows(NamedTuple):
    """Labels of a stream in one file: a column for each field; `prompts` are places in `texts`."""

    stamps_ns: NDArray[np.int64]
    indexes: NDArray[np.int64]
    media_times_ns: NDArray[np.int64]
    prompts: NDArray[np.int64]
    texts: Sequence[str]


class Label(NamedTuple):
    """The labels of a frame; the times are in nanoseconds."""

    stamp_ns: int
    frame_index: int
    media_time_ns: int
    prompt: str


@dataclass(frozen=True, slots=True)
class LabelTable:
    """The labels of a stream: stamps, numbers and media times rise strictly. It can be pickled.

    Attributes:
        stamps_ns: Stamps in nanoseconds since the epoch.
        indexes: Numbers of the frames in the stream.
        media_times_ns: Presentation times since the first frame.
        prompts: Places in `texts`.
        texts: The prompts.
    """

    stamps_ns: NDArray[np.int64]
    indexes: NDArray[np.int64]
    media_times_ns: NDArray[np.int64]
    prompts: NDArray[np.int64]
    texts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.stamps_ns)

    def at(self, place: int) -> Label:
        """Return the labels at a place."""
        return Label(
            int(self.stamps_ns[place]),
            int(self.indexes[place]),
            int(self.media_times_ns[place]),
            self.texts[int(self.prompts[place])],
        )

    def of(self, stamp_ns: int) -> Label | None:
        """Return the labels with a stamp; None if there are none."""
        place = int(np.searchsorted(self.stamps_ns, stamp_ns))
        if place == len(self.stamps_ns) or self.stamps_ns[place] != stamp_ns:
            return None
        return self.at(place)

    def runs(self) -> list[Label]:
        """Return the first label of each run of labels with the same prompt."""
        if not len(self):
            return []
        changes = np.flatnonzero(np.diff(self.prompts)) + 1
        return [self.at(place) for place in (0, *map(int, changes))]


def label_table(parts: Iterable[LabelRows]) -> tuple[LabelTable, dict[Loss, int]]:
    """Merge the labels of a stream from several files.

    A label that two recorders wrote counts once. A label whose number or media time is not larger than that
    of the label before is left out.

    Returns:
        The labels, and the losses that their numbers show.
    """
    numbers: dict[str, int] = {}
    columns: list[list[NDArray[np.int64]]] = [[], [], [], []]
    for part in parts:
        places = [numbers.setdefault(text, len(numbers)) for text in part.texts]
        columns[0].append(part.stamps_ns)
        columns[1].append(part.indexes)
        columns[2].append(part.media_times_ns)
        columns[3].append(np.array(places, np.int64)[part.prompts])
    rows = np.stack([np.concatenate(column) for column in columns], axis=1)
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    if len(rows) > 1:
        same = (rows[1:] == rows[:-1]).all(axis=1)
        rows = rows[np.concatenate([[True], ~same])]
    kept = _rising(rows)
    losses: Counter[Loss] = Counter({Loss.CONTRADICTORY_LABELS: len(rows) - len(kept)})
    rows = rows[kept]
    if len(rows):
        first, last = int(rows[0, 1]), int(rows[-1, 1])
        losses[Loss.UNRECORDED_START] = first
        losses[Loss.UNRECORDED_FRAMES] = last - first + 1 - len(rows)
    table = LabelTable(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3], tuple(numbers))
    return table, {loss: count for loss, count in losses.items() if count}


_BEFORE_ALL: Final = (-1, -1, -1)


def _rising(rows: NDArray[np.int64]) -> list[int]:
    """Return the places of the rows whose stamp, number and media time come after those of the row before."""
    kept = []
    last: tuple[int, ...] = _BEFORE_ALL
    for place, (stamp_ns, index, media_ns, _) in enumerate(rows.tolist()):
        if stamp_ns > last[0] and index > last[1] and media_ns > last[2]:
            kept.append(place)
            last = stamp_ns, index, media_ns
    return kept
