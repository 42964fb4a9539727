"""Reads an exported dataset (LeRobotDataset v3.0) frame by frame, for training code.

Needs only PyArrow, PyAV and NumPy: neither `lerobot`, nor PyTorch, nor the other packages of this one.
"""

from __future__ import annotations

import operator
import os
from bisect import bisect_right
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, SupportsIndex

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

from odyssey_ros.dataset.errors import ExportedVideoError
from odyssey_ros.dataset.exports.exported_tables import ExportedTables
from odyssey_ros.dataset.exports.picture_seeker import PictureSeeker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from odyssey_ros.dataset.exports.exported_tables import EpisodeVideo, ExportedEpisode

_MAX_OPEN_VIDEOS: Final = 8
# Waking FFmpeg's threads takes longer than the conversion, and they do not survive a fork. Older versions of
# PyAV use none, and do not have the argument.
_ONE_THREAD: Final[dict[str, Any]] = {"threads": 1} if int(av.__version__.split(".")[0]) >= 17 else {}


class ExportedDataset:
    """The frames of a dataset, as a map-style dataset of PyTorch: `len(dataset)` and `dataset[index]`.

    An item is a `dict` with the keys of `LeRobotDataset`, and the same values, as NumPy's instead of tensors:

    - the name of each video feature (`observation.images.odyssey` in exports of this package): the picture,
      an array of the shape (3, height, width), RGB; float32 from 0 to 1, or uint8 with `return_uint8`
    - `timestamp`: time since the first frame of the episode in seconds, float32
    - `frame_index`, `episode_index`, `index`, `task_index`: int64
    - `task`: the text of the task, which in exports of this package is the prompt in force at the frame

    Other features, such as the state of a robot, are not read. Pictures are those of the frame exactly: those
    that decoding the whole video would give.

    Reading in order decodes each picture once. Random access decodes from the key frame before the picture.
    At most 8 videos are open at a time. Objects can be pickled, and used after a fork: each process opens the
    files that it needs. Use an object in one thread at a time. All methods block on the disk.

    Args:
        folder: The folder of the dataset.
        return_uint8: Whether pictures are uint8 from 0 to 255 instead of float32 from 0 to 1.

    Raises:
        ExportedDatasetError: The dataset is missing, damaged, or of another version.
    """

    def __init__(self, folder: str | os.PathLike[str], *, return_uint8: bool = False) -> None:
        self._tables = ExportedTables(Path(folder))
        self._return_uint8 = return_uint8
        self._ends = [episode.first + episode.length for episode in self._tables.episodes]
        self._videos = _OpenVideos(self._tables.fps)

    @property
    def fps(self) -> int:
        """Frames per second."""
        return self._tables.fps

    @property
    def camera_keys(self) -> Sequence[str]:
        """The keys of the pictures."""
        return self._tables.cameras

    @property
    def episodes(self) -> Sequence[ExportedEpisode]:
        """The episodes, with the numbers of their first frames and of all their frames."""
        return self._tables.episodes

    @property
    def tasks(self) -> Sequence[str]:
        """The texts of the tasks; `task_index` is the position."""
        return self._tables.tasks

    def __len__(self) -> int:
        """Return the number of frames of all episodes."""
        return self._tables.frames

    def __getitem__(self, index: SupportsIndex) -> dict[str, Any]:
        """Return a frame; see the class.

        Args:
            index: Number of the frame in the dataset; negative numbers count from the end.

        Raises:
            IndexError: There is no such frame.
            TypeError: The index is not a whole number.
            ExportedVideoError: The picture cannot be read.
            ExportedDatasetError: The rows of the episode cannot be read.
        """
        number = _whole_number(index)
        count = len(self)
        if not -count <= number < count:
            raise IndexError(f"there is no frame {number}: the dataset has {count} frames")
        number %= count
        episode = self._tables.episodes[bisect_right(self._ends, number)]
        frame = number - episode.first
        rows = self._tables.rows(episode)
        task = rows.task_indexes[frame]
        pictures = {name: self._picture(video, frame) for name, video in episode.videos.items()}
        return {
            **pictures,
            "timestamp": rows.timestamps[frame],
            "frame_index": np.int64(frame),
            "episode_index": np.int64(episode.index),
            "index": np.int64(number),
            "task_index": task,
            "task": self._tables.tasks[task],
        }

    def _picture(self, video: EpisodeVideo, frame: int) -> NDArray[Any]:
        pixels = self._videos.rgb(video, frame).transpose(2, 0, 1)
        if self._return_uint8:
            return np.ascontiguousarray(pixels)
        picture: NDArray[np.float32] = np.empty(pixels.shape, np.float32)
        np.divide(pixels, np.float32(255), out=picture)
        return picture


class _OpenVideos:
    """The videos that were used last, of this process."""

    def __init__(self, fps: int) -> None:
        self._fps = fps
        self._inherited: list[object] = []
        self._start()

    def __reduce__(self) -> tuple[type[_OpenVideos], tuple[int]]:
        """Support pickling: a copy opens its own files."""
        return type(self), (self._fps,)

    def rgb(self, video: EpisodeVideo, frame: int) -> NDArray[Any]:
        """Return a picture of an episode, uint8 of the shape (height, width, 3)."""
        if self._process != os.getpid():
            # After a fork, both processes would move one position in a file. FFmpeg's objects are not freed
            # in this process, because freeing may wait for a thread that only the other process has.
            self._inherited += [self._seekers, self._reformatter]
            self._start()
        seeker = self._seekers.get(video.path)
        if seeker is None:
            seeker = self._seekers[video.path] = PictureSeeker(video.path, self._fps)
            if len(self._seekers) > _MAX_OPEN_VIDEOS:
                self._seekers.popitem(last=False)[1].close()
        self._seekers.move_to_end(video.path)
        picture = seeker.at(video.start_s + frame / self._fps)
        try:
            rgb = self._reformatter.reformat(picture, format="rgb24", **_ONE_THREAD)
            pixels: NDArray[Any] = rgb.to_ndarray()
        except (FFmpegError, ValueError) as error:
            raise ExportedVideoError(f"a picture of {video.path} cannot be converted to RGB") from error
        return pixels

    def _start(self) -> None:
        self._process = os.getpid()
        self._seekers: OrderedDict[Path, PictureSeeker] = OrderedDict()
        self._reformatter = VideoReformatter()


def _whole_number(index: Any) -> int:
    try:
        number: int = operator.index(index)
    except TypeError:
        name = "a slice" if isinstance(index, slice) else type(index).__name__
        raise TypeError(
            f"an index of a dataset has to be a whole number, not {name}: for a part of the dataset, use "
            "[dataset[n] for n in range(first, last)], or torch.utils.data.Subset"
        ) from None
    return number
