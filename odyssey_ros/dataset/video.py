"""Reads the video file of a recording, as decoded pictures or as encoded packets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

import av
from av.bitstream import BitStreamFilterContext
from av.error import FFmpegError

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.regular_file import RegularFileError, open_regular_file
from odyssey_ros.client.video_decoder import MAX_PICTURE_PIXELS
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.video_format import (
    CODECS,
    MAX_DURATION_NS,
    MAX_FRAMES,
    MAX_TRACKS,
    recognize_format,
    unsupported,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction
    from pathlib import Path
    from types import TracebackType

    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_NANOSECONDS: Final = 1_000_000_000
_OPTIONS: Final = {
    "protocol_whitelist": "file",
    "codec_whitelist": ",".join(CODECS),
    "max_streams": str(MAX_TRACKS),
    "max_pixels": str(MAX_PICTURE_PIXELS),
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded frame.

    Attributes:
        index: Number of the frame in presentation order, from 0.
        media_time_ns: Presentation time since the first frame.
        stream_time_ns: Presentation time in the file; the events log uses the same clock.
        frame: The pixels, in the decoder's format.
    """

    index: int
    media_time_ns: int
    stream_time_ns: int
    frame: VideoFrame


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """An H.264 access unit in Annex B form, with SPS and PPS in a key frame; see `Picture`."""

    index: int
    media_time_ns: int
    stream_time_ns: int
    annex_b: bytes


class Video:
    """An open video file. Only one thread at a time may use it; pictures that it returned stay valid.

    Args:
        path: The file: MP4, QuickTime, Matroska or WebM, with one of the codecs in `video_format`. No other
            file is read, whatever the file contains.
        threads: Number of decoder threads.

    Attributes:
        width: Width in pixels.
        height: Height in pixels.
        codec: FFmpeg's name of the codec.

    Raises:
        EpisodeError: The file cannot be opened, has no video, or exceeds a limit: the number of frames and
            tracks, or the size of a picture.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        try:
            with open_regular_file(path) as file:
                container_format = recognize_format(file)
            # Without the prefix, FFmpeg takes the beginning of a name with a colon for a protocol.
            self._container = av.open(f"file:{path}", format=container_format, options=_OPTIONS)
        except RegularFileError as error:
            raise EpisodeError(ErrorCode.VIDEO_BROKEN, f"the video cannot be read: {error.reason}") from error
        except (FFmpegError, OSError, UnicodeDecodeError) as error:  # the last for metadata
            raise _broken(error) from error
        if not self._container.streams.video:
            self._container.close()
            raise EpisodeError(ErrorCode.VIDEO_BROKEN, "the file contains no video")
        self._stream = self._container.streams.video[0]
        context = self._stream.codec_context
        if context is None or context.name not in CODECS:
            self._container.close()
            raise unsupported(f"the video has none of the codecs that are read: {', '.join(CODECS)}")
        # FFmpeg's frame threads deliver pictures later for the same work, so a single thread uses none.
        self._stream.thread_type = "AUTO" if threads > 1 else "NONE"
        self._stream.codec_context.thread_count = threads
        # Without this option the decoder conceals damage without an error.
        self._stream.codec_context.options = {
            "err_detect": "explode",
            "max_pixels": str(MAX_PICTURE_PIXELS),
        }
        self.width: int = self._stream.codec_context.width
        self.height: int = self._stream.codec_context.height
        self.codec: str = self._stream.codec_context.name
        if self.width * self.height > MAX_PICTURE_PIXELS:
            self._container.close()
            raise _too_large(self.width, self.height)

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def frame_times_ns(self) -> list[int]:
        """Return the presentation times of all frames since the first one, without decoding.

        Raises:
            EpisodeError: The file is broken.
        """
        stamps = self._presentation_stamps()
        return [self._times(stamp, stamps[0])[0] for stamp in stamps]

    def pictures(self, first: int = 0) -> Iterator[Picture]:
        """Decode the pictures from number `first` on.

        Raises:
            EpisodeError: The file is broken; the pictures before the damage have been yielded.
        """
        origin: int | None = None
        index = 0
        if first > 0:
            stamps = self._presentation_stamps()
            if first >= len(stamps):
                return
            origin, wanted = stamps[0], stamps[first]
            index = first
            self._seek(wanted)
        else:
            wanted = None
            self._seek(None)
        expected = decoded = 0
        try:
            for packet in self._container.demux(self._stream):
                expected += _holds_picture(packet)
                for frame in packet.decode():
                    decoded += 1
                    stamp = _stamp(frame.pts)
                    if frame.is_corrupt:
                        raise EpisodeError(ErrorCode.VIDEO_BROKEN, f"picture {index} is damaged")
                    if wanted is not None and stamp < wanted:
                        continue
                    origin = stamp if origin is None else origin
                    yield Picture(index, *self._times(stamp, origin), frame)
                    index += 1
        except FFmpegError as error:
            context = self._stream.codec_context
            if context.width * context.height > MAX_PICTURE_PIXELS:
                raise _too_large(context.width, context.height) from error
            raise _broken(error) from error
        if decoded < expected or not index:
            raise EpisodeError(
                ErrorCode.VIDEO_BROKEN,
                f"{decoded} of the video's {expected} pictures could be decoded",
            )

    def h264_packets(self) -> Iterator[EncodedPicture]:
        """Yield the encoded video, one access unit for each picture.

        Raises:
            EpisodeError: The file is broken, is not H.264, or has B frames, which the message type does not
                allow.
        """
        if self.codec != "h264":
            raise EpisodeError(
                ErrorCode.VIDEO_UNSUPPORTED,
                f"only H.264 can be passed through, but the video is {self.codec}: use jpeg or raw images",
            )
        self._seek(None)
        to_annex_b = BitStreamFilterContext("h264_mp4toannexb", self._stream)
        origin: int | None = None
        last = -1
        index = 0
        try:
            for packet in self._container.demux(self._stream):
                for unit in to_annex_b.filter(packet if packet.size else None):
                    stamp = _stamp(unit.pts)
                    origin = stamp if origin is None else origin
                    if stamp - origin <= last:
                        raise EpisodeError(
                            ErrorCode.VIDEO_UNSUPPORTED,
                            "a video with B frames cannot be passed through: use jpeg or raw images",
                        )
                    last = stamp - origin
                    yield EncodedPicture(index, *self._times(stamp, origin), bytes(unit))
                    index += 1
        except FFmpegError as error:
            raise _broken(error) from error
        if not index:
            raise EpisodeError(ErrorCode.VIDEO_BROKEN, "the video contains no pictures")

    @property
    def _time_base(self) -> Fraction:
        base = self._stream.time_base
        if base is None:
            raise EpisodeError(ErrorCode.VIDEO_BROKEN, "the video has no time base")
        return base

    def _times(self, stamp: int, origin: int) -> tuple[int, int]:
        """Return the media time and the stream time of a presentation stamp, in nanoseconds."""
        base = self._time_base
        times = _nanoseconds(stamp - origin, base), _nanoseconds(stamp, base)
        if any(abs(time_ns) > MAX_DURATION_NS for time_ns in times):
            raise unsupported(f"a picture has a time of more than {MAX_DURATION_NS // 10**9} s")
        return times

    def _seek(self, stamp: int | None) -> None:
        """Seek to the key frame at or before `stamp`; None is the start of the file."""
        try:
            if stamp is None:
                self._container.seek(0)
            else:
                self._container.seek(stamp, stream=self._stream)
        except FFmpegError as error:
            raise _broken(error) from error

    def _presentation_stamps(self) -> list[int]:
        self._seek(None)
        try:
            packets = self._container.demux(self._stream)
            pictures = (packet for packet in packets if _holds_picture(packet))
            stamps = sorted(_stamp(packet.pts) for packet in islice(pictures, MAX_FRAMES + 1))
        except FFmpegError as error:
            raise _broken(error) from error
        if len(stamps) > MAX_FRAMES:
            raise unsupported(f"the video has more than {MAX_FRAMES} frames")
        if not stamps:
            raise EpisodeError(ErrorCode.VIDEO_BROKEN, "the video contains no pictures")
        return stamps


def _holds_picture(packet: Packet[VideoStream]) -> bool:
    return bool(packet.size) and not packet.is_discard


def _stamp(pts: int | None) -> int:
    if pts is None:
        raise EpisodeError(ErrorCode.VIDEO_BROKEN, "a picture of the video has no presentation time")
    return pts


def _nanoseconds(ticks: int, time_base: Fraction) -> int:
    return ticks * time_base.numerator * _NANOSECONDS // time_base.denominator


def _too_large(width: int, height: int) -> EpisodeError:
    return unsupported(
        f"the pictures are {width}x{height}; at most {MAX_PICTURE_PIXELS} pixels (4096x2160) are read"
    )


def _broken(error: Exception) -> EpisodeError:
    # FFmpeg's text ends with the path, which the episode's name makes redundant.
    reason = getattr(error, "strerror", None) or type(error).__name__
    return EpisodeError(ErrorCode.VIDEO_BROKEN, f"the video cannot be read: {reason}")
