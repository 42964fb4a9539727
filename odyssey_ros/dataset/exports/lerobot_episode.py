"""Exports one episode for a LeRobotDataset into a staging folder: video, labels and statistics. A task.

What depends on the other episodes, such as the numbers of tasks, is added when the episode becomes part of
the dataset. The memory does not grow with the pictures: only the labels of an episode are held.
"""

from __future__ import annotations

import json
from array import array
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np
from av.error import FFmpegError

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.regular_file import RegularFileError, read_regular_file
from odyssey_ros.client.unit_content import H264Reader
from odyssey_ros.client.video_decoder import limit_picture_size
from odyssey_ros.dataset.episode_failures import containing
from odyssey_ros.dataset.errors import EpisodeError, StateError
from odyssey_ros.dataset.exports.export_folder import staged_folder
from odyssey_ros.dataset.exports.frame_rate import nominal_rate, rate_faults, resampled
from odyssey_ros.dataset.exports.lerobot_statistics import PICTURE_SHAPE, PictureStatistics, parsed_feature
from odyssey_ros.dataset.exports.lerobot_tables import write_columns
from odyssey_ros.dataset.exports.video_writer import PIXEL_FORMAT, CopiedVideo, EncodedVideo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from av.video.frame import VideoFrame

    from odyssey_ros.dataset.exports.lerobot_statistics import FeatureStatistics
    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode

VIDEO: Final = "video.mp4"
FRAMES: Final = "frames.parquet"
_EPISODE: Final = "episode.json"
_FORMAT: Final = 1
_MAX_EPISODE_BYTES: Final = 256 * 1024 * 1024

_GOP_OF_FILLED: Final = 2
_COPIED_BETWEEN_SAMPLES: Final = 450  # frames: a key frame costs as much as copying about 40 frames
_ENCODED_BETWEEN_SAMPLES: Final = 5
_MAX_ENCODED_SAMPLES: Final = 100


@dataclass(frozen=True, slots=True)
class EpisodeTask:
    """What `export_episode` does.

    Attributes:
        episode: The episode.
        staged: The folder for the result, which does not exist, in the staging folder of the export.
        gop: Distance between key frames in frames, or None to copy the H.264 of the bag.
        resample: The constant frame rate to be made, in Hz, or None to refuse an episode without one.
    """

    episode: StoredEpisode
    staged: Path
    gop: int | None = None
    resample: int | None = None


@dataclass(frozen=True, slots=True)
class StagedEpisode:
    """The result of the task.

    Attributes:
        crc32: Checksum of the bag's MCAP file in the manifest.
        frames: Number of frames.
        rate: Frames per second.
        width: Width of the pictures in pixels.
        height: Height of the pictures in pixels.
        pixel_format: FFmpeg's name of the pixel format.
        prompts: Pairs of the number of a frame and the prompt in force from there on; the first is frame 0.
        statistics: The statistics of the pictures.
        notes: What the export changed or found missing, in frames, by kind.
    """

    crc32: str
    frames: int
    rate: int
    width: int
    height: int
    pixel_format: str
    prompts: tuple[tuple[int, str], ...]
    statistics: FeatureStatistics
    notes: dict[str, int] = field(default_factory=dict)

    def check_types(self) -> None:
        """Check what was read from a file.

        Raises:
            TypeError: A field has another type.
        """
        if not isinstance(self.notes, dict):
            raise TypeError("the notes are no object")
        firsts = [first for first, _ in self.prompts]
        numbers = [self.frames, self.rate, self.width, self.height, *firsts, *self.notes.values()]
        texts = [self.crc32, self.pixel_format, *(prompt for _, prompt in self.prompts)]
        if not all(type(number) is int and 0 <= number < 1 << 31 for number in numbers):
            raise TypeError("a number is no integer, or out of range")
        if not all(isinstance(text, str) for text in texts) or not self.frames or not self.rate or not firsts:
            raise TypeError("a text is no string, or something is missing")


def export_episode(task: EpisodeTask) -> None:
    """Export an episode into its staging folder. Blocks; idempotent.

    Raises:
        EpisodeError: The bag is broken, the episode cannot be exported, or the disk is full.
    """
    with containing(task.episode.name):
        size = _size_of(task.episode.entry)
        labels = _Labels(task.episode)
        timing = _Timing(labels.media_times, task.resample)
        encoded = task.gop is not None or timing.shown is not None
        if task.episode.entry.images != "h264" and task.gop is None:
            raise EpisodeError(
                ErrorCode.NOT_EXPORTABLE,
                f"its pictures are {task.episode.entry.images}, so they must be encoded: give --gop N, "
                "such as --gop 2 for fast random access. Only bags made with --images h264 can be copied",
            )
        with staged_folder(task.staged) as folder:
            statistics = PictureStatistics()
            shown = range(len(labels.stamps)) if timing.shown is None else timing.shown
            if encoded:
                gop = task.gop or _GOP_OF_FILLED
                _encode(task.episode, folder / VIDEO, size, timing.rate, gop, shown, statistics)
                pixel_format = PIXEL_FORMAT
            else:
                pixel_format = _copy(task.episode, folder / VIDEO, size, timing.rate, statistics)
            positions = np.asarray(shown)
            columns = {name: np.frombuffer(values, np.int64)[positions] for name, values in labels.columns()}
            write_columns(folder / FRAMES, {"frame_index": np.arange(len(shown)), **columns})
            prompts = labels.prompts_of(shown)
            result = StagedEpisode(
                crc32=crc32_of_bag(task.episode.entry),
                frames=len(shown),
                rate=timing.rate,
                width=size[0],
                height=size[1],
                pixel_format=pixel_format,
                prompts=tuple(prompts),
                statistics=statistics.result(),
                notes=_notes(shown, len(labels.stamps), prompts),
            )
            text = json.dumps({"format": _FORMAT, **asdict(result)})
            (folder / _EPISODE).write_text(text, encoding="ascii")


def read_staged(folder: Path) -> StagedEpisode:
    """Return the result of a finished task.

    Raises:
        StateError: It cannot be read, or another version wrote it.
    """
    path = folder / _EPISODE
    try:
        data = json.loads(read_regular_file(path, _MAX_EPISODE_BYTES))
        if data.pop("format") != _FORMAT:
            raise ValueError("it has another format")
        prompts = tuple((first, prompt) for first, prompt in data.pop("prompts"))
        statistics = parsed_feature(data.pop("statistics"), PICTURE_SHAPE)
        result = StagedEpisode(prompts=prompts, statistics=statistics, **data)
        result.check_types()
    except (RegularFileError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise StateError(f"{path} is not what a task wrote: remove it") from error
    return result


def crc32_of_bag(entry: ManifestEntry) -> str:
    """Return the checksum of the MCAP file, as the manifest has it."""
    return next((file.crc32 for file in entry.files if file.path.endswith(".mcap")), "")


class _Labels:
    """The labels of an episode, some bytes for each frame."""

    def __init__(self, episode: StoredEpisode) -> None:
        self.media_times, self.stamps, self._indexes = array("q"), array("q"), array("q")
        self._prompts: list[tuple[int, str]] = []
        for labels in episode.labels():
            self.media_times.append(labels.media_time_ns)
            self.stamps.append(labels.stamp_ns)
            self._indexes.append(labels.index)
            if not self._prompts or self._prompts[-1][1] != labels.prompt:
                self._prompts.append((labels.position, labels.prompt))

    def columns(self) -> list[tuple[str, array[int]]]:
        """Return the columns of the table of frames."""
        return [
            ("stamp_ns", self.stamps),
            ("media_time_ns", self.media_times),
            ("stream_frame_index", self._indexes),
        ]

    def prompts_of(self, shown: Sequence[int]) -> list[tuple[int, str]]:
        """Return the first frame of each prompt, for the positions that are shown."""
        found: list[tuple[int, str]] = []
        number = 0
        for frame, position in enumerate(shown):
            while number + 1 < len(self._prompts) and self._prompts[number + 1][0] <= position:
                number += 1
            if not found or found[-1][1] != self._prompts[number][1]:
                found.append((frame, self._prompts[number][1]))
        return found


class _Timing:
    """The frame rate of the export.

    Attributes:
        rate: Frames per second.
        shown: The position of the frame that each frame of the export shows; None for each one once.
    """

    def __init__(self, times: Sequence[int], resample: int | None) -> None:
        self.rate = nominal_rate(times) if resample is None else resample
        self.shown: list[int] | None = None
        if resample is not None:
            if not _is_constant(times, resample):
                self.shown = resampled(times, resample)
        elif faults := rate_faults(times, self.rate):
            raise EpisodeError(
                ErrorCode.NOT_EXPORTABLE,
                f"at {self.rate} Hz, {faults.missing} frames are missing and {faults.repeated} are too close "
                f"to the frame before, first at frame {faults.first}. To fill the gaps with the "
                f"frame before, export with --resample {self.rate} to another folder",
            )
        if len(times if self.shown is None else self.shown) < 2:
            raise EpisodeError(ErrorCode.NOT_EXPORTABLE, "it has fewer than two frames")


def _is_constant(times: Sequence[int], rate: int) -> bool:
    """Return whether the times are already those of a rate."""
    try:
        return nominal_rate(times) == rate and rate_faults(times, rate) is None
    except EpisodeError:
        return False


def _size_of(entry: ManifestEntry) -> tuple[int, int]:
    sizes = {(size["width"], size["height"]) for size in entry.sizes} or {(entry.width, entry.height)}
    if len(sizes) != 1:
        texts = " and ".join(f"{width}x{height}" for width, height in sorted(sizes))
        raise EpisodeError(ErrorCode.NOT_EXPORTABLE, f"its pictures have several sizes: {texts}")
    (size,) = sizes
    return size


def _copy(
    episode: StoredEpisode, path: Path, size: tuple[int, int], rate: int, statistics: PictureStatistics
) -> str:
    """Write the access units as they are; return the pixel format."""
    reader, sampled = H264Reader(), _KeyFrames(size, statistics)
    with CopiedVideo(path, rate) as video:
        for frame in episode.frames():
            unit = reader.content(bytes(frame.image.data))
            if not video.frames and not (unit.is_key_frame and unit.is_usable):
                raise EpisodeError(
                    ErrorCode.NOT_EXPORTABLE,
                    "its first picture is no key frame with parameter sets, so no decoder can begin with it",
                )
            if unit.is_key_frame and video.frames >= sampled.next_frame:
                sampled.add(unit.data, video.frames)
            video.add(unit.data, is_key_frame=unit.is_key_frame)
    return sampled.pixel_format


class _KeyFrames:
    """Decodes few of the key frames, for the statistics."""

    def __init__(self, size: tuple[int, int], statistics: PictureStatistics) -> None:
        self.pixel_format = ""
        self.next_frame = 0
        self._size = size
        self._statistics = statistics
        self._context = av.CodecContext.create("h264", "r")
        self._context.thread_count = 1
        limit_picture_size(self._context)

    def add(self, data: bytes, frame: int) -> None:
        self.next_frame = frame + _COPIED_BETWEEN_SAMPLES
        try:
            pictures = [*self._context.decode(av.Packet(data)), *self._context.decode(None)]
            self._context.flush_buffers()
        except FFmpegError as error:
            raise EpisodeError(
                ErrorCode.VIDEO_BROKEN, f"picture {frame} of the bag cannot be decoded: {error.strerror}"
            ) from error
        if not pictures:
            raise EpisodeError(ErrorCode.VIDEO_BROKEN, f"picture {frame} of the bag cannot be decoded")
        _check_size(pictures[0], self._size, frame)
        self.pixel_format = self.pixel_format or pictures[0].format.name
        self._statistics.add(pictures[0])


def _encode(
    episode: StoredEpisode,
    path: Path,
    size: tuple[int, int],
    rate: int,
    gop: int,
    shown: Sequence[int],
    statistics: PictureStatistics,
) -> None:
    """Encode the pictures at the positions that are shown; the positions do not decrease."""
    if size[0] % 2 or size[1] % 2:
        raise EpisodeError(
            ErrorCode.NOT_EXPORTABLE, f"its pictures have {size[0]}x{size[1]} pixels, but both must be even"
        )
    between = max(_ENCODED_BETWEEN_SAMPLES, len(shown) // _MAX_ENCODED_SAMPLES)
    with EncodedVideo(path, size, rate, gop) as video:
        for picture in episode.pictures():
            _check_size(picture.frame, size, picture.labels.position)
            while video.frames < len(shown) and shown[video.frames] == picture.labels.position:
                if video.frames % between == 0:
                    statistics.add(picture.frame)
                video.add(picture.frame)
        if video.frames < len(shown):
            raise EpisodeError(
                ErrorCode.VIDEO_BROKEN, f"picture {shown[video.frames]} of the bag cannot be decoded"
            )


def _check_size(picture: VideoFrame, size: tuple[int, int], position: int) -> None:
    if (picture.width, picture.height) != size:
        raise EpisodeError(
            ErrorCode.NOT_EXPORTABLE,
            f"picture {position} has {picture.width}x{picture.height} pixels, but the manifest says "
            f"{size[0]}x{size[1]}",
        )


def _notes(shown: Sequence[int], positions: int, prompts: Sequence[tuple[int, str]]) -> dict[str, int]:
    """Return what the export changed, as counts of frames without zeros."""
    distinct = len(set(shown))
    ends = [*(first for first, _ in prompts[1:]), len(shown)]
    unlabelled = sum(end - first for (first, prompt), end in zip(prompts, ends, strict=True) if not prompt)
    counts: dict[str, Any] = {
        "repeated_frames": len(shown) - distinct,
        "left_out_frames": positions - distinct,
        "frames_without_prompt": unlabelled,
    }
    return {name: count for name, count in counts.items() if count}
