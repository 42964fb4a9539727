"""Low-latency video encoding; each stream is encoded once, for any number of viewers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

if TYPE_CHECKING:
    from odyssey_ros.emulator.config import Codec

RTP_CLOCK = 90_000
"""Ticks per second of the RTP clock of every video codec (RFC 3551)."""

_NO_PERIODIC_KEY_FRAMES = 1 << 30
"""The largest group of pictures of x264. `KeyFrameSchedule` decides when key frames come."""


_BUFFER_SECONDS = 0.3
_MIN_BUFFER_BITS = 750_000
"""The buffer of the rate control bounds the size of a key frame. All packets of a frame are sent at once, and
those of a frame of about 100 kB fill the receive buffer that Linux gives to a socket."""


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One encoded frame.

    Attributes:
        data: the bitstream; Annex B for H.264.
        timestamp: presentation time in ticks of `RTP_CLOCK`.
        keyframe: whether decoding can start at this frame.
    """

    data: bytes
    timestamp: int
    keyframe: bool


class VideoEncoder:
    """Encodes the yuv420p frames of one stream; a change of size starts a new coded sequence.

    The settings minimise CPU time: x264 `ultrafast` costs less than half as much as libvpx at its fastest
    usable setting (`bench/emulator_cost.py`).

    Not thread-safe.

    Args:
        codec: `h264` (constrained baseline) or `vp8`.
        fps: nominal frames per second, for rate control.
        bitrate: target bit rate, in bits per second.
    """

    def __init__(self, codec: Codec, fps: float, bitrate: int) -> None:
        self.codec = codec
        self._fps = Fraction(fps).limit_denominator(1001)
        self._bitrate = bitrate
        self._context: av.VideoCodecContext | None = None

    def encode(self, frame: av.VideoFrame, timestamp: int, *, keyframe: bool) -> EncodedFrame | None:
        """Encode one frame; blocks for a few milliseconds.

        Args:
            frame: yuv420p frame; its `pts`, `time_base` and `pict_type` are overwritten.
            timestamp: presentation time in ticks of `RTP_CLOCK`, larger than that of the previous call.
            keyframe: whether this frame must be a keyframe.

        Returns:
            The encoded frame, or None when the encoder dropped it.
        """
        context = self._context
        if context is None or (context.width, context.height) != (frame.width, frame.height):
            context = self._context = self._open(frame.width, frame.height)
        frame.pts = timestamp
        frame.time_base = Fraction(1, RTP_CLOCK)
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        packets = context.encode(frame)
        if not packets:
            return None
        return EncodedFrame(
            data=b"".join(bytes(packet) for packet in packets),
            timestamp=timestamp,
            keyframe=any(packet.is_keyframe for packet in packets),
        )

    def _open(self, width: int, height: int) -> av.VideoCodecContext:
        context = cast(
            "av.VideoCodecContext",
            av.CodecContext.create({"h264": "libx264", "vp8": "libvpx"}[self.codec], "w"),
        )
        context.width = width
        context.height = height
        context.pix_fmt = "yuv420p"
        context.bit_rate = self._bitrate
        context.framerate = self._fps
        context.time_base = Fraction(1, RTP_CLOCK)
        context.gop_size = _NO_PERIODIC_KEY_FRAMES
        # Without these fields, players assume BT.709 for frames of this size and show wrong colours.
        context.color_range = ColorRange.MPEG
        context.colorspace = Colorspace.ITU601
        context.color_primaries = ColorPrimaries.SMPTE170M
        context.color_trc = ColorTrc.SMPTE170M
        # Parallel slices cost more CPU time in total than one thread.
        context.thread_count = 1
        rate = str(self._bitrate)
        if self.codec == "h264":
            context.profile = "Baseline"
            context.options = {
                "preset": "ultrafast",
                "tune": "zerolatency",
                "level": "31",
                "maxrate": rate,
                "bufsize": str(
                    max(round(self._bitrate * _BUFFER_SECONDS), min(self._bitrate, _MIN_BUFFER_BITS))
                ),
                "forced-idr": "1",
            }
        else:
            context.options = {
                "deadline": "realtime",
                "cpu-used": "-16",
                "lag-in-frames": "0",
                "minrate": rate,
                "maxrate": rate,
                "bufsize": rate,
                "static-thresh": "100",
            }
            context.qmin, context.qmax = 4, 56
        return context
