"""Reads the encoded pictures of a video file, H.264 or VP8, without decoding them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
from av.bitstream import BitStreamFilterContext

from odyssey_ros.client.unit_content import H264Reader, vp8_content
from odyssey_ros.client.video_decoder import limit_picture_size
from odyssey_ros.dataset.videos.pass_through import (
    H264,
    NO_PARAMETERS,
    TURNED,
    PacketOrder,
    PassThroughError,
)
from odyssey_ros.dataset.videos.picture_decoder import LateStartError
from odyssey_ros.dataset.videos.picture_orientation import UPRIGHT, orientation_of
from odyssey_ros.dataset.videos.video_stamps import known_stamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from odyssey_ros.dataset.videos.video_file import VideoFile


@dataclass(frozen=True, slots=True)
class EncodedUnit:
    """An encoded picture.

    Attributes:
        pts: The presentation stamp, in ticks of the file's time base.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
        is_key_frame: Whether a decoder can start with it: an IDR picture of H.264, a key frame of VP8.
        data: An H.264 access unit in Annex B form, which has SPS and PPS if it is a key frame; or a frame of
            VP8.
    """

    pts: int
    width: int
    height: int
    is_key_frame: bool
    data: bytes


def encoded_units(file: VideoFile, key_stamp: int | None = None) -> Iterator[EncodedUnit]:
    """Yield the encoded pictures, in order.

    Args:
        file: The file, at its start, or after a seek to `key_stamp`.
        key_stamp: The presentation stamp of the key frame to begin with; None for the start of the file.

    Raises:
        LateStartError: The key frame was not found from here on; nothing has been yielded.
        PassThroughError: The packets alone would be shown in another way than the file.
        EpisodeError: A picture has no stamp.
        FFmpegError: The file is broken.
    """
    packets = file.container.demux(file.stream)
    if key_stamp is not None:
        packets = _from_key_frame(packets, key_stamp)
    return _h264_units(file, packets) if file.context.name == H264 else _vp8_units(file, packets)


def check_upright(frame: VideoFrame) -> None:
    """Check that a picture needs not be turned.

    Raises:
        PassThroughError: It has to be turned.
    """
    if orientation_of(frame) != UPRIGHT:
        raise PassThroughError(TURNED)


def _from_key_frame(packets: Iterator[Packet[VideoStream]], stamp: int) -> Iterator[Packet[VideoStream]]:
    for packet in packets:
        if packet.is_keyframe and packet.pts == stamp:
            yield packet
            yield from packets
            return
        if packet.pts is not None and packet.pts > stamp:
            break
    raise LateStartError


def _h264_units(file: VideoFile, packets: Iterator[Packet[VideoStream]]) -> Iterator[EncodedUnit]:
    to_annex_b = BitStreamFilterContext("h264_mp4toannexb", file.stream)
    order, reader = PacketOrder(H264), H264Reader()
    size: tuple[int, int] | None = None
    for packet in packets:
        shown = order.check(packet)  # before the filter takes the data of the packet
        for unit in to_annex_b.filter(packet if packet.size else None):
            content = reader.content(bytes(unit))
            if content.is_key_frame and not content.is_usable:
                raise PassThroughError(NO_PARAMETERS)
            if size is None:
                size = content.size or _decoded_size(content.data)
            elif content.size not in (None, size):  # the pictures may be turned from here on
                size = _decoded_size(content.data)
            if shown:
                yield EncodedUnit(known_stamp(unit.pts), *size, content.is_key_frame, content.data)


def _vp8_units(file: VideoFile, packets: Iterator[Packet[VideoStream]]) -> Iterator[EncodedUnit]:
    order = PacketOrder(file.context.name)
    size = file.context.width, file.context.height
    for packet in packets:
        if order.check(packet):
            content = vp8_content(bytes(packet))
            size = content.size or size
            yield EncodedUnit(known_stamp(packet.pts), *size, content.is_key_frame, content.data)


def _decoded_size(annex_b: bytes) -> tuple[int, int]:
    """Return the size of a picture, and check that it needs not be turned."""
    context = av.CodecContext.create("h264", "r")
    limit_picture_size(context)
    for frame in (*context.decode(av.Packet(annex_b)), *context.decode(None)):
        check_upright(frame)
    if not context.width:
        raise PassThroughError(NO_PARAMETERS)
    return context.width, context.height
