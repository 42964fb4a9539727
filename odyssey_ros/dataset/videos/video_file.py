"""Opens video files with the formats, codecs and limits of `video_format`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import av
from av.codec.context import Flags
from av.error import FFmpegError
from av.stream import Disposition

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.regular_file import RegularFileError, open_regular_file
from odyssey_ros.client.video_decoder import MAX_PICTURE_PIXELS
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.videos.video_format import CODECS, MAX_TRACKS, recognize_format, unsupported

if TYPE_CHECKING:
    from pathlib import Path

    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

_OPTIONS: Final = {
    "protocol_whitelist": "file",
    "codec_whitelist": ",".join(CODECS),
    "max_streams": str(MAX_TRACKS),
    "max_pixels": str(MAX_PICTURE_PIXELS),
}


class VideoFile:
    """An open video file, read from its start. For one thread at a time.

    Args:
        path: The file.
        threads: Number of decoder threads.

    Attributes:
        container: The container.
        stream: The first video stream of the container that is no cover picture.
        context: The decoder of the stream.
        is_transparent: Whether the container says that the pictures have an alpha channel (VP8 and VP9).
        ignored_tracks: Number of further video streams. Cover pictures do not count.

    Raises:
        EpisodeError: The file cannot be opened, has no video, or exceeds a limit.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        self.container = _open(path)
        try:
            self.stream, self.context, self.ignored_tracks = _video_stream(self.container)
        except EpisodeError:
            self.container.close()
            raise
        self.is_transparent = ("alpha_mode", "1") in {
            (name.lower(), value) for name, value in self.stream.metadata.items()
        }
        # FFmpeg's frame threads deliver pictures later for the same work, so a single thread uses none.
        self.stream.thread_type = "AUTO" if threads > 1 else "NONE"
        self.context.thread_count = threads
        # Without this flag some columns at the left that the video cuts off stay, and the size is another.
        self.context.flags |= Flags.unaligned
        # Without this option the decoder conceals damage without an error.
        self.context.options = {"err_detect": "explode", "max_pixels": str(MAX_PICTURE_PIXELS)}

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def broken(self, error: Exception) -> EpisodeError:
        """Return the error of an episode for an error of FFmpeg."""
        width, height = self.context.width, self.context.height
        return too_large(width, height) if width * height > MAX_PICTURE_PIXELS else broken(error)


def broken(error: Exception) -> EpisodeError:
    """Return the error of a file that cannot be read."""
    # FFmpeg's text ends with the path, which the episode's name makes redundant.
    reason = getattr(error, "strerror", None) or type(error).__name__
    return EpisodeError(ErrorCode.VIDEO_BROKEN, f"the video cannot be read: {reason}")


def too_large(width: int, height: int) -> EpisodeError:
    """Return the error of a file with pictures above the limit."""
    return unsupported(
        f"the pictures are {width}x{height}; at most {MAX_PICTURE_PIXELS} pixels (4096x2160) are read"
    )


def _open(path: Path) -> InputContainer:
    try:
        with open_regular_file(path) as file:
            container_format = recognize_format(file)
        # Without the prefix, FFmpeg takes the beginning of a name with a colon for a protocol.
        return av.open(f"file:{path}", format=container_format, options=_OPTIONS)
    except RegularFileError as error:
        raise EpisodeError(ErrorCode.VIDEO_BROKEN, f"the video cannot be read: {error.reason}") from error
    except (FFmpegError, OSError, UnicodeDecodeError) as error:  # the last for metadata
        raise broken(error) from error


def _video_stream(container: InputContainer) -> tuple[VideoStream, VideoCodecContext, int]:
    streams = [
        stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        raise EpisodeError(ErrorCode.VIDEO_BROKEN, "the file contains no video")
    stream = streams[0]
    context = cast("VideoCodecContext | None", stream.codec_context)
    if context is None or context.name not in CODECS:
        raise unsupported(f"the video has none of the codecs that are read: {', '.join(CODECS)}")
    if context.width * context.height > MAX_PICTURE_PIXELS:
        raise too_large(context.width, context.height)
    return stream, context, len(streams) - 1
