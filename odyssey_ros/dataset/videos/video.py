"""Reads the video file of a recording, as decoded pictures or as encoded packets."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from av.error import FFmpegError

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.videos.encoded_units import check_upright, encoded_units
from odyssey_ros.dataset.videos.h264_references import ReferenceOrder
from odyssey_ros.dataset.videos.pass_through import (
    FIELDS,
    H264,
    PassThrough,
    PassThroughError,
    PassThroughScan,
)
from odyssey_ros.dataset.videos.picture_decoder import (
    LateStartError,
    first_frame,
    numbered,
    pictures_after_seek,
    pictures_from_start,
)
from odyssey_ros.dataset.videos.picture_losses import picture_losses
from odyssey_ros.dataset.videos.picture_orientation import UprightPictures
from odyssey_ros.dataset.videos.video_file import VideoFile, broken
from odyssey_ros.dataset.videos.video_format import MAX_DURATION_NS, unsupported
from odyssey_ros.dataset.videos.video_stamps import FrameTable, known_stamp, read_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction
    from pathlib import Path
    from types import TracebackType

    from av.video.frame import VideoFrame

_NANOSECONDS: Final = 1_000_000_000
_MPEG_TS: Final = "mpegts"


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded frame.

    Attributes:
        index: Number of the frame in presentation order, from 0: the position of its presentation stamp among
            the stamps of all frames. The numbers of frames that cannot be decoded are left out.
        media_time_ns: Presentation time since the first frame.
        stream_time_ns: Presentation time in the file; the events log uses the same clock. In MPEG-TS, whose
            times begin anywhere, the media time.
        frame: The pixels, upright, in the decoder's format.
    """

    index: int
    media_time_ns: int
    stream_time_ns: int
    frame: VideoFrame


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A frame as it is encoded; see `Picture`.

    Attributes:
        codec: `h264` or `vp8`.
        width: Width of the decoded picture in pixels.
        height: Height of the decoded picture in pixels.
        is_key_frame: Whether a decoder can start with it: an IDR picture of H.264, a key frame of VP8.
        data: An H.264 access unit in Annex B form, which has SPS and PPS if it is a key frame; or a frame of
            VP8.
    """

    index: int
    media_time_ns: int
    stream_time_ns: int
    codec: str
    width: int
    height: int
    is_key_frame: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class VideoIndex:
    """What a reading of all packets tells of a video. Pass it to another `Video` of the same file.

    Attributes:
        table: The stamps of the pictures.
        pass_through: Whether and from where the packets can be passed through.
    """

    table: FrameTable
    pass_through: PassThrough


class Video:
    """An open video file. Only one thread at a time may use it; pictures that it returned stay valid.

    Args:
        path: The file: MP4, QuickTime, Matroska, WebM or MPEG-TS, with one of the codecs in `video_format`.
            No other file is read, whatever the file contains.
        threads: Number of decoder threads.
        losses: Where `pictures` and `h264_packets` add, up to their end, what was ignored or not converted.
        index: The result of `index` for the same file; None to read all packets when they are needed.

    Attributes:
        codec: FFmpeg's name of the codec.
        losses: The counts.

    Raises:
        EpisodeError: The file cannot be opened, has no video, or exceeds a limit: the number of frames and
            tracks, or the size of a picture.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 1,
        losses: Counter[Loss] | None = None,
        index: VideoIndex | None = None,
    ) -> None:
        self._path = path
        self._threads = threads
        self._file = VideoFile(path, threads=threads)
        self._untouched = True
        self._known_index = index
        self._known_table = None if index is None else index.table
        self._scan: PassThroughScan | None = None
        self.losses: Counter[Loss] = Counter() if losses is None else losses
        self.codec: str = self._file.context.name
        self._is_mpeg_ts = self._file.container.format.name == _MPEG_TS

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
        self._file.close()

    def frame_times_ns(self) -> list[int]:
        """Return the presentation times of all frames since the first one.

        Nothing is decoded, so frames that cannot be decoded are included.

        Raises:
            EpisodeError: The file is broken.
        """
        stamps = self._table().stamps
        return [self._times(stamp)[0] for stamp in stamps]

    def stream_times_ns(self) -> list[int]:
        """Return the presentation times of all frames in the file, the clock of the events log.

        Raises:
            EpisodeError: The file is broken.
        """
        stamps = self._table().stamps
        return [self._times(stamp)[1] for stamp in stamps]

    def pictures(self, first: int = 0) -> Iterator[Picture]:
        """Decode the pictures from number `first` on: those of `pictures()` from there on, pixel by pixel.

        Decoding starts at a key frame from which the first picture can be decoded. Damage before that key
        frame is not noticed.

        Raises:
            EpisodeError: The file is broken; the pictures before the damage have been yielded.
        """
        table = self._table()
        if first >= len(table):
            return
        expected, upright = first, UprightPictures()
        try:
            for index, frame in self._decode(table, first):
                self.losses[_gap_loss(expected)] += index - expected
                expected = index + 1
                self.losses.update(picture_losses(frame, self._file.context))
                yield Picture(
                    index, *self._times(known_stamp(frame.pts)), upright.turned(frame, self._time_base)
                )
        except FFmpegError as error:
            raise self._file.broken(error) from error
        self.losses[_gap_loss(expected)] += len(table) - expected
        self.losses.update(self.file_losses())

    def h264_packets(self) -> Iterator[EncodedPicture]:
        """Yield the encoded video, one access unit for each picture.

        Raises:
            EpisodeError: The file is broken, is not H.264, has B frames, which the message type does not
                allow, or would be shown turned or only in part, which the message cannot say.
        """
        if self.codec != H264:
            raise unsupported(
                f"only H.264 can be passed through, but the video is {self.codec}: use jpeg or raw images"
            )
        if self._table().has_second_fields:
            raise PassThroughError(FIELDS)
        try:
            self._check_upright()
            yield from self._units(None)
        except FFmpegError as error:
            raise broken(error) from error
        self.losses.update(self.file_losses())

    def index(self) -> VideoIndex:
        """Read all packets of the file, and decode the first picture; cheap when it was called before.

        Raises:
            EpisodeError: The file is broken.
        """
        if self._known_index is None:
            table = self._table()
            assert self._scan is not None  # noqa: S101 -- `_table` read the packets
            found = self._scan.result(table)
            try:
                if found.refusal is None:
                    self._check_upright()
            except PassThroughError as error:
                found = PassThrough(error.subject)
            except FFmpegError as error:
                raise self._file.broken(error) from error
            self._known_index = VideoIndex(table, found)
        return self._known_index

    def packets(self, first: int = 0) -> Iterator[EncodedPicture]:
        """Yield the encoded pictures, H.264 or VP8, from number `first` on. Nothing is decoded.

        A decoder can start only with a key frame, which number `first` need not be: `index` has the numbers
        of the key frames.

        Raises:
            PassThroughError: The packets cannot be passed through. Some may have been yielded.
            EpisodeError: The file is broken; the pictures before the damage have been yielded.
        """
        found = self.index().pass_through
        if found.refusal is not None:
            raise PassThroughError(found.refusal)
        try:
            for target in found.start_stamps(first, self._table()):
                try:
                    for picture in self._units(target):
                        if picture.index >= first:
                            yield picture
                except LateStartError:  # raised before the first unit
                    continue
                return
        except FFmpegError as error:
            raise broken(error) from error

    def file_losses(self) -> Counter[Loss]:
        """Return the losses that show without decoding a picture.

        Raises:
            EpisodeError: The file is broken.
        """
        table = self._table()
        losses = {
            Loss.DUPLICATE_STAMPS: table.count_duplicates(),
            Loss.LOST_REFERENCES: table.lost_references,
            Loss.IGNORED_TRACKS: self._file.ignored_tracks,
            Loss.GUESSED_VIDEO_START: int(self._is_mpeg_ts),
            Loss.IGNORED_TRANSPARENCY: int(self._file.is_transparent),
        }
        return Counter({loss: count for loss, count in losses.items() if count})

    @property
    def _time_base(self) -> Fraction:
        base = self._file.stream.time_base
        if base is None:
            raise EpisodeError(ErrorCode.VIDEO_BROKEN, "the video has no time base")
        return base

    def _times(self, stamp: int) -> tuple[int, int]:
        """Return the media time and the stream time of a presentation stamp, in nanoseconds."""
        base, origin = self._time_base, self._table().stamps[0]
        zero = origin if self._is_mpeg_ts else 0
        times = _nanoseconds(stamp - origin, base), _nanoseconds(stamp - zero, base)
        if any(abs(time_ns) > MAX_DURATION_NS for time_ns in times):
            raise unsupported(f"a picture has a time of more than {MAX_DURATION_NS // 10**9} s")
        return times

    def _check_upright(self) -> None:
        self._seek(None)
        check_upright(first_frame(self._file, self._table()))

    def _units(self, key_stamp: int | None) -> Iterator[EncodedPicture]:
        """Yield the encoded pictures from a key frame on, or from the start of the file."""
        self._seek(key_stamp)
        for index, unit in numbered(encoded_units(self._file, key_stamp), self._table()):
            yield EncodedPicture(
                index,
                *self._times(unit.pts),
                self.codec,
                unit.width,
                unit.height,
                unit.is_key_frame,
                unit.data,
            )

    def _decode(self, table: FrameTable, first: int) -> Iterator[tuple[int, VideoFrame]]:
        """Yield number and frame from picture `first` on, from the nearest start that shows it."""
        ticks_per_s = int(1 / self._time_base) if self._time_base else 1
        for target in table.seek_targets(first, ticks_per_s):
            self._seek(target)
            if target is None:
                yield from pictures_from_start(self._file, table, first)
                return
            try:
                yield from pictures_after_seek(self._file, table, first)
            except LateStartError:  # raised before the first picture
                continue
            return

    def _seek(self, stamp: int | None) -> None:
        """Seek to a key frame at or before `stamp`, in the order of the file; None is the start of the file.

        The file is opened again for its start: FFmpeg's seeking relies on stamps, and the first one may be
        any.
        """
        if stamp is not None:
            try:
                self._file.container.seek(stamp, stream=self._file.stream)
            except FFmpegError:
                stamp = None
        if stamp is None and not self._untouched:
            self._file.close()
            self._file = VideoFile(self._path, threads=self._threads)
        self._untouched = False

    def _reference_order(self) -> ReferenceOrder | None:
        return ReferenceOrder(self._file.context.extradata or b"") if self.codec == H264 else None

    def _table(self) -> FrameTable:
        """Return the stamps of the file; read them the first time."""
        if self._known_table is None:
            self._seek(None)
            self._scan = PassThroughScan(self.codec, self._file.context.extradata or b"")
            try:
                packets = self._file.container.demux(self._file.stream)
                table = read_table(
                    packets,
                    self.codec,
                    order=self._reference_order(),
                    may_lack_packets=self._is_mpeg_ts,
                    observe=self._scan.add,
                )
            except FFmpegError as error:
                raise self._file.broken(error) from error
            if not table:
                raise EpisodeError(ErrorCode.VIDEO_BROKEN, "the video contains no pictures")
            self._known_table = table
        return self._known_table


def _gap_loss(expected: int) -> Loss:
    """Return the loss of pictures that are left out from number `expected` on."""
    return Loss.MISSING_PICTURES if expected else Loss.UNDECODABLE_START


def _nanoseconds(ticks: int, time_base: Fraction) -> int:
    return ticks * time_base.numerator * _NANOSECONDS // time_base.denominator
