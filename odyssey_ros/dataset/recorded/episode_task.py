"""Makes the bag of one stream of recorded bags; a task of an engine."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.bags import write_bag
from odyssey_ros.dataset.episode_failures import containing
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.losses import IncompleteDataError, combined, described
from odyssey_ros.dataset.manifest import FileEntry, ManifestEntry, crc32_of
from odyssey_ros.dataset.recorded.recorded_frames import RecordedFrames

if TYPE_CHECKING:
    from pathlib import Path

    from odyssey_ros.dataset.bags import BagLayout, BagSummary
    from odyssey_ros.dataset.recorded.recorded_streams import RecordedStream

SOURCE = "bag"
"""The value of `source` in the provenance of such episodes."""


@dataclass(frozen=True, slots=True)
class EpisodeTask:
    """An episode to be made.

    Attributes:
        name: Its name.
        bag: Its folder, relative to the dataset's folder.
        partial: The folder to write.
        stream: The stream.
        layout: Settings of the bag.
        strict: Whether an episode with a loss fails.
    """

    name: str
    bag: str
    partial: Path
    stream: RecordedStream
    layout: BagLayout
    strict: bool


def make_episode(task: EpisodeTask) -> ManifestEntry:
    """Write the bag of an episode into its partial folder, and return its entry. Blocks.

    A folder that an earlier start of the task left is replaced.

    Raises:
        EpisodeError: The recording cannot be read, has no usable picture, or the disk is full. The partial
            folder does not exist then.
    """
    with containing(task.name):
        shutil.rmtree(task.partial, ignore_errors=True)
        try:
            frames = RecordedFrames(task.stream)
            summary = write_bag(task.partial, task.name, frames, task.layout)
            entry = _entry(task, frames, summary)
            if task.strict and entry.losses:
                raise IncompleteDataError(entry.losses)
        except BaseException:
            shutil.rmtree(task.partial, ignore_errors=True)
            raise
        return entry


def _entry(task: EpisodeTask, frames: RecordedFrames, summary: BagSummary) -> ManifestEntry:
    stream = task.stream
    losses = combined(stream.losses, frames.prompts.losses, summary.losses)
    if not summary.frames:
        raise EpisodeError(
            ErrorCode.BAG_BROKEN,
            f"none of the {len(stream.labels)} frames with labels has a picture that can be used: "
            f"{described(losses)}",
        )
    width, height = next(iter(summary.sizes))
    metadata = task.partial / "metadata.yaml"
    return ManifestEntry(
        episode=task.name,
        bag=task.bag,
        files=(
            FileEntry(f"{task.bag}/{summary.file}", summary.size, summary.crc32),
            FileEntry(f"{task.bag}/{metadata.name}", metadata.stat().st_size, crc32_of(metadata)),
        ),
        stream_id=stream.stream_id,
        images=str(task.layout.images),
        frames=summary.frames,
        width=width,
        height=height,
        sizes=tuple(
            {"width": size[0], "height": size[1], "frames": count} for size, count in summary.sizes.items()
        ),
        start_time_ns=summary.start_time_ns,
        duration_ns=summary.duration_ns,
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
