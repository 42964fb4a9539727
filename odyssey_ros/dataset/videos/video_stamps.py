"""The presentation stamps of a video file, which number its pictures.

The number of a picture is the position of its stamp in the sorted stamps of all packets that show a picture.
It does not depend on where decoding started.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.videos.h264_references import MissingPictureError
from odyssey_ros.dataset.videos.video_format import MAX_FRAMES, unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from av.packet import Packet
    from av.video.stream import VideoStream

    from odyssey_ros.dataset.videos.h264_references import ReferenceOrder

_VP8: Final = "vp8"
_VP9: Final = "vp9"


@dataclass(frozen=True, slots=True)
class FrameTable:
    """The stamps of a video's pictures, in ticks of its time base, sorted.

    Attributes:
        stamps: The stamps; pictures with the same stamp have one entry each.
        has_leading: Whether packets precede the first key frame, in the file or in presentation. A decoder
            that starts with the key frame may be unable to decode these packets.
        lost_references: Number of places at which a picture is missing on which later ones are based, as far
            as the packets show it (H.264).
        has_second_fields: Whether the second fields of pictures are in packets of their own (H.264). They
            have no entry.
    """

    stamps: tuple[int, ...]
    has_leading: bool = False
    lost_references: int = 0
    has_second_fields: bool = False

    def __len__(self) -> int:
        return len(self.stamps)

    def positions(self, stamp: int) -> range:
        """Return the numbers of the pictures with this stamp; an empty range if there is none."""
        return range(bisect_left(self.stamps, stamp), bisect_right(self.stamps, stamp))

    def count_duplicates(self) -> int:
        """Return the number of pictures that have the stamp of the picture before."""
        return len(self.stamps) - len(set(self.stamps))

    def seek_targets(self, number: int, ticks_per_s: int) -> Iterator[int | None]:
        """Yield the stamps to seek to for a picture, one after the other until decoding shows the picture.

        The first is the stamp of the picture. The distance then grows from a second and doubles. The last is
        None, the start of the file.
        """
        if number > 0:
            stamp, distance = self.stamps[number], 0
            while stamp - distance > self.stamps[0]:
                yield stamp - distance
                distance = max(2 * distance, ticks_per_s, 1)
        yield None


def shows_picture(packet: Packet[VideoStream], codec: str) -> bool:
    """Return whether a packet shows a picture, without decoding it.

    Packets that an edit list cuts off show none, and neither do the hidden frames of VP8 and VP9, on which
    later pictures are based. A packet of the other codecs always shows one.
    """
    if not packet.size or packet.is_discard:
        return False
    if codec == _VP8:  # RFC 6386, 9.1
        return bool(memoryview(packet)[0] & 0x10)
    return codec != _VP9 or _shows_vp9(memoryview(packet))


def read_table(
    packets: Iterable[Packet[VideoStream]],
    codec: str,
    *,
    order: ReferenceOrder | None = None,
    may_lack_packets: bool = False,
    observe: Callable[[Packet[VideoStream]], None] | None = None,
) -> FrameTable:
    """Return the table of a file.

    Args:
        packets: All packets of the video, from its start, in the order of the file.
        codec: FFmpeg's name of the codec.
        order: Finds missing pictures; None if the codec has no numbers that show them.
        may_lack_packets: Whether a damaged packet means that others before it are missing (MPEG-TS). Their
            number is unknown, so later pictures have none either.
        observe: Called with each packet but those of second fields.

    Raises:
        EpisodeError: A picture has no stamp, packets are missing, or there are too many pictures.
        FFmpegError: The file is broken.
    """
    stamps: list[int] = []
    key_stamp: int | None = None
    has_leading = False
    lost_references = 0
    has_second_fields = False
    for packet in packets:
        if may_lack_packets and packet.is_corrupt:
            raise EpisodeError(ErrorCode.VIDEO_BROKEN, "parts of the video are missing")
        if order is not None and packet.size:
            if packet.is_discard and packet.is_keyframe:
                order.restart()  # an edit list goes to another place
            try:
                is_second_field = order.check(memoryview(packet))
            except MissingPictureError:
                lost_references += 1
            else:
                if is_second_field:
                    has_second_fields = True
                    continue
        if observe is not None:
            observe(packet)
        if not shows_picture(packet, codec):
            continue
        stamp = known_stamp(packet.pts)
        if key_stamp is None and packet.is_keyframe:
            key_stamp = stamp
        has_leading = has_leading or key_stamp is None or stamp < key_stamp
        stamps.append(stamp)
        if len(stamps) > MAX_FRAMES:
            raise unsupported(f"the video has more than {MAX_FRAMES} frames")
    return FrameTable(tuple(sorted(stamps)), has_leading, lost_references, has_second_fields)


def known_stamp(pts: int | None) -> int:
    """Return a presentation stamp.

    Raises:
        EpisodeError: There is none. It is not guessed, because the labels depend on it.
    """
    if pts is None:
        raise unsupported(
            "a picture of the video has no presentation time: encode the video again, for example with "
            "`ffmpeg -i FILE -c:v libx264 video.mp4`"
        )
    return pts


def _shows_vp9(data: memoryview) -> bool:
    """Read `show_existing_frame` and `show_frame` of VP9 (Bitstream Specification, 6.2 and annex B)."""
    if data[-1] & 0xE0 == 0xC0:  # a superframe, which ends with the frame that is shown
        return True
    profile = data[0] >> 5 & 1 | data[0] >> 3 & 2
    shift = 1 if profile == 3 else 0
    return bool(data[0] << shift & 0x08 or data[0] << shift & 0x02)
