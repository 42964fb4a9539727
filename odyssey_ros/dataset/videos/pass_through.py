"""Which videos can be passed through as they are encoded, and at which pictures a decoder can start.

A subscriber receives one packet for each picture, in the order of presentation, and nothing else of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.h264_headers import (
    KEY_SLICE,
    SLICE,
    annex_b_units,
    length_size,
    prefixed_units,
)
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.videos.video_stamps import known_stamp, shows_picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.packet import Packet
    from av.video.stream import VideoStream

    from odyssey_ros.dataset.videos.video_stamps import FrameTable

H264: Final = "h264"
VP8: Final = "vp8"

_LATE_START: Final = "a video that does not begin with a key frame"
_B_FRAMES: Final = "a video with B frames"
_LATE_EDIT: Final = "a video with an edit that does not begin with a key frame"
_HIDDEN: Final = "a VP8 video with hidden frames"
FIELDS: Final = "a video with fields in packets of their own"
TURNED: Final = "a video that is shown turned or mirrored"
NO_PARAMETERS: Final = "a video with a key frame without SPS and PPS"


class PassThroughError(EpisodeError):
    """A video cannot be passed through.

    Args:
        subject: What cannot be passed through: a video, and why.

    Attributes:
        subject: As given.
    """

    def __init__(self, subject: str) -> None:
        self.subject = subject
        super().__init__(
            ErrorCode.VIDEO_UNSUPPORTED, f"{subject} cannot be passed through: use jpeg or raw images"
        )


@dataclass(frozen=True, slots=True)
class PassThrough:
    """What is known of the packets of a video.

    Attributes:
        refusal: What cannot be passed through, and why: the subject of a `PassThroughError`; None if the
            video can be passed through.
        key_frames: Numbers of the pictures at which a decoder can start: IDR pictures of H.264, key frames of
            VP8. Sorted; empty if the video cannot be passed through.
    """

    refusal: str | None
    key_frames: tuple[int, ...] = ()

    def start_stamps(self, first: int, table: FrameTable) -> Iterator[int | None]:
        """Yield the stamps of key frames from which packet number `first` is found; None: the file's start.

        Args:
            first: The number of the packet.
            table: The table of the same video.
        """
        keys = [table.stamps[number] for number in self.key_frames if number <= first]
        # Pictures with the same stamp are counted, so the first of them has to be seen.
        yield from [stamp for stamp in keys if len(table.positions(stamp)) == 1][-1:]
        yield None


class PacketOrder:
    """Checks that consecutive packets can be passed through. For one reading of a file.

    Args:
        codec: FFmpeg's name of the codec.
    """

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._last: int | None = None
        self._cut_off = False

    def check(self, packet: Packet[VideoStream]) -> bool:
        """Check the next packet, and return whether it shows a picture.

        Raises:
            PassThroughError: The packet cannot be passed through after those before it.
            EpisodeError: The packet has no stamp.
        """
        if not shows_picture(packet, self._codec):
            if packet.size and not packet.is_discard:
                raise PassThroughError(_HIDDEN)
            self._cut_off = True
            return False
        stamp = known_stamp(packet.pts)
        if not packet.is_keyframe:
            if self._last is None:
                raise PassThroughError(_LATE_START)
            if self._cut_off:
                raise PassThroughError(_LATE_EDIT)
        self._cut_off = False
        if self._last is not None and stamp < self._last:
            raise PassThroughError(_B_FRAMES)
        self._last = stamp
        return True


class PassThroughScan:
    """Finds out, from all packets of a file, whether and from where the file can be passed through.

    Args:
        codec: FFmpeg's name of the codec.
        extradata: The decoder configuration of the file.
    """

    def __init__(self, codec: str, extradata: bytes) -> None:
        self._codec = codec
        self._length_size = length_size(extradata)
        self._order = PacketOrder(codec)
        self._count = 0
        self._key_frames: list[int] = []
        self._refusal: str | None = None
        if codec not in (H264, VP8):
            self._refusal = f"a video with the codec {codec}"

    def add(self, packet: Packet[VideoStream]) -> None:
        """Add the next packet of the file.

        Raises:
            EpisodeError: The packet has no stamp.
        """
        if self._refusal is not None:
            return
        try:
            shown = self._order.check(packet)
        except PassThroughError as error:
            self._refusal = error.subject
        else:
            if shown and packet.is_keyframe and self._is_start(packet):
                self._key_frames.append(self._count)  # presentation order is the order of the file
            self._count += shown

    def result(self, table: FrameTable) -> PassThrough:
        """Return what was found.

        Args:
            table: The table of the same packets.
        """
        if self._refusal is None and table.has_second_fields:
            self._refusal = FIELDS
        if self._refusal is None and self._key_frames[:1] != [0]:
            self._refusal = _LATE_START
        return PassThrough(self._refusal, () if self._refusal else tuple(self._key_frames))

    def _is_start(self, packet: Packet[VideoStream]) -> bool:
        """Return whether a packet with the mark of a key frame is one at which any decoder can start.

        The mark is also set for recovery points of H.264, before which pictures may be referred to.
        """
        if self._codec != H264:
            return True
        data, size = memoryview(packet), self._length_size
        for unit in prefixed_units(data, size) if size else annex_b_units(data):
            if unit.kind in (SLICE, KEY_SLICE):
                return unit.kind == KEY_SLICE
        return False
