"""Writes MP4 files with a constant frame rate: access units as they are, or encoded pictures."""

from __future__ import annotations

import io
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import av
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from av.container import OutputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

PIXEL_FORMAT: Final = "yuv420p"
"""The pixel format of encoded pictures, which every H.264 decoder reads."""

_TICKS_PER_FRAME: Final = 512
# x264's presets trade time for size; the quality is that of `crf`, here nearly that of the input.
_ENCODING: Final = {"preset": "veryfast", "crf": "18", "sc_threshold": "0"}


class CopiedVideo:
    """An MP4 file of H.264 access units as they are. The first one must be a key frame.

    A context: the file is complete when the block ends without an error. Blocks on the disk.

    Args:
        path: The file, which must not exist.
        rate: Frames per second.

    Attributes:
        frames: Number of frames so far.
    """

    def __init__(self, path: Path, rate: int) -> None:
        self.frames = 0
        self._path = path
        self._rate = rate
        self._open = ExitStack()
        self._output: tuple[OutputContainer, VideoStream] | None = None

    def __enter__(self) -> CopiedVideo:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    def add(self, data: bytes, *, is_key_frame: bool) -> None:
        """Write the next frame.

        Args:
            data: The access unit, in Annex B form.
            is_key_frame: Whether a decoder can start with it.

        Raises:
            EpisodeError: The access unit cannot be written.
            OSError: The file cannot be written.
        """
        try:
            container, stream = self._output or self._start(data)
            packet = av.Packet(data)
            packet.stream = stream
            packet.time_base = Fraction(1, self._rate * _TICKS_PER_FRAME)
            packet.pts = packet.dts = self.frames * _TICKS_PER_FRAME
            packet.duration = _TICKS_PER_FRAME
            packet.is_keyframe = is_key_frame
            container.mux(packet)
        except FFmpegError as error:
            raise _not_written(self.frames, error) from error
        self.frames += 1

    def _start(self, first: bytes) -> tuple[OutputContainer, VideoStream]:
        # The demuxer of raw H.264 finds the size and the parameter sets, which the MP4 file needs.
        source = self._open.enter_context(av.open(io.BytesIO(first), format="h264"))
        container = self._open.enter_context(av.open(str(self._path), "w", format="mp4"))
        stream = container.add_stream_from_template(source.streams.video[0])
        stream.time_base = Fraction(1, self._rate * _TICKS_PER_FRAME)
        self._output = container, stream
        return self._output


class EncodedVideo:
    """An MP4 file of pictures, encoded as H.264 without B frames. A context; see `CopiedVideo`.

    Args:
        path: The file, which must not exist.
        size: Width and height in pixels. Both must be even.
        rate: Frames per second.
        gop: Distance between two key frames, in frames.

    Attributes:
        frames: Number of frames so far.
    """

    def __init__(self, path: Path, size: tuple[int, int], rate: int, gop: int) -> None:
        self.frames = 0
        self._open = ExitStack()
        self._reformatter = VideoReformatter()
        self._time_base = Fraction(1, rate)
        container = self._open.enter_context(av.open(str(path), "w", format="mp4"))
        stream = container.add_stream("libx264", rate=rate, options=dict(_ENCODING))
        stream.width, stream.height = size
        stream.pix_fmt = PIXEL_FORMAT
        stream.gop_size = gop
        stream.max_b_frames = 0
        stream.thread_count = 1
        stream.time_base = self._time_base
        self._container: OutputContainer = container
        self._stream: VideoStream = stream

    def __enter__(self) -> EncodedVideo:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._open:
            if exc is None:
                self._container.mux(self._stream.encode(None))

    def add(self, picture: VideoFrame) -> None:
        """Encode the next frame. Its stamp is overwritten.

        Raises:
            EpisodeError: The picture cannot be encoded.
            OSError: The file cannot be written.
        """
        try:
            frame = self._reformatter.reformat(picture, format=PIXEL_FORMAT, threads=1)
            frame.pts = self.frames
            frame.time_base = self._time_base
            frame.pict_type = av.video.frame.PictureType.NONE
            if not self.frames and picture.format.name == PIXEL_FORMAT:
                self._keep_colours(picture)
            self._container.mux(self._stream.encode(frame))
        except FFmpegError as error:
            raise _not_written(self.frames, error) from error
        self.frames += 1

    def _keep_colours(self, picture: VideoFrame) -> None:
        """Write into the file which colours the values of pixels mean, as the input says."""
        context = self._stream.codec_context
        context.colorspace = picture.colorspace
        context.color_range = picture.color_range
        context.color_primaries = picture.color_primaries
        context.color_trc = picture.color_trc


def _not_written(frame: int, error: FFmpegError) -> EpisodeError:
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0 and error.filename:
        raise error
    return EpisodeError(ErrorCode.NOT_EXPORTABLE, f"frame {frame} cannot be written: {error.strerror}")
