"""What a picture loses when it is converted."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest

from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.videos.picture_losses import picture_losses


def _frame(
    pixel_format: str = "yuv420p", matrix: int = 1, transfer: int = 1, primaries: int = 1, full: int = 1
) -> av.VideoFrame:
    frame = av.VideoFrame(16, 16, pixel_format)
    frame.colorspace, frame.color_trc, frame.color_primaries, frame.color_range = (
        matrix,
        transfer,
        primaries,
        full,
    )
    return frame


@pytest.mark.parametrize(
    ("frame", "lost"),
    [
        (_frame(), False),
        (_frame(matrix=2, transfer=2, primaries=2, full=0), False),  # unspecified
        (_frame(matrix=6, transfer=6, primaries=6), False),  # BT.601
        (_frame(matrix=9, transfer=14, primaries=1), False),
        (_frame(transfer=16), True),  # PQ
        (_frame(transfer=18), True),  # HLG
        (_frame(primaries=9), True),  # BT.2020
        (_frame(primaries=12), True),  # Display P3
        (_frame(matrix=8), True),  # YCgCo
        (_frame("gray", full=1), True),
        (_frame("gray", full=2), False),
    ],
)
def test_colours(frame: av.VideoFrame, lost: bool) -> None:
    context = av.CodecContext.create("h264", "r")
    assert list(picture_losses(frame, context)) == [Loss.UNCONVERTED_COLOURS] * lost


def test_pixels_that_are_not_square() -> None:
    context = av.CodecContext.create("mpeg4", "w")
    for ratio, losses in ((Fraction(0), []), (Fraction(1), []), (Fraction(16, 11), [Loss.NON_SQUARE_PIXELS])):
        context.sample_aspect_ratio = ratio
        assert list(picture_losses(_frame(), context)) == losses


def test_interlaced_pictures() -> None:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 64, "yuv420p", Fraction(1, 25)
    encoder.options = {"x264-params": "interlaced=1", "g": "2", "bf": "0"}
    frame = av.VideoFrame(64, 64, "yuv420p")
    frame.pts = 0
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    decoder = av.CodecContext.create("h264", "r")
    frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    assert [list(picture_losses(frame, decoder)) for frame in frames] == [[Loss.INTERLACED_PICTURES]]
