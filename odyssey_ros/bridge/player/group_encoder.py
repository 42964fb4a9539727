"""Encodes pictures again, from a key frame on, for subscribers that come in the middle of a group."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final, cast

import av
from av.video.frame import PictureType

from odyssey_ros.dataset.videos.video import EncodedPicture

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

_ENCODERS: Final = {"h264": "libx264", "vp8": "libvpx"}
_OPTIONS: Final = {
    "h264": {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "crf": "18",
        "bf": "0",
        # One thread; SPS and PPS are in the key frame; the first picture is the only key frame.
        "x264-params": "threads=1:sliced-threads=0:repeat-headers=1:scenecut=0:keyint=infinite",
    },
    "vp8": {"deadline": "realtime", "cpu-used": "4", "crf": "10", "auto-alt-ref": "0", "lag-in-frames": "0"},
}
_MAX_BITS_PER_PIXEL: Final = 12  # a second; the limit of VP8, above what its quality needs
_MIN_BITS: Final = 2_000_000
_PIXELS: Final = "yuv420p"
_FULL_RANGE: Final = "yuvj"  # FFmpeg's name of these formats in full range, for H.264
_TICK: Final = Fraction(1, 30)  # only the limit of VP8 depends on it


def can_encode(replaced: EncodedPicture) -> bool:
    """Return whether pictures like this one can be encoded again: H.264 needs an even width and height."""
    is_even = replaced.width % 2 == replaced.height % 2 == 0
    return has_encoder(replaced.codec) and (is_even or replaced.codec != "h264")


def has_encoder(codec: str) -> bool:
    """Return whether this FFmpeg has the encoder for `h264` or `vp8`."""
    return _ENCODERS.get(codec) in av.codecs_available


class GroupEncoder:
    """Encodes consecutive pictures of one size as one group, which begins with a key frame.

    There are no B frames, and each picture gives one packet at once. For one thread.

    Args:
        codec: `h264` or `vp8`; `has_encoder` is true for it.
    """

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._context: VideoCodecContext | None = None
        self._count = 0

    def encode(self, replaced: EncodedPicture, frame: VideoFrame) -> EncodedPicture:
        """Return a picture as it is encoded here, with the labels of the packet that it replaces.

        Args:
            replaced: The packet of the file.
            frame: The decoded picture.

        Raises:
            FFmpegError: The picture cannot be encoded.
        """
        pixels = frame.reformat(format=_pixel_format(frame))
        if self._context is None:
            self._context = self._open(pixels)
        pixels.pts, pixels.time_base = self._count, _TICK
        pixels.pict_type = PictureType.NONE if self._count else PictureType.I
        self._count += 1
        packets = self._context.encode(pixels)
        if len(packets) != 1:
            raise AssertionError(f"the encoder made {len(packets)} packets of a picture")
        packet = packets[0]
        return EncodedPicture(
            replaced.index,
            replaced.media_time_ns,
            replaced.stream_time_ns,
            self._codec,
            pixels.width,
            pixels.height,
            packet.is_keyframe,
            bytes(packet),
        )

    def _open(self, frame: VideoFrame) -> VideoCodecContext:
        context = cast("VideoCodecContext", av.CodecContext.create(_ENCODERS[self._codec], "w"))
        context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
        context.time_base = _TICK
        context.options = dict(_OPTIONS[self._codec])
        context.color_range, context.colorspace = frame.color_range, frame.colorspace
        context.gop_size = 1 << 30
        if self._codec == "vp8":
            context.bit_rate = max(_MIN_BITS, frame.width * frame.height * _MAX_BITS_PER_PIXEL)
        return context


def _pixel_format(frame: VideoFrame) -> str:
    """Return the format that is encoded, in the range of the picture."""
    return "yuvj420p" if frame.format.name.startswith(_FULL_RANGE) else _PIXELS
