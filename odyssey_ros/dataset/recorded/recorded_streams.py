"""The streams of recorded bags: which labels, pictures and events of which files belong to each."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.recorded.label_table import LabelRows, LabelTable, label_table
from odyssey_ros.dataset.recorded.recorded_pictures import PICTURE_TYPES, PictureKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from odyssey_ros.dataset.recorded.file_scan import FileScan, PictureColumns, RecordedEvent

_ENOUGH: Final = 0.9
"""A preferred kind of picture is taken if it has this part of the frames of the kind with most frames."""

_OF_FILES: Final = (
    Loss.UNREADABLE_MESSAGES,
    Loss.UNKNOWN_DEFINITIONS,
    Loss.DAMAGED_CHUNKS,
    Loss.MISSING_BAG_FILES,
    Loss.CLEANED_PROMPTS,
)


class StreamFile(NamedTuple):
    """A file with pictures of a stream: their topic and type, and the stamp of the first one."""

    path: Path
    topic: str
    type_name: str
    first_ns: int


@dataclass(frozen=True, slots=True)
class RecordedStream:
    """A stream of recorded bags. It can be sent to other processes.

    Attributes:
        stream_id: Its id.
        label_topic: The topic of its labels.
        labels: Its labels.
        kind: The kind of its pictures.
        files: The files with pictures, in the order of their first pictures.
        scratch: Folder for unpacked files.
        events: Its events, in order.
        sources: Name, size and CRC-32 of each file with labels or pictures.
        losses: What is missing, as far as stamps show it.
    """

    stream_id: str
    label_topic: str
    labels: LabelTable
    kind: PictureKind
    files: tuple[StreamFile, ...]
    scratch: Path
    events: tuple[RecordedEvent, ...]
    sources: tuple[Mapping[str, str | int], ...]
    losses: Mapping[Loss, int]


class StreamPictures:
    """The labels of a stream on one topic, and the pictures that have their stamps.

    Args:
        stream_id: The stream.
        topic: The topic of the labels.
        scans: The files of the bags that have such labels; each file once.

    Attributes:
        stream_id: As given.
        topic: As given.
        labels: The labels.
        counts: Number of labelled pictures of each kind.
    """

    def __init__(self, stream_id: str, topic: str, scans: Sequence[FileScan]) -> None:
        self.stream_id = stream_id
        self.topic = topic
        self._labelled = [scan for scan in scans if topic in scan.labels and stream_id in scan.stream_ids]
        self.labels, self._label_losses = label_table(
            _rows(scan, topic, stream_id) for scan in self._labelled
        )
        self._scans = scans
        self._found: dict[PictureKind, list[tuple[FileScan, str, NDArray[np.int64]]]] = defaultdict(list)
        self._own_stamps = _stamps_by_bag(
            (scan.task.bag, _rows(scan, topic, stream_id).stamps_ns) for scan in self._labelled
        )
        self._all_stamps = _stamps_by_bag(
            (scan.task.bag, scan.labels[topic].stamps_ns) for scan in scans if topic in scan.labels
        )
        for scan in scans:
            for name, pictures in scan.pictures.items():
                self._match(scan, name, pictures)
        self.counts = {kind: len(self._stamps(found)) for kind, found in self._found.items()}

    def _match(self, scan: FileScan, topic: str, pictures: PictureColumns) -> None:
        known, stamps = self._own_stamps.get(scan.task.bag), pictures.stamps_ns
        if known is None or stamps.max() < known[0] or stamps.min() > known[-1]:
            return
        places = np.minimum(np.searchsorted(known, stamps), len(known) - 1)
        matched = known[places] == stamps
        for number in np.unique(pictures.kinds[matched]):
            of_kind = stamps[matched & (pictures.kinds == number)]
            self._found[PictureKind(int(number))].append((scan, topic, of_kind))

    def stream(self, kind: PictureKind) -> RecordedStream:
        """Return the stream with its pictures of a kind in `counts`."""
        chosen = list(_best_topics(self._found[kind]))
        losses: Counter[Loss] = Counter(self._label_losses)
        with_picture = np.isin(self.labels.stamps_ns, self._stamps(chosen))
        losses[Loss.LABELS_WITHOUT_PICTURE] = int((~with_picture).sum())
        for scan, topic, _ in chosen:
            losses[Loss.PICTURES_WITHOUT_LABEL] += self._unlabelled(scan, topic)
        of_pictures = [scan for scan, _, _ in chosen]
        used = [scan for scan in self._scans if scan in self._labelled or scan in of_pictures]
        for scan in used:
            for loss in _OF_FILES:
                losses[loss] += scan.losses.get(loss, 0)
            if self._is_last(scan):
                losses[Loss.CUT_OFF_BAGS] += scan.losses.get(Loss.CUT_OFF_BAGS, 0)
        losses[Loss.DROPPED_CALIBRATION] = int(any(scan.is_calibrated for scan in used))
        files = [
            StreamFile(scan.task.path, topic, scan.pictures[topic].type_name, int(found.min()))
            for scan, topic, found in chosen
        ]
        return RecordedStream(
            self.stream_id,
            self.topic,
            self.labels,
            kind,
            tuple(sorted(files, key=lambda file: file.first_ns)),
            used[0].task.scratch,
            tuple(sorted({event for scan in self._scans for event in self._events(scan)})),
            tuple({"name": scan.task.name, "size": scan.size, "crc32": scan.crc32} for scan in used),
            {loss: count for loss, count in losses.items() if count},
        )

    def _events(self, scan: FileScan) -> Iterable[RecordedEvent]:
        return (event for event in scan.events if event.stream_id == self.stream_id)

    def _unlabelled(self, scan: FileScan, topic: str) -> int:
        """Return the number of pictures of a file without a label that come after a label of this stream.

        Pictures before the first label of the file belong to the stream of that label.
        """
        columns = scan.labels.get(self.topic)
        stamps = scan.pictures[topic].stamps_ns
        if columns is None or not len(columns.stamps_ns):
            return 0
        without = stamps[~np.isin(stamps, self._all_stamps[scan.task.bag])]
        order = np.argsort(columns.stamps_ns, kind="stable")
        places = np.maximum(np.searchsorted(columns.stamps_ns[order], without, side="right") - 1, 0)
        own = scan.stream_ids.index(self.stream_id) if self.stream_id in scan.stream_ids else -1
        return int((columns.streams[order][places] == own).sum())

    def _is_last(self, scan: FileScan) -> bool:
        """Return whether this stream has the last label of a file."""
        columns = scan.labels.get(self.topic)
        if columns is None or not len(columns.stamps_ns):
            return True
        return scan.stream_ids[int(columns.streams[columns.stamps_ns.argmax()])] == self.stream_id

    @staticmethod
    def _stamps(found: Iterable[tuple[FileScan, str, NDArray[np.int64]]]) -> NDArray[np.int64]:
        parts = [stamps for _, _, stamps in found]
        return np.unique(np.concatenate(parts)) if parts else np.array([], np.int64)


def streams_of(scans: Sequence[FileScan], topics: Iterable[str]) -> dict[str, list[StreamPictures]]:
    """Return the streams in some files by their ids; of each, the topics with labels, the best one first.

    Args:
        scans: The files. Files with the same content count once.
        topics: The topics of labels that are read.
    """
    different: dict[tuple[int, str], FileScan] = {}
    for scan in scans:
        different.setdefault((scan.size, scan.crc32), scan)
    files = list(different.values())
    wanted = set(topics)
    found: dict[str, list[StreamPictures]] = defaultdict(list)
    bags: dict[tuple[str, str], set[int]] = defaultdict(set)
    of_bag: dict[int, list[FileScan]] = defaultdict(list)
    for scan in files:
        of_bag[scan.task.bag].append(scan)
        for topic, columns in scan.labels.items():
            for number in np.unique(columns.streams) if topic in wanted else ():
                bags[scan.stream_ids[number], topic].add(scan.task.bag)
    for (stream_id, topic), numbers in sorted(bags.items()):
        if stream_id:
            own = [scan for bag in sorted(numbers) for scan in of_bag[bag]]
            found[stream_id].append(StreamPictures(stream_id, topic, own))
    for each in found.values():
        each.sort(key=lambda pictures: (-max(pictures.counts.values(), default=0), -len(pictures.labels)))
    return found


def preferred_kind(counts: Mapping[PictureKind, int], order: Sequence[PictureKind]) -> PictureKind | None:
    """Return the first kind of an order that has nearly as many pictures as the others; None for none."""
    possible = {kind: counts[kind] for kind in order if counts.get(kind)}
    most = max(possible.values(), default=0)
    return next((kind for kind, count in possible.items() if count >= _ENOUGH * most), None)


def _stamps_by_bag(parts: Iterable[tuple[int, NDArray[np.int64]]]) -> dict[int, NDArray[np.int64]]:
    """Return the sorted stamps of each bag; those without a stamp are left out."""
    found: dict[int, list[NDArray[np.int64]]] = defaultdict(list)
    for bag, stamps in parts:
        if len(stamps):
            found[bag].append(stamps)
    return {bag: np.unique(np.concatenate(each)) for bag, each in found.items()}


def _rows(scan: FileScan, topic: str, stream_id: str) -> LabelRows:
    columns = scan.labels[topic]
    own = columns.streams == scan.stream_ids.index(stream_id)
    return LabelRows(
        columns.stamps_ns[own],
        columns.indexes[own],
        columns.media_times_ns[own],
        columns.prompts[own],
        scan.texts,
    )


def _best_topics(
    found: Iterable[tuple[FileScan, str, NDArray[np.int64]]],
) -> Iterable[tuple[FileScan, str, NDArray[np.int64]]]:
    """Yield one topic for each file: the one with most pictures."""

    def rank(item: tuple[FileScan, str, NDArray[np.int64]]) -> tuple[int, int, str]:
        scan, topic, stamps = item
        return -len(stamps), PICTURE_TYPES.index(scan.pictures[topic].type_name), topic

    seen: set[Path] = set()
    for item in sorted(found, key=rank):
        if item[0].task.path not in seen:
            seen.add(item[0].task.path)
            yield item
