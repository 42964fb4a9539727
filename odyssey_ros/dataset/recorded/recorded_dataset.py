"""Turns recorded bags into episodes of a dataset's folder: plans the streams, and makes what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.service_text import clean_text
from odyssey_ros.dataset.bag_layout import ImageEncoding
from odyssey_ros.dataset.engines.task_engine import LostTaskError, finished_tasks
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.file_names import safe_name
from odyssey_ros.dataset.losses import IncompleteDataError, Loss, described
from odyssey_ros.dataset.reading.message_reader import FRAME_INFO
from odyssey_ros.dataset.recorded.episode_task import SOURCE, EpisodeTask, make_episode
from odyssey_ros.dataset.recorded.file_scan import FileScan, ScanTask, scan_file
from odyssey_ros.dataset.recorded.recorded_pictures import PictureKind
from odyssey_ros.dataset.recorded.recorded_streams import preferred_kind, streams_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from odyssey_ros.dataset.bag_layout import BagLayout
    from odyssey_ros.dataset.engines.task_engine import TaskEngine
    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.progress import ProgressDisplay
    from odyssey_ros.dataset.recorded.bag_files import RecordedBag
    from odyssey_ros.dataset.recorded.recorded_streams import RecordedStream, StreamPictures
    from odyssey_ros.dataset.workspace import Workspace

_T = TypeVar("_T")

RECORD: Final = (
    "Record with: ros2 bag record /odyssey/image_raw/ffmpeg /odyssey/frame_info /odyssey/events "
    "/odyssey/camera_info"
)
"""How to record what is needed."""

_KINDS: Final = (
    PictureKind.H264,
    PictureKind.VP8,
    PictureKind.RAW,
    PictureKind.JPEG,
    PictureKind.PNG,
)
_UNCHANGED: Final = {
    ImageEncoding.H264: PictureKind.H264,
    ImageEncoding.JPEG: PictureKind.JPEG,
    ImageEncoding.RAW: PictureKind.RAW,
}


@dataclass(slots=True)
class Outcome:
    """The outcome of a run.

    Attributes:
        entries: The episodes that exist now.
        failures: The errors of bags that cannot be read, and of episodes that cannot be made, by name.
    """

    entries: list[ManifestEntry] = field(default_factory=list)
    failures: dict[str, EpisodeError] = field(default_factory=dict)


@dataclass(slots=True)
class ScannedBags:
    """What recorded bags contain.

    Attributes:
        scans: The files that can be read.
        failures: The errors of the others, and of bags without streams, by name.
        streams: The streams by id; of each, the topics with labels, the best one first.
    """

    scans: list[FileScan] = field(default_factory=list)
    failures: dict[str, EpisodeError] = field(default_factory=dict)
    streams: dict[str, list[StreamPictures]] = field(default_factory=dict)

    @property
    def has_pictures(self) -> bool:
        """Whether any stream has a picture."""
        return any(found[0].counts for found in self.streams.values())

    def default_images(self) -> ImageEncoding:
        """Return the encoding in which all streams can be stored with the least change.

        That is H.264 if all streams have it, raw if all have only raw pictures, and otherwise JPEG.
        """
        kinds = [set(found[0].counts) - {PictureKind.OTHER} for found in self.streams.values()]
        kinds = [each for each in kinds if each]
        if kinds and all(PictureKind.H264 in each for each in kinds):
            return ImageEncoding.H264
        if kinds and all(each == {PictureKind.RAW} for each in kinds):
            return ImageEncoding.RAW
        return ImageEncoding.JPEG


def scanned_bags(
    bags: Sequence[RecordedBag],
    scratch: Path,
    engine: TaskEngine,
    progress: ProgressDisplay,
    bridges: Sequence[str] = (),
) -> ScannedBags:
    """Scan bags. Blocks for as long as it takes to read them.

    Args:
        bags: The bags.
        scratch: Folder for unpacked files; it must exist.
        engine: Runs the scans.
        progress: Receives the progress.
        bridges: Namespaces of the labels to read; all if there are none.
    """
    found = ScannedBags()
    bag_of = {
        path: (number, f"{bag.name}/{path.name}" if path.name != bag.name else bag.name)
        for number, bag in enumerate(bags)
        for path in bag.files
    }
    by_bag: dict[int, list[FileScan]] = {}
    tasks = [ScanTask(path.absolute(), number, name, scratch) for path, (number, name) in bag_of.items()]
    for task, future in finished_tasks(engine, scan_file, tasks):
        try:
            scan = _result(future)
        except EpisodeError as error:
            found.failures[task.name] = error
            progress.failed(task.name, str(error))
            continue
        missing = bags[task.bag].missing
        if missing:
            scan = replace(scan, losses={**scan.losses, Loss.MISSING_BAG_FILES: missing})
        by_bag.setdefault(task.bag, []).append(scan)
    order = {task.path: place for place, task in enumerate(tasks)}
    for number, bag in enumerate(bags):
        scans = sorted(by_bag.get(number, ()), key=lambda scan: order[scan.task.path])
        found.scans += scans
        if bridges and not _label_topics(scans, bridges) and _label_topics(scans, ()):
            progress.note(bag.name, f"left out: it has no labels of {', '.join(bridges)}")
            continue
        reason = _unusable(scans, bridges) if scans else None
        if reason is not None:
            found.failures[bag.name] = EpisodeError(ErrorCode.BAG_BROKEN, reason)
            progress.failed(bag.name, str(found.failures[bag.name]))
    found.streams = streams_of(found.scans, _label_topics(found.scans, bridges))
    return found


class RecordedDataset:
    """Makes the episodes of scanned bags. Use it for a single `make`.

    Args:
        workspace: The dataset's folder.
        layout: Settings of the bags.
        engine: Runs the tasks.
        progress: Receives the progress.
        strict: Whether an episode with a loss fails, also one that an earlier run made.
    """

    def __init__(
        self,
        workspace: Workspace,
        layout: BagLayout,
        engine: TaskEngine,
        progress: ProgressDisplay,
        *,
        strict: bool,
    ) -> None:
        self._workspace = workspace
        self._layout = layout
        self._engine = engine
        self._progress = progress
        self._strict = strict

    def make(self, scanned: ScannedBags) -> Outcome:
        """Make the missing episodes and write the manifest. An early end writes the manifest too. Blocks.

        Raises:
            StateError: The dataset's folder has files that cannot be read or written.
        """
        outcome = Outcome(failures=dict(scanned.failures))
        tasks: list[EpisodeTask] = []
        failures: dict[str, EpisodeError] = {}
        try:
            for stream_id, found in scanned.streams.items():
                name = safe_name(stream_id)
                try:
                    task = self._task(name, found, outcome)
                except EpisodeError as error:
                    failures[name] = error
                else:
                    tasks += [] if task is None else [task]
            outcome.failures.update(failures)
            self._progress.start(len(scanned.streams), len(outcome.entries))
            for name, failure in failures.items():
                self._progress.failed(name, str(failure))
            for task, future in finished_tasks(self._engine, make_episode, tasks):
                self._finish(task, future, outcome)
        finally:
            self._workspace.write_lists(outcome.entries, outcome.failures)
        return outcome

    def _finish(self, task: EpisodeTask, future: Future[ManifestEntry], outcome: Outcome) -> None:
        try:
            entry = _result(future)
        except EpisodeError as error:
            outcome.failures[task.name] = error
            self._progress.failed(task.name, str(error))
            return
        outcome.entries.append(entry)
        if entry.losses:
            self._progress.note(task.name, described(entry.losses))
        self._progress.finished(task.name, f"{entry.frames} frames, {entry.duration_ns / 1e9:.1f} s")

    def _task(self, name: str, found: Sequence[StreamPictures], outcome: Outcome) -> EpisodeTask | None:
        """Return the task of a stream; None if its episode exists.

        Raises:
            EpisodeError: The stream cannot be made, or was made from other files.
        """
        best = found[0]
        for other in found[1:]:
            self._progress.note(
                name, f"the labels on {clean_text(other.topic)} were not used, but {best.topic}"
            )
        stream = self._stream(best)
        existing = self._workspace.finished(name)
        if existing is not None:
            self._check_existing(existing, stream)
            outcome.entries.append(existing)
            return None
        folders = self._workspace.episode_folders.absolute()
        return EpisodeTask(name, folders, stream, self._layout, self._strict)

    def _stream(self, found: StreamPictures) -> RecordedStream:
        images = self._layout.images
        order = list(dict.fromkeys((_UNCHANGED[images], *_KINDS)))
        possible = order if images is not ImageEncoding.H264 else [PictureKind.H264]
        kind = preferred_kind(found.counts, possible)
        if kind is not None:
            return found.stream(kind)
        if found.counts.keys() & set(_KINDS):
            kinds = ", ".join(sorted(each.name for each in found.counts if each is not PictureKind.OTHER))
            raise EpisodeError(
                ErrorCode.VIDEO_UNSUPPORTED,
                f"the recording has pictures as {kinds}, which cannot become h264: give --images jpeg (in a "
                "new folder), or record /odyssey/image_raw/ffmpeg; `odyssey-dataset export lerobot --gop 2` "
                "encodes H.264 from a folder of any images",
            )
        if PictureKind.OTHER in found.counts:
            raise EpisodeError(
                ErrorCode.VIDEO_UNSUPPORTED, "the pictures have a codec or a format that is not supported"
            )
        raise EpisodeError(
            ErrorCode.BAG_BROKEN,
            f"no picture has the stamp of one of the {len(found.labels)} labels on "
            f"{clean_text(found.topic)}. {RECORD}",
        )

    def _check_existing(self, existing: ManifestEntry, stream: RecordedStream) -> None:
        if existing.provenance.get("source") != SOURCE:
            self._progress.note(existing.episode, "exists already, from the recording of the service")
        else:
            files = existing.provenance.get("files")
            known = {each.get("crc32") for each in files} if isinstance(files, list) else set()
            new = [str(each["name"]) for each in stream.sources if each["crc32"] not in known]
            if new:
                raise EpisodeError(
                    ErrorCode.INCOMPLETE_DATA,
                    f"the episode exists, but was made without {clean_text(', '.join(new))}, which has "
                    f"frames of the same stream: remove {self._workspace.bag_path(existing.episode)}, and "
                    "run the command with all bags of the stream",
                )
        if self._strict and existing.losses:
            raise IncompleteDataError(existing.losses)


def _unusable(scans: Sequence[FileScan], bridges: Sequence[str]) -> str | None:
    """Return why a bag has no stream; None if it has one."""
    types: dict[str, str] = {}
    for scan in scans:
        types.update(scan.topics)
    shown = clean_text(", ".join(sorted(types))) or "none"
    topics = set(_label_topics(scans, bridges))
    if not topics:
        if FRAME_INFO not in types.values():
            return (
                f"the bag has no labels (a topic of the type {FRAME_INFO}); its topics are: {shown}. {RECORD}"
            )
        if any(scan.losses.get(Loss.UNKNOWN_DEFINITIONS) for scan in scans):
            return "its labels are of another version of odyssey_ros"
        return f"the bag has no message with labels: a stream must run while it is recorded. {RECORD}"
    if not any(scan.stream_ids[n] for scan in scans for n in _streams(scan, topics)):
        return "no stream was running while the bag was recorded"
    if not any(scan.pictures for scan in scans):
        return f"the bag has labels, but no pictures; its topics are: {shown}. {RECORD}"
    return None


def _streams(scan: FileScan, topics: Iterable[str]) -> Iterator[int]:
    for topic in topics:
        if topic in scan.labels:
            yield from set(map(int, scan.labels[topic].streams))


def _label_topics(scans: Iterable[FileScan], bridges: Sequence[str]) -> list[str]:
    wanted = {bridge.strip("/") for bridge in bridges}
    topics = {topic for scan in scans for topic in scan.labels}
    return sorted(each for each in topics if not wanted or each.rpartition("/")[0].strip("/") in wanted)


def _result(future: Future[_T]) -> _T:
    try:
        return future.result()
    except LostTaskError as error:
        raise EpisodeError(ErrorCode.INTERNAL, str(error)) from error
