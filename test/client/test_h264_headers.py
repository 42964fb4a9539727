"""Headers of streams of an encoder, in both forms, and damaged ones."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from odyssey_ros.client.h264_headers import (
    KEY_SLICE,
    PPS,
    SLICE,
    SPS,
    annex_b_units,
    configured_units,
    lacks_parameters,
    length_size,
    picture_parameters,
    picture_size,
    prefixed_units,
    sequence_parameters,
    slice_header,
)


def _units(size: tuple[int, int] = (96, 64), pixels: str = "yuv420p", **options: str) -> list[bytes]:
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = *size, pixels
    context.time_base = Fraction(1, 20)
    context.options = {"bf": "0", "g": "5", **options}
    units = []
    for index in range(12):
        frame = av.VideoFrame.from_ndarray(
            np.full((size[1], size[0], 3), 9 * index, np.uint8), format="rgb24"
        )
        frame.pts = index
        units += context.encode(frame)
    return [bytes(unit) for unit in [*units, *context.encode(None)]]


def test_both_forms_have_the_same_units() -> None:
    annex_b = _units()[0]
    units = list(annex_b_units(annex_b))
    assert [unit.kind for unit in units if unit.kind in (SPS, PPS, SLICE, KEY_SLICE)] == [SPS, PPS, KEY_SLICE]
    parts = [part.rstrip(b"\0") for part in annex_b.split(b"\0\0\1") if part.strip(b"\0")]
    prefixed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    assert [unit.kind for unit in prefixed_units(prefixed, 4)] == [unit.kind for unit in units]
    sps, pps = parts[0], parts[1]
    avcc = b"\x01\x64\x00\x0a\xff\xe1" + len(sps).to_bytes(2, "big") + sps
    avcc += b"\x01" + len(pps).to_bytes(2, "big") + pps
    assert (length_size(avcc), length_size(annex_b), length_size(b"")) == (4, 0, 0)
    configured = list(configured_units(avcc))
    assert [unit.kind for unit in configured] == [SPS, PPS]
    assert sequence_parameters(configured[0].payload) == sequence_parameters(units[0].payload)
    assert picture_parameters(configured[1].payload) == (0, 0)


@pytest.mark.parametrize(("options", "has_fields"), [({}, False), ({"x264-params": "tff=1"}, True)])
def test_slices_have_the_numbers_of_references(options: dict[str, str], has_fields: bool) -> None:
    units = _units(**options)
    parameters = sequence_parameters(next(annex_b_units(units[0])).payload)
    assert (parameters.has_fields, parameters.allows_gaps, parameters.number) == (has_fields, False, 0)
    slices = [next(unit for unit in annex_b_units(data) if unit.kind in (SLICE, KEY_SLICE)) for data in units]
    headers = [slice_header(unit.payload, parameters) for unit in slices]
    assert [header.frame_number for header in headers] == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
    assert {header.field for header in headers} == {None}


def test_key_frames_without_parameters() -> None:
    units = _units()
    keys = [number for number, unit in enumerate(units) if b"\0\0\1\x65" in unit]
    assert keys == [0, 5, 10]
    assert [number for number, unit in enumerate(units) if not lacks_parameters(unit, is_first=True)] == keys
    assert not any(map(lacks_parameters, units))
    key = units[keys[1]]
    assert lacks_parameters(key[key.index(b"\0\0\1\x65") :])


@pytest.mark.parametrize("data", [b"", b"\0\0\1", b"\0\0\1\0\0\1", b"\0\0\0\0\0"])
def test_nothing_in_data(data: bytes) -> None:
    assert [unit for unit in annex_b_units(data) if unit.kind] == []
    assert list(prefixed_units(data[:4], 4)) == []


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "gray"])
@pytest.mark.parametrize("options", [{}, {"x264-params": "tff=1"}])
@pytest.mark.parametrize("size", [(96, 64), (1920, 1080), (50, 84)])
def test_an_sps_has_the_size_without_what_is_cropped(
    size: tuple[int, int], options: dict[str, str], pixels: str
) -> None:
    sps = next(unit for unit in annex_b_units(_units(size, pixels, **options)[0]) if unit.kind == SPS)
    assert picture_size(sps.payload) == size
    with pytest.raises(IndexError):
        picture_size(sps.payload[:5])
