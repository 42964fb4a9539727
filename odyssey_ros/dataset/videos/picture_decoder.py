"""Decodes the pictures of a video file from a key frame on, and leaves out those that may be incorrect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from av.error import FFmpegError

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.videos.video_format import unsupported
from odyssey_ros.dataset.videos.video_stamps import known_stamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from odyssey_ros.dataset.videos.video_file import VideoFile
    from odyssey_ros.dataset.videos.video_stamps import FrameTable


class Stamped(Protocol):
    """A picture with a presentation stamp, in ticks of the file's time base."""

    @property
    def pts(self) -> int | None:
        """The stamp."""


P = TypeVar("P", bound=Stamped)


class LateStartError(Exception):
    """The wanted picture cannot be decoded from the place where decoding started; an earlier place may do."""


def pictures_after_seek(file: VideoFile, table: FrameTable, first: int) -> Iterator[tuple[int, VideoFrame]]:
    """Yield number and frame of the pictures from number `first` on, after a seek.

    The pictures are right if the key frame at which decoding starts comes out, or if no error occurs and the
    decoder drops pictures until it has recovered (H.264 with an intra refresh instead of key frames).

    Args:
        file: The file, at the place where decoding starts.
        table: The stamps of the file.
        first: The number of the first wanted picture.

    Raises:
        LateStartError: The first wanted picture cannot be decoded from this place; nothing has been yielded.
        EpisodeError: A picture is damaged, or its stamp does not say which one it is.
        FFmpegError: The file is broken.
    """
    wanted = table.stamps[first]
    # Pictures with the same stamp are counted, so the first of them has to be seen.
    latest = wanted if len(table.positions(wanted)) == 1 else wanted - 1
    yielded = False
    try:
        for index, frame in numbered(_after_key_frame(file, latest), table):
            if index < first:
                continue
            if not yielded and index > first:
                raise LateStartError
            yielded = True
            yield index, frame
    except (FFmpegError, EpisodeError) as error:
        if yielded:
            raise
        raise LateStartError from error
    if not yielded:
        raise LateStartError


def pictures_from_start(
    file: VideoFile, table: FrameTable, first: int = 0
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield number and frame of the pictures from number `first` on; decodes from the file's start.

    Args:
        file: The file, at its start.
        table: The stamps of the file.
        first: The number of the first wanted picture.

    Raises:
        EpisodeError: A picture is damaged, or its stamp does not say which one it is.
        FFmpegError: The file is broken.
    """
    for index, frame in numbered(_from_start(file, table), table):
        if index >= first:
            yield index, frame


def first_frame(file: VideoFile, table: FrameTable) -> VideoFrame:
    """Return the first picture that can be decoded, from the start of the file.

    Raises:
        EpisodeError: No picture can be decoded.
        FFmpegError: The first key frame is broken.
    """
    return next(_from_start(file, table))


def numbered(pictures: Iterator[P], table: FrameTable) -> Iterator[tuple[int, P]]:
    """Yield number and picture, for pictures in order of presentation.

    Args:
        pictures: The pictures. If several have the same stamp, the first of them must not be left out.
        table: The stamps of the file.

    Raises:
        EpisodeError: A stamp does not say which picture it is: it goes back, or no packet has it.
    """
    expected = 0
    for picture in pictures:
        positions = table.positions(known_stamp(picture.pts))
        index = max(positions.start, expected)
        if index not in positions:
            raise unsupported(
                "the presentation times of the video's pictures contradict their order: encode the video "
                "again, for example with `ffmpeg -i FILE -c:v libx264 video.mp4`"
            )
        expected = index + 1
        yield index, picture


def _from_start(file: VideoFile, table: FrameTable) -> Iterator[VideoFrame]:
    return _after_leading(file) if table.has_leading else _undamaged(file)


def _undamaged(file: VideoFile) -> Iterator[VideoFrame]:
    """Yield the frames of a file from its start."""
    empty = True
    for packet in file.container.demux(file.stream):
        for frame in packet.decode():
            empty = False
            yield _intact(frame)
    if empty:
        raise _nothing_decoded()


def _after_leading(file: VideoFile) -> Iterator[VideoFrame]:
    """Yield the frames of a file with packets before its first key frame, in the file or in presentation.

    Those before it in the file are left out: the decoder of MPEG-4 would make pictures without what they are
    based on. Those before it in presentation come out if they can be decoded.
    """
    key: int | None = None
    failure: Exception | None = None
    started = False
    for packet in file.container.demux(file.stream):
        if key is None and packet.is_keyframe:
            key = known_stamp(packet.pts)
        if key is None:
            continue
        try:
            frames = packet.decode()
        except FFmpegError as error:
            if started or not _precedes(packet, key):
                raise
            failure = failure or error
            continue
        for frame in frames:
            if not started and frame.is_corrupt:
                failure = failure or _damaged(frame)
                continue
            if not started and failure and known_stamp(frame.pts) > key:
                raise failure
            started = True
            yield _intact(frame)
    if not started:
        raise failure or _nothing_decoded()


def _after_key_frame(file: VideoFile, latest: int) -> Iterator[VideoFrame]:
    """Yield the frames from the next key frame on, if that frame has a stamp up to `latest`."""
    key: int | None = None
    failed = started = False
    for packet in file.container.demux(file.stream):
        if key is None:
            if not packet.is_keyframe:  # in MPEG-TS, a seek leads to any packet
                continue
            key = known_stamp(packet.pts)
            if key > latest:
                raise LateStartError
        try:
            frames = packet.decode()
        except FFmpegError:
            if started or not _precedes(packet, key):
                raise
            failed = True
            continue
        for frame in frames:
            stamp = known_stamp(frame.pts)
            if not started and stamp < key:
                continue
            if not started and (stamp > latest or (failed and stamp > key)):
                raise LateStartError
            started = True
            yield _intact(frame)


def _precedes(packet: Packet[VideoStream], key: int) -> bool:
    """Return whether a picture is shown before the key frame, and may depend on what is before both."""
    return packet.pts is not None and packet.pts < key


def _intact(frame: VideoFrame) -> VideoFrame:
    if frame.is_corrupt:
        raise _damaged(frame)
    return frame


def _damaged(frame: VideoFrame) -> EpisodeError:
    time_s = float(frame.time) if frame.time is not None else 0.0
    return EpisodeError(ErrorCode.VIDEO_BROKEN, f"the picture at {time_s:.3f} s of the video is damaged")


def _nothing_decoded() -> EpisodeError:
    return EpisodeError(ErrorCode.VIDEO_BROKEN, "no picture of the video could be decoded")
