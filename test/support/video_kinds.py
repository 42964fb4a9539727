"""Small videos of numbered pictures, in kinds of files in which seeking is difficult."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
from av.bitstream import BitStreamFilterContext

from scheduling import same_scheduling

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from av.packet import Packet
    from numpy.typing import NDArray

WIDTH, HEIGHT = 192, 48
FRAME_MS = 50
TS_WRAP_MS = (1 << 33) // 90  # the times of MPEG-TS have 33 bits and 90 kHz
_BITS = 6
_BLOCK = WIDTH // _BITS


@dataclass(frozen=True)
class VideoKind:
    """How a file is made: container, encoder, options of both, and stamps in ms."""

    container: str
    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=dict)
    container_options: dict[str, str] = field(default_factory=dict)
    stamp_of: Callable[[int], int] = lambda index: index * FRAME_MS
    frames: int = 28


def _x264(parameters: str = "", **options: str) -> dict[str, str]:
    fixed = "scenecut=0:b-adapt=0:threads=1"
    return {"g": "8", "x264-params": f"{fixed}:{parameters}".strip(":"), **options}


_OPEN = _x264("open-gop=1:b-pyramid=normal", bf="3")
_CLOSED = _x264("b-pyramid=normal", bf="3")
_INTRA = _x264("intra-refresh=1", bf="0")
_VPX = {"g": "12", "auto-alt-ref": "1", "lag-in-frames": "16", "deadline": "realtime", "cpu-used": "8"}
_X265 = "keyint=8:bframes=3:b-adapt=0:scenecut=0:log-level=none:pools=1:frame-threads=1"

KINDS: dict[str, VideoKind] = {
    "mp4": VideoKind("mp4", options=_CLOSED),
    "mp4, open groups": VideoKind("mp4", options=_OPEN),
    "mp4, intra refresh": VideoKind("mp4", options=_INTRA, frames=56),
    "mp4, MPEG-4 with B frames": VideoKind("mp4", "mpeg4", {"g": "8", "bf": "2"}),
    "mp4, VP9": VideoKind("mp4", "libvpx-vp9", _VPX),
    "mp4, HEVC with open groups": VideoKind(
        "mp4", "libx265", {"preset": "ultrafast", "x265-params": f"{_X265}:open-gop=1"}
    ),
    "mp4, variable frame rate": VideoKind(
        "mp4", options=_CLOSED, stamp_of=lambda index: index * FRAME_MS + index * index * 7 % 40
    ),
    "mp4, begins late": VideoKind("mp4", options=_OPEN, stamp_of=lambda index: 1400 + index * FRAME_MS),
    "mp4, negative first decoding times": VideoKind(
        "mp4", options=_OPEN, container_options={"movflags": "negative_cts_offsets"}
    ),
    "fragmented mp4, open groups": VideoKind(
        "mp4", options=_OPEN, container_options={"movflags": "frag_keyframe+empty_moov"}
    ),
    "mov": VideoKind("mov", options=_CLOSED),
    "mkv, open groups": VideoKind("matroska", options=_OPEN),
    "mkv, intra refresh with B frames": VideoKind(
        "matroska", options=_x264("intra-refresh=1", bf="2"), frames=56
    ),
    "mkv, MPEG-4 with B frames": VideoKind("matroska", "mpeg4", {"g": "8", "bf": "2"}),
    "mkv, HEVC": VideoKind("matroska", "libx265", {"preset": "ultrafast", "x265-params": _X265}),
    "mkv, begins late": VideoKind(
        "matroska", options=_CLOSED, stamp_of=lambda index: 1400 + index * FRAME_MS
    ),
    "webm, VP8": VideoKind("webm", "libvpx", _VPX),
    "webm, VP9": VideoKind("webm", "libvpx-vp9", _VPX),
    "ts, open groups": VideoKind("mpegts", options=_OPEN),
    "ts, intra refresh": VideoKind("mpegts", options=_INTRA, frames=56),
    "ts, MPEG-4 with B frames": VideoKind("mpegts", "mpeg4", {"g": "8", "bf": "2"}),
    "ts, times that wrap around": VideoKind(
        "mpegts", options=_OPEN, stamp_of=lambda index: TS_WRAP_MS - 700 + index * FRAME_MS
    ),
    "mkv, AV1": VideoKind("matroska", "libsvtav1", {"g": "12", "preset": "12", "svtav1-params": "lp=1"}),
}

_SIMPLE = _x264(bf="0")
_SIMPLE_VPX = {**_VPX, "auto-alt-ref": "0", "lag-in-frames": "0"}

PASSED_THROUGH: dict[str, VideoKind] = {
    "mp4, H.264": VideoKind("mp4", options=_SIMPLE),
    "mkv, H.264": VideoKind("matroska", options=_SIMPLE),
    "fragmented mp4, H.264": VideoKind(
        "mp4", options=_SIMPLE, container_options={"movflags": "frag_keyframe+empty_moov"}
    ),
    "ts, H.264": VideoKind("mpegts", options=_SIMPLE),
    "mp4, H.264 with one key frame": VideoKind("mp4", options={**_SIMPLE, "g": "1000"}, frames=56),
    "mp4, H.264 with an intra refresh": VideoKind("mp4", options=_INTRA, frames=56),
    "mp4, H.264 in full range": VideoKind("mp4", options=_x264("fullrange=on", bf="0")),
    "webm, VP8": VideoKind("webm", "libvpx", _SIMPLE_VPX),
}
"""Kinds whose packets can be passed through."""


def is_available(kind: VideoKind) -> bool:
    """Return whether this FFmpeg has the encoder."""
    return kind.codec in av.codecs_available


def picture(index: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """Return a picture with its index in binary as columns, over a moving gradient."""
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[..., 0] = (2 * columns + 9 * index) % 256
    pixels[..., 1] = (3 * rows + 7 * index) % 256
    pixels[..., 2] = 128
    for bit in range(_BITS):
        pixels[: height // 2, bit * _BLOCK : (bit + 1) * _BLOCK] = 235 if index >> bit & 1 else 20
    return pixels


def index_in(pixels: NDArray[np.uint8]) -> int:
    """Return the index that a picture shows."""
    band = pixels[4 : HEIGHT // 2 - 4]
    return sum(
        int(band[:, bit * _BLOCK + 8 : (bit + 1) * _BLOCK - 8].mean() > 127) << bit for bit in range(_BITS)
    )


def write_kind(path: Path, kind: VideoKind) -> Path:
    """Write the video of a kind and return its path."""
    with (
        same_scheduling(),
        av.open(str(path), "w", format=kind.container, options=kind.container_options) as container,
    ):
        stream = container.add_stream(kind.codec, rate=1000 // FRAME_MS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = dict(kind.options)
        stream.codec_context.time_base = Fraction(1, 1000)
        for index in range(kind.frames):
            frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24")
            frame.time_base, frame.pts = Fraction(1, 1000), kind.stamp_of(index)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_sizes(path: Path, sizes: Sequence[tuple[int, int]], frames: int, *, bframes: int = 0) -> Path:
    """Write an H.264 video whose pictures have several sizes, `frames` of each, and return its path."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = *sizes[0], "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for part, (width, height) in enumerate(sizes):
            encoder = av.CodecContext.create("libx264", "w")
            encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
            encoder.time_base = Fraction(1, 1000)
            # The SPS and PPS are in the key frames.
            encoder.options = {"g": "12", "bf": str(bframes), "x264-params": "repeat-headers=1:threads=1"}
            pictures = [picture(index % (1 << _BITS), width, height) for index in range(frames)]
            packets = []
            for index, pixels in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.time_base, frame.pts = Fraction(1, 1000), (part * frames + index) * FRAME_MS
                packets += encoder.encode(frame)
            for packet in [*packets, *encoder.encode(None)]:
                packet.stream = stream
                container.mux(packet)
    return path


def set_display_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Write a display matrix into the track header of an MP4 file: `a` to `d` are 1, 0 or -1."""
    data = bytearray(path.read_bytes())
    # tkhd, version 0: 4 + 20 + 8 + 8 bytes come before the matrix (ISO/IEC 14496-12, 8.3.2).
    place = data.index(b"tkhd") + 4 + 40
    one = 1 << 16
    data[place : place + 36] = struct.pack(">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def remux(path: Path, target: Path, container: str, change: Callable[[list[Packet]], list[Packet]]) -> Path:
    """Copy the packets of a video into another file, as changed by a function, and return its path."""
    with av.open(str(path)) as source, av.open(str(target), "w", format=container) as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        for packet in change(packets):
            packet.stream = stream
            copy.mux(packet)
    return target


def without_first_group(packets: list[Packet]) -> list[Packet]:
    """Return the packets from the second key frame on, for `remux`."""
    keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]
    return packets[keys[1] :]


def one_second_later(packets: list[Packet]) -> list[Packet]:
    """Return the packets with stamps one second later, for `remux`: an MP4 file then has two edits."""
    for packet in packets:
        ticks = int(1 / packet.time_base)
        packet.pts, packet.dts = (packet.pts or 0) + ticks, (packet.dts or 0) + ticks
    return packets


def ticks_per_ms(path: Path) -> int:
    """Return the ticks of the first video track in a millisecond."""
    with av.open(str(path)) as container:
        return int(1 / (container.streams.video[0].time_base or 1)) // 1000


def set_edits(path: Path, *edits: tuple[int, int]) -> Path:
    """Replace the edits of an MP4 file: duration in ms, and media time in ticks of the track."""
    data = bytearray(path.read_bytes())
    # elst, version 0: version and flags, the number of edits (ISO/IEC 14496-12, 8.6.6).
    place = data.index(b"elst") + 8
    (count,) = struct.unpack_from(">I", data, place)
    assert count == len(edits)
    for number, (duration_ms, media_time) in enumerate(edits):
        struct.pack_into(">IiHH", data, place + 4 + 12 * number, duration_ms, media_time, 1, 0)
    path.write_bytes(data)
    return path


def turned_from(path: Path, target: Path, first: int) -> Path:
    """Copy an H.264 MP4 video whose pictures are shown turned from packet `first` on; return its path."""
    with av.open(str(path)) as source:
        turn = BitStreamFilterContext(
            "h264_metadata=display_orientation=insert:rotate=90", source.streams.video[0]
        )

    def change(packets: list[Packet]) -> list[Packet]:
        changed = packets[:first]
        for packet in packets[first:]:
            (turned,) = turn.filter(av.Packet(bytes(packet)))
            units = [unit for unit in re.split(rb"\x00*\x00\x00\x01", bytes(turned)) if unit]
            copy = av.Packet(b"".join(len(unit).to_bytes(4, "big") + unit for unit in units))
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.is_keyframe = packet.is_keyframe
            changed.append(copy)
        return changed

    return remux(path, target, "mp4", change)
