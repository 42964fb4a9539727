"""Streams of an encoder, whole and with a missing picture, which FFmpeg conceals."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from field_coded_video import field_units
from odyssey_ros.client.h264_headers import KEY_SLICE, SLICE, annex_b_units
from odyssey_ros.dataset.videos.h264_references import MissingPictureError, ReferenceOrder

STREAMS: list[dict[str, str]] = [
    {"g": "5"},
    {"refs": "3", "g": "250"},
    {"g": "9", "x264-params": "slices=3"},
    {"g": "20", "x264-params": "intra-refresh=1"},
    {"profile": "baseline"},
    {"x264-params": "cqm=jvt"},
    {"bf": "2", "g": "12"},
    {"x264-params": "tff=1", "g": "20"},
]


def _units(options: dict[str, str], frames: int = 24) -> list[bytes]:
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = 96, 64, "yuv420p"
    context.time_base = Fraction(1, 20)
    context.options = {"bf": "0", **options}
    units = []
    for index in range(frames):
        pixels = np.random.default_rng(index // 6).integers(0, 255, (64, 96, 3), np.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts = index
        units += context.encode(frame)
    return [bytes(unit) for unit in [*units, *context.encode(None)]]


def _faults(units: list[bytes]) -> list[int]:
    order = ReferenceOrder()
    faults = []
    for number, unit in enumerate(units):
        try:
            order.check(unit)
        except MissingPictureError:  # noqa: PERF203 - the number counts
            faults.append(number)
    return faults


@pytest.mark.parametrize("options", STREAMS, ids=str)
def test_a_missing_or_repeated_reference(options: dict[str, str]) -> None:
    units = _units(options)
    assert _faults(units) == []
    if "bf" in options:
        return  # with B frames, not every picture is a reference
    for missing in (1, 3, 13):
        assert _faults(units[:missing] + units[missing + 1 :]) == [missing]
    assert _faults([*units[:3], units[2], *units[3:]]) == [3]


@pytest.mark.parametrize(
    "options", [{"bf": "3", "x264-params": "b-pyramid=normal:b-adapt=0"}, {"bf": "2"}], ids=str
)
def test_a_missing_reference_among_b_frames(options: dict[str, str]) -> None:
    """A picture that is no reference leaves no gap; after a lost reference there is exactly one fault."""
    units = _units({"g": "250", **options})
    references = [number for number, unit in enumerate(units) if _is_reference(unit)]
    assert 3 < len(references) < len(units)
    for missing in range(1, len(units) - 4):
        faults = _faults(units[:missing] + units[missing + 1 :])
        assert faults == ([missing] if missing in references else []), missing


def _is_reference(unit: bytes) -> bool:
    return next(part.is_reference for part in annex_b_units(unit) if part.kind in (SLICE, KEY_SLICE))


def test_pictures_of_two_fields() -> None:
    fields = field_units(20)
    order = ReferenceOrder()
    assert [order.check(field) for picture in fields for field in picture] == [False, True] * 20
    assert _faults([top + bottom for top, bottom in fields]) == []
    for missing in (3, 8, 12):
        rest = fields[:missing] + fields[missing + 1 :]
        assert _faults([top + bottom for top, bottom in rest]) == [missing]
        assert _faults([field for picture in rest for field in picture]) == [2 * missing]


def test_a_place_elsewhere_in_the_stream() -> None:
    units = _units({"g": "250"})
    order = ReferenceOrder()
    for unit in units[:3]:
        order.check(unit)
    order.restart()
    for unit in units[9:12]:
        order.check(unit)
    with pytest.raises(MissingPictureError, match=r"number 14 in the H\.264 stream instead of 12"):
        order.check(units[14])


@pytest.mark.parametrize(
    "unit", [b"", b"\0\0\1", b"\0\0\1\x67", b"\0\0\1\x67\x64\0\0", b"\0\0\1\x41" + bytes(600)]
)
def test_damaged_headers_are_left_to_the_decoder(unit: bytes) -> None:
    assert _faults([_units({"g": "5"}, 1)[0], unit]) == []
