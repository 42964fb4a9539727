"""Copies the pictures of one episode out of a video file that has several. Needs only PyAV."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import av
from av.error import FFmpegError

from odyssey_ros.dataset.errors import ExportedVideoError
from odyssey_ros.dataset.exports.picture_seeker import open_video

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

    from odyssey_ros.dataset.exports.exported_tables import EpisodeVideo

_TOLERANCE: Final = 0.25  # of a period


def cut_episode(video: EpisodeVideo, length: int, fps: int, target: Path) -> None:
    """Write the pictures of an episode as a file of their own, as they are encoded. Blocks on the disk.

    Args:
        video: Where the episode is.
        length: Number of its pictures.
        fps: Frames per second.
        target: The new MP4 file; one that exists is replaced.

    Raises:
        ExportedVideoError: The video cannot be read, the episode does not begin with a key frame, or its
            pictures are not together in the file.
        ExportedDatasetError: There is no such file, or it is not a regular file.
        OSError: The new file cannot be written.
    """
    source, stream = open_video(video.path)
    count = 0
    with source:
        try:
            with av.open(str(target), "w", format="mp4") as output:
                copy = output.add_stream_from_template(stream)
                for packet in _packets(video, source, stream, length, fps):
                    packet.stream = copy
                    output.mux(packet)
                    count += 1
        except FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise ExportedVideoError(f"{video.path} cannot be copied: {error.strerror}") from error
    if count != length:
        raise ExportedVideoError(
            f"{video.path} cannot be cut: {length} pictures have to follow a key frame at "
            f"{video.start_s:.4f} s"
        )


def _packets(
    video: EpisodeVideo, source: InputContainer, stream: VideoStream, length: int, fps: int
) -> Iterator[Packet[VideoStream]]:
    """Yield the packets of an episode from its key frame on, with times from 0."""
    base = stream.time_base
    if base is None:
        return
    tolerance_s = _TOLERANCE / fps
    origin: int | None = None
    count = 0
    try:
        source.seek(math.floor((video.start_s + tolerance_s) / base), stream=stream)
        for packet in source.demux(stream):
            if packet.pts is None or packet.dts is None or count == length:
                return
            ahead_s = float(packet.pts * base) - video.start_s
            if origin is None and packet.is_keyframe and abs(ahead_s) <= tolerance_s:
                origin = packet.pts
            if origin is None:
                continue
            if not -tolerance_s <= ahead_s <= length / fps - tolerance_s:
                return
            packet.pts -= origin
            packet.dts -= origin
            count += 1
            yield packet
    except FFmpegError as error:
        raise ExportedVideoError(f"{video.path} cannot be read: {error.strerror}") from error
