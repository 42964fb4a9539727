"""The decoder thread of a received video track."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import TYPE_CHECKING, Final, cast

import av
from av.error import FFmpegError

from odyssey_ros.client.unit_content import vp8_content

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.video.codeccontext import VideoCodecContext

    from odyssey_ros.client.access_units import AccessUnit, AccessUnitQueue

logger = logging.getLogger(__name__)

MAX_PICTURE_PIXELS: Final = 4096 * 2160
"""The maximum size of a picture: 4K, ten times the size that the service sends (1280x704). As RGB, such a
picture has 26 MB. A decoder keeps up to 17 pictures."""

_TIME_BASE: Final = Fraction(1, 90_000)


class PictureTooLargeError(Exception):
    """The video has pictures of more than `MAX_PICTURE_PIXELS`. The text is a whole sentence."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__(
            f"The video is {width}x{height}; at most {MAX_PICTURE_PIXELS} pixels (4096x2160) are accepted"
        )


def limit_picture_size(context: VideoCodecContext) -> None:
    """Make a decoder refuse larger pictures before it allocates memory. Call it before the first decoding."""
    context.options = {**context.options, "max_pixels": str(MAX_PICTURE_PIXELS)}


class VideoDecoder:
    """Decodes access units on one thread. FFmpeg allocates no picture above the maximum size."""

    def __init__(self) -> None:
        self._codec: str | None = None
        self._context: VideoCodecContext | None = None

    def decode(self, unit: AccessUnit) -> list[av.VideoFrame]:
        """Decode one access unit.

        Raises:
            FFmpegError: The access unit is damaged; later ones may be decoded.
            PictureTooLargeError: The picture is too large.
        """
        if unit.codec == "vp8":
            check_size(vp8_content(unit.data).size)  # FFmpeg does not report it
        context = self._context
        if context is None or unit.restarts or unit.codec != self._codec:
            context = cast("VideoCodecContext", av.CodecContext.create(unit.codec, "r"))
            limit_picture_size(context)
            self._codec, self._context = unit.codec, context
        packet = av.Packet(unit.data)
        packet.pts = unit.pts
        packet.time_base = _TIME_BASE
        try:
            return context.decode(packet)
        except FFmpegError:
            check_size((context.width, context.height))
            raise


def check_size(size: tuple[int, int] | None) -> None:
    """Refuse a picture of more than `MAX_PICTURE_PIXELS`. A size of None is unknown, and not refused.

    Raises:
        PictureTooLargeError: The picture is too large.
    """
    if size is not None and size[0] * size[1] > MAX_PICTURE_PIXELS:
        raise PictureTooLargeError(*size) from None


def run_decoder(
    units: AccessUnitQueue,
    deliver: Callable[[av.VideoFrame], None],
    fail: Callable[[PictureTooLargeError], None],
) -> None:
    """Decode until the queue is closed. Blocks; for the decoder thread.

    Args:
        units: The access units.
        deliver: Called with each frame.
        fail: Called once when the video cannot be received; nothing is decoded after it.
    """
    decoder = VideoDecoder()
    warned = False
    while (unit := units.get()) is not None:
        try:
            frames = decoder.decode(unit)
        except FFmpegError as error:
            # One warning for each track: the sender chooses how many frames are damaged.
            log = logger.debug if warned else logger.warning
            log("Cannot decode a video frame; requesting a key frame: %s", error.strerror)
            warned = True
            units.decoding_failed()
            continue
        except PictureTooLargeError as error:
            units.close()
            fail(error)
            return
        for frame in frames:
            units.frame_decoded()
            deliver(frame)
