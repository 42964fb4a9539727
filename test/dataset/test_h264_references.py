"""Streams of an encoder, whole and with a missing picture, which FFmpeg conceals."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from odyssey_ros.dataset.h264_references import (
    MissingPictureError,
    ReferenceOrder,
    lacks_parameters,
)

STREAMS: list[dict[str, str]] = [
    {"g": "5"},
    {"refs": "3", "g": "250"},
    {"g": "9", "x264-params": "slices=3"},
    {"g": "20", "x264-params": "intra-refresh=1"},
    {"profile": "baseline"},
    {"x264-params": "cqm=jvt"},
    {"bf": "2", "g": "12"},
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


def test_parameters() -> None:
    units = _units({"g": "5"})
    keys = [number for number, unit in enumerate(units) if b"\0\0\1\x65" in unit]
    assert len(keys) > 3
    assert [number for number, unit in enumerate(units) if not lacks_parameters(unit, is_first=True)] == keys
    assert not any(map(lacks_parameters, units))
    key = units[keys[1]]
    assert lacks_parameters(key[key.index(b"\0\0\1\x65") :])


@pytest.mark.parametrize(
    "unit", [b"", b"\0\0\1", b"\0\0\1\x67", b"\0\0\1\x67\x64\0\0", b"\0\0\1\x41" + bytes(600)]
)
def test_damaged_headers_are_left_to_the_decoder(unit: bytes) -> None:
    assert _faults([_units({"g": "5"}, 1)[0], unit]) == []
