"""Decodes single pictures of an MP4 file, in any order. Needs only PyAV.

`odyssey_ros.dataset.videos` reads files of any origin and numbers their pictures, for which it reads all
packets first. Here, times say which picture is wanted, and only one group of pictures is read.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import av
from av.error import FFmpegError

from odyssey_ros.dataset.errors import ExportedVideoError
from odyssey_ros.dataset.exports.dataset_files import open_dataset_file
from odyssey_ros.dataset.videos.mp4_tables import MAX_TRACKS, TableLimitError, check_tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction
    from pathlib import Path

    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_PICTURE_PIXELS: Final = 4096 * 2160
"""Maximum number of pixels of a picture."""

_CODECS: Final = ("h264", "hevc", "av1", "libdav1d", "vp9", "mpeg4")
_OPTIONS: Final = {
    "protocol_whitelist": "file",
    "codec_whitelist": ",".join(_CODECS),
    "max_streams": str(MAX_TRACKS),
    "max_pixels": str(MAX_PICTURE_PIXELS),
}


class PictureSeeker:
    """An open video file. Use it in one thread and one process.

    Decoding starts at the key frame before a picture, or continues where it is if that is probably less work:
    if the wanted picture is ahead, by at most as many pictures as have followed the last key frame. So a
    picture takes at most twice as long as in a reader that knows all key frames.

    Args:
        path: The file.
        fps: Frames per second; pictures are up to a quarter of a period away from the time that is wanted.

    Raises:
        ExportedVideoError: The file cannot be opened, or exceeds a limit.
        ExportedDatasetError: There is no such file, or it is not a regular file.
    """

    def __init__(self, path: Path, fps: int) -> None:
        self._path = path
        self._period_s = 1 / fps
        self._container, self._stream = open_video(path)
        self._frames: Iterator[VideoFrame] = iter(())
        self._current: VideoFrame | None = None
        self._current_s = self._key_s = 0.0
        self._untouched = True

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def at(self, time_s: float) -> VideoFrame:
        """Return the picture of a time, in the format of the decoder.

        Args:
            time_s: Presentation time in the file, in seconds.

        Raises:
            ExportedVideoError: There is no picture of this time, or it cannot be decoded.
        """
        try:
            if self._is_near(time_s):
                return self._decoded_to(time_s)
            return self._after_seek(time_s)
        except FFmpegError as error:
            self._current = None
            raise _broken(self._path, error.strerror) from error

    def _is_near(self, time_s: float) -> bool:
        if self._current is None:
            return False
        ahead_s = time_s - self._current_s
        reach_s = max(1.25 * self._period_s, self._current_s - self._key_s)
        return -self._period_s / 4 <= ahead_s <= reach_s

    def _after_seek(self, time_s: float) -> VideoFrame:
        try:
            self._seek(time_s)
            return self._decoded_to(time_s)
        except (FFmpegError, ExportedVideoError):
            # A key frame may not be one for all pictures after it, and seeking relies on the file's stamps.
            self._restart()
            return self._decoded_to(time_s)

    def _decoded_to(self, time_s: float) -> VideoFrame:
        """Return the picture of a time, which is not before the current one."""
        tolerance_s = self._period_s / 4
        while self._current is None or self._current_s < time_s - tolerance_s:
            frame = next(self._frames, None)
            if frame is None:
                self._current = None
                raise _missing(self._path, time_s)
            self._current, self._current_s = frame, _time(self._path, frame)
            if frame.key_frame:
                self._key_s = self._current_s
        if self._current_s > time_s + tolerance_s:
            raise _missing(self._path, time_s)
        return self._current

    def _seek(self, time_s: float) -> None:
        base: Fraction | None = self._stream.time_base
        if base is None:
            raise _broken(self._path, "it has no time base")
        self._current = None
        self._untouched = False
        self._container.seek(math.floor((time_s + self._period_s / 4) / base), stream=self._stream)
        self._frames = _pictures(self._path, self._container, self._stream)

    def _restart(self) -> None:
        """Decode from the start of the file, which is opened again."""
        self._current = None
        if not self._untouched:
            self._container.close()
            self._container, self._stream = open_video(self._path)
        self._untouched = False
        self._frames = _pictures(self._path, self._container, self._stream)


def _pictures(path: Path, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Yield the pictures from the position of the container on."""
    for packet in container.demux(stream):
        for frame in packet.decode():
            if frame.is_corrupt:
                raise _broken(path, f"the picture at {_time(path, frame):.3f} s is damaged")
            yield frame


def open_video(path: Path) -> tuple[InputContainer, VideoStream]:
    """Open an MP4 file, and return its container and its first video stream.

    Raises:
        ExportedVideoError: The file cannot be opened, or exceeds a limit.
        ExportedDatasetError: There is no such file, or it is not a regular file.
    """
    try:
        with open_dataset_file(path) as file:
            check_tables(file)
        # Without the prefix, FFmpeg takes the beginning of a name with a colon for a protocol.
        container = av.open(f"file:{path}", format="mov", options=_OPTIONS)
    except TableLimitError as error:
        raise _broken(path, str(error)) from error
    except (FFmpegError, OSError, UnicodeDecodeError) as error:  # the last for metadata
        raise _broken(path, getattr(error, "strerror", None)) from error
    try:
        stream = container.streams.video[0] if container.streams.video else None
        context = None if stream is None else stream.codec_context
        if stream is None or context is None or context.name not in _CODECS:
            raise _broken(path, f"it has no video with one of the codecs {', '.join(_CODECS)}")
        if context.width * context.height > MAX_PICTURE_PIXELS:
            raise _broken(path, f"its pictures have more than {MAX_PICTURE_PIXELS} pixels")
        stream.thread_type = "NONE"  # frame threads deliver later; a loader has its own processes
        context.thread_count = 1
        # Without this option the decoder conceals damage without an error.
        context.options = {"err_detect": "explode", "max_pixels": str(MAX_PICTURE_PIXELS)}
    except BaseException:
        container.close()
        raise
    return container, stream


def _time(path: Path, frame: VideoFrame) -> float:
    if frame.pts is None or frame.time_base is None:
        raise _broken(path, "a picture has no time")
    return float(frame.pts * frame.time_base)


def _broken(path: Path, reason: str | None) -> ExportedVideoError:
    return ExportedVideoError(f"{path} cannot be read: {reason or 'it is damaged'}")


def _missing(path: Path, time_s: float) -> ExportedVideoError:
    return ExportedVideoError(f"{path} has no picture at {time_s:.4f} s")
