"""Finds what a picture loses when it becomes RGB or JPEG: what the conversion does not take into account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.losses import Loss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

# Values of ISO/IEC 23091-2 that differ from BT.601 and BT.709 only in details that no camera shows: 2 is
# "unspecified". swscale converts the matrices BT.601, BT.709, FCC, SMPTE 240M and BT.2020 (not constant
# luminance), in both ranges.
_MATRICES: Final = frozenset((0, 1, 2, 4, 5, 6, 7, 9))
_TRANSFERS: Final = frozenset((1, 2, 4, 5, 6, 7, 11, 12, 13, 14, 15))
_PRIMARIES: Final = frozenset((1, 2, 5, 6, 7, 22))
_FULL_RANGE: Final = 2


def picture_losses(frame: VideoFrame, context: VideoCodecContext) -> Iterator[Loss]:
    """Yield the losses of a decoded picture.

    Args:
        frame: The picture.
        context: Its decoder.
    """
    if frame.interlaced_frame:
        yield Loss.INTERLACED_PICTURES
    ratio = context.sample_aspect_ratio
    if ratio and ratio != 1:
        yield Loss.NON_SQUARE_PIXELS
    gray = frame.format.name.startswith("gray") and frame.color_range != _FULL_RANGE
    converted = (
        frame.colorspace in _MATRICES
        and frame.color_trc in _TRANSFERS
        and frame.color_primaries in _PRIMARIES
    )
    if gray or not converted:
        yield Loss.UNCONVERTED_COLOURS
