"""Makes the bag of one stream of recorded bags; a task of an engine."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.bag_entry import bag_entry
from odyssey_ros.dataset.bags import write_bag
from odyssey_ros.dataset.episode_failures import containing
from odyssey_ros.dataset.errors import EpisodeError, disk_error
from odyssey_ros.dataset.losses import IncompleteDataError, combined, described
from odyssey_ros.dataset.recorded.recorded_frames import RecordedFrames

if TYPE_CHECKING:
    from pathlib import Path

    from odyssey_ros.dataset.bag_layout import BagLayout
    from odyssey_ros.dataset.bags import BagSummary
    from odyssey_ros.dataset.episode_folders import EpisodeFolders
    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.recorded.recorded_streams import RecordedStream

SOURCE = "bag"
"""The value of `source` in the provenance of such episodes."""


@dataclass(frozen=True, slots=True)
class EpisodeTask:
    """An episode to be made.

    Attributes:
        name: Its name.
        folders: The folders of the dataset, absolute.
        stream: The stream.
        layout: Settings of the bag.
        strict: Whether an episode with a loss fails.
    """

    name: str
    folders: EpisodeFolders
    stream: RecordedStream
    layout: BagLayout
    strict: bool


def make_episode(task: EpisodeTask) -> ManifestEntry:
    """Make an episode, unless it exists; return its entry. Blocks.

    A cluster may start the task again while its first start still runs: only one of them writes.

    Raises:
        EpisodeError: The recording cannot be read, has no usable picture, or the disk is full. No bag is
            left.
    """
    with containing(task.name):
        try:
            with task.folders.locked(task.name):
                try:
                    return task.folders.finished(task.name) or _write(task)
                finally:
                    task.folders.remove_downloads(task.name)  # the folder of the lock
        except OSError as error:
            raise disk_error(error, "the episode") from error


def _write(task: EpisodeTask) -> ManifestEntry:
    partial = task.folders.clean_partial(task.name)
    try:
        frames = RecordedFrames(task.stream)
        summary = write_bag(partial, task.name, frames, task.layout)
        entry = _entry(task, frames, summary, partial)
        if task.strict and entry.losses:
            raise IncompleteDataError(entry.losses)
        task.folders.publish(entry, partial)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return entry


def _entry(task: EpisodeTask, frames: RecordedFrames, summary: BagSummary, partial: Path) -> ManifestEntry:
    stream = task.stream
    losses = combined(stream.losses, frames.prompts.losses, summary.losses)
    if not summary.frames:
        raise EpisodeError(
            ErrorCode.BAG_BROKEN,
            f"none of the {len(stream.labels)} frames with labels has a picture that can be used: "
            f"{described(losses)}",
        )
    return bag_entry(
        summary,
        partial,
        task.folders.relative(task.folders.bag_path(task.name)),
        episode=task.name,
        images=str(task.layout.images),
        stream_id=stream.stream_id,
        prompts=frames.prompts.prompts,
        video={},
        events=None,
        provenance={
            "source": SOURCE,
            "files": list(stream.sources),
            "labels": stream.label_topic,
            "pictures": sorted({file.topic for file in stream.files}),
        },
        losses=losses,
    )
