"""The container formats that are read, recognized by content.

FFmpeg probes for any format, also for playlists and scripts that make it read other files.
"""

from __future__ import annotations

from typing import BinaryIO, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.videos.mp4_tables import MAX_FRAMES, MAX_TRACKS, TableLimitError, check_tables

__all__ = [
    "CODECS",
    "MAX_DURATION_NS",
    "MAX_FRAMES",
    "MAX_TRACKS",
    "recognize_format",
    "unsupported",
]

MAX_DURATION_NS: Final = 10**7 * 10**9
"""Maximum presentation time: 115 days. Stamps and arithmetic stay within their ranges."""

CODECS: Final = ("h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "mpeg4")
"""FFmpeg's names of the decoders that are used. The service sends H.264."""

_MP4: Final = frozenset((b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"sidx"))
_MATROSKA: Final = b"\x1a\x45\xdf\xa3"
_TS_SYNC: Final = 0x47
_TS_PACKET: Final = 188
_TS_CHECKED: Final = 3 * _TS_PACKET


def recognize_format(file: BinaryIO) -> str:
    """Return FFmpeg's name of the container format: `mov` (which means MP4 too), `matroska` or `mpegts`.

    Args:
        file: The file, at its beginning.

    Raises:
        EpisodeError: It is of another format, or an MP4 file announces more than the limits allow.
        OSError: It cannot be read.
    """
    start = file.read(_TS_CHECKED)
    if start[:4] == _MATROSKA:
        return "matroska"
    if len(start) == _TS_CHECKED and set(start[::_TS_PACKET]) == {_TS_SYNC}:
        return "mpegts"
    if start[4:8] not in _MP4:
        raise EpisodeError(
            ErrorCode.VIDEO_BROKEN,
            "the file is damaged, or not an MP4, QuickTime, Matroska, WebM or MPEG-TS video: convert other "
            "formats, for example with `ffmpeg -i FILE -c:v libx264 video.mp4`",
        )
    try:
        check_tables(file)
    except TableLimitError as error:
        raise unsupported(str(error)) from error
    return "mov"


def unsupported(reason: str) -> EpisodeError:
    """Return the error of a file that exceeds a limit."""
    return EpisodeError(ErrorCode.VIDEO_UNSUPPORTED, reason)
