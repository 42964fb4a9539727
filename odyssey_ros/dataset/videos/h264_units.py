"""Reads the H.264 access units of a video file, without decoding their pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import av
from av.bitstream import BitStreamFilterContext

from odyssey_ros.client.video_decoder import limit_picture_size
from odyssey_ros.dataset.videos.picture_orientation import UPRIGHT, orientation_of
from odyssey_ros.dataset.videos.video_format import unsupported
from odyssey_ros.dataset.videos.video_stamps import known_stamp, shows_picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.video.frame import VideoFrame

    from odyssey_ros.dataset.videos.video_file import VideoFile

_REMEDY: Final = "use jpeg or raw images"
_SPS: Final = re.compile(rb"\x00\x00\x01[\x07\x27\x47\x67].*?(?=\x00\x00[\x00\x01]|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """An H.264 access unit of one picture, in Annex B form.

    Attributes:
        pts: The presentation stamp, in ticks of the file's time base.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
        annex_b: The bytes.
    """

    pts: int
    width: int
    height: int
    annex_b: bytes


def h264_access_units(file: VideoFile) -> Iterator[AccessUnit]:
    """Yield the access units of all pictures, in order.

    Args:
        file: The file, at its start.

    Raises:
        EpisodeError: The access units alone would be shown in another way than the file.
        FFmpegError: The file is broken.
    """
    to_annex_b = BitStreamFilterContext("h264_mp4toannexb", file.stream)
    sizes = _Sizes()
    last: int | None = None
    cut_off = False
    for packet in file.container.demux(file.stream):
        # Before the filter takes the data of the packet.
        shown, is_key = shows_picture(packet, "h264"), packet.is_keyframe
        for unit in to_annex_b.filter(packet if packet.size else None):
            if not shown:
                cut_off = True
                continue
            stamp = known_stamp(unit.pts)
            if last is None and not is_key:
                raise unsupported(
                    f"a video that does not begin with a key frame cannot be passed through: {_REMEDY}"
                )
            if cut_off and not is_key:
                raise unsupported(
                    "a video with an edit that does not begin with a key frame cannot be passed through: "
                    f"{_REMEDY}"
                )
            cut_off = False
            if last is not None and stamp < last:
                raise unsupported(f"a video with B frames cannot be passed through: {_REMEDY}")
            last = stamp
            data = bytes(unit)
            width, height = sizes.of(data)
            if not width:
                raise unsupported(f"a key frame without SPS and PPS cannot be passed through: {_REMEDY}")
            yield AccessUnit(stamp, width, height, data)


class _Sizes:
    """The sizes of the pictures. Decodes a picture only if its SPS differ from those before."""

    def __init__(self) -> None:
        self._sps: list[bytes] = []
        self._size = (0, 0)

    def of(self, annex_b: bytes) -> tuple[int, int]:
        """Return width and height of a picture, in pixels."""
        sps = _SPS.findall(annex_b)
        if sps and sps != self._sps:
            self._sps, self._size = sps, _decoded_size(annex_b)
        return self._size


def check_upright(frame: VideoFrame) -> None:
    """Check that a picture needs not be turned.

    Raises:
        EpisodeError: It has to be turned.
    """
    if orientation_of(frame) != UPRIGHT:
        raise unsupported(f"a video that is shown turned or mirrored cannot be passed through: {_REMEDY}")


def _decoded_size(annex_b: bytes) -> tuple[int, int]:
    context = av.CodecContext.create("h264", "r")
    limit_picture_size(context)
    for frame in (*context.decode(av.Packet(annex_b)), *context.decode(None)):
        check_upright(frame)
    return context.width, context.height
