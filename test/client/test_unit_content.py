"""What access units hold: pictures, key frames, sizes and parameter sets, whole and damaged."""

from __future__ import annotations

import fractions
import random
import struct
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from hostile_streamer import encoded_pictures
from odyssey_ros.client.unit_content import H264Reader, UnitContent, vp8_content

if TYPE_CHECKING:
    from collections.abc import Iterable

START = b"\0\0\0\1"
DELIMITER = START + b"\x09\xf0"


def nal_units(data: bytes) -> list[bytes]:
    """Return the NAL units of an access unit, without start codes."""
    return [unit.rstrip(b"\0") for unit in data.split(b"\0\0\1") if unit.strip(b"\0")]


def kinds(data: bytes) -> list[int]:
    return [unit[0] & 0x1F for unit in nal_units(data)]


def joined(units: Iterable[bytes]) -> bytes:
    return b"".join(START + unit for unit in units)


def encoded(width: int = 96, height: int = 64, **options: str) -> list[bytes]:
    """Return twelve access units with a key frame at every fifth."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base = fractions.Fraction(1, 20)
    context.options = {"bf": "0", "g": "5", "sc_threshold": "0", "tune": "zerolatency", **options}
    units = []
    for index in range(12):
        frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), 9 * index, np.uint8), format="rgb24")
        frame.pts = index
        units += context.encode(frame)
    return [bytes(unit) for unit in [*units, *context.encode(None)]]


def decoded(units: Iterable[bytes]) -> list[float]:
    context = av.CodecContext.create("h264", "r")
    frames = [frame for unit in units for frame in context.decode(av.Packet(unit))] + context.decode(None)
    return [float(frame.to_ndarray(format="gray").mean()) for frame in frames]


@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((1280, 704), {}),
        ((1280, 720), {}),  # cropped
        ((98, 50), {}),
        ((704, 1280), {"profile": "baseline"}),
        ((96, 64), {"x264-params": "tff=1"}),  # macroblocks of fields
    ],
)
def test_a_stream_of_an_encoder_is_passed_on_as_it_is(size: tuple[int, int], options: dict[str, str]) -> None:
    units = encoded(*size, **options)
    reader = H264Reader()
    contents = [reader.content(unit) for unit in units]
    assert [content.data for content in contents] == units
    assert [number for number, content in enumerate(contents) if content.is_key_frame] == [0, 5, 10]
    assert all(content.is_picture and content.is_usable for content in contents)
    assert {content.size for content in contents if content.is_key_frame} == {size}


def test_a_key_frame_gets_the_parameter_sets_that_it_lacks() -> None:
    units = encoded()
    bare = [joined(unit for unit in nal_units(data) if unit[0] & 0x1F not in (7, 8)) for data in units]
    reader = H264Reader()
    assert reader.content(units[0]).data == units[0]
    for number in range(1, 12):
        content = reader.content(bare[number])
        assert content.is_usable
        assert kinds(content.data)[:2] == ([7, 8] if number in (5, 10) else kinds(bare[number])[:2])
        assert content.size == ((96, 64) if number in (5, 10) else None)
        bare[number] = content.data
    assert decoded(bare[5:]) == decoded(units[5:])


def test_parameter_sets_in_an_access_unit_of_their_own_are_no_picture() -> None:
    units = encoded()
    sets = [unit for unit in nal_units(units[0]) if unit[0] & 0x1F in (7, 8)]
    picture = joined(unit for unit in nal_units(units[0]) if unit[0] & 0x1F not in (7, 8))
    reader = H264Reader()
    for one in sets:
        assert reader.content(START + one) == UnitContent(START + one, is_picture=False)
    content = reader.content(DELIMITER + picture)
    assert (content.is_key_frame, content.is_usable, content.size) == (True, True, (96, 64))
    assert kinds(content.data)[:3] == [9, 7, 8]
    assert decoded([content.data]) == decoded([units[0]])


def test_a_changed_sps_makes_the_pps_before_it_useless() -> None:
    first, second = encoded(), encoded(128, 96)
    sps = next(unit for unit in nal_units(second[0]) if unit[0] & 0x1F == 7)
    picture = joined(unit for unit in nal_units(second[0]) if unit[0] & 0x1F not in (7, 8))
    reader = H264Reader()
    reader.content(first[0])
    assert not reader.content(START + sps + picture).is_usable
    assert reader.content(second[0]).size == (128, 96)
    assert reader.content(picture).size == (128, 96)


def test_only_the_parameter_sets_of_the_picture_are_added() -> None:
    """The PPS with number 1 refers to the SPS of the picture, the PPS with number 2 to another."""
    units = encoded()
    sps, pps, *_others = (unit for unit in nal_units(units[0]) if unit[0] & 0x1F in (7, 8))
    assert pps[1] & 0xE0 == 0xE0  # numbers 0 and 0, of one bit each, and a 1
    same = pps[:1] + bytes([0b01010000 | pps[1] & 0x0F]) + pps[2:]
    other = pps[:1] + bytes([0b01101000 | pps[1] & 0x07]) + pps[2:]
    reader = H264Reader()
    reader.content(joined([sps, pps, same, other]))
    picture = joined(unit for unit in nal_units(units[0]) if unit[0] & 0x1F == 5)
    assert nal_units(reader.content(picture).data)[:3] == [sps, pps, same]


@pytest.mark.parametrize("lacking", [7, 8])
def test_a_key_frame_whose_parameter_sets_are_unknown_is_not_usable(lacking: int) -> None:
    unit = joined(unit for unit in nal_units(encoded()[0]) if unit[0] & 0x1F != lacking)
    content = H264Reader().content(unit)
    assert (content.is_picture, content.is_key_frame, content.is_usable) == (True, True, False)


def test_a_picture_without_its_beginning_is_not_usable() -> None:
    units = encoded(**{"x264-params": "slices=4"})
    reader = H264Reader()
    reader.content(units[0])
    for data in (units[5], units[6]):
        parts = nal_units(data)
        slices = [unit for unit in parts if unit[0] & 0x1F in (1, 5)]
        assert len(slices) == 4
        assert reader.content(joined(slices)).is_usable
        assert not reader.content(joined(slices[1:])).is_usable
        assert not reader.content(slices[0][4:]).is_usable  # the rest of a fragmented NAL unit


@pytest.mark.parametrize(
    ("data", "is_picture"),
    [
        (b"", False),
        (START, False),
        (DELIMITER, False),
        (START + START + START, False),
        (START + b"\x67", False),
        (START + b"\x67\xff" + bytes(2000), False),
        (START + b"\x68", False),
        (START + b"\x65", True),
        (START + b"\x65\x80", True),
        (START + b"\x65\xff\xff\xff", True),
        ((START + b"\x06\x01") * 100_000, True),
        (b"\0\0", True),
    ],
)
def test_damaged_units_of_h264_begin_nothing(data: bytes, is_picture: bool) -> None:
    content = H264Reader().content(data)
    assert content.is_picture is is_picture
    assert not (content.is_key_frame and content.is_usable)


def test_altered_streams_raise_nothing() -> None:
    generator = random.Random(7)
    units = encoded()
    for _ in range(300):
        reader = H264Reader()
        for unit in units[:6]:
            altered = bytearray(unit)
            for _ in range(generator.randrange(4)):
                altered[generator.randrange(min(60, len(altered)))] = generator.randrange(256)
            content = reader.content(bytes(altered[: generator.randrange(1, len(altered) + 1)]))
            assert content.size is None or 0 < min(content.size) <= max(content.size) <= 16384


def test_frames_of_vp8() -> None:
    contents = [vp8_content(data) for data in encoded_pictures(64, 48, "libvpx")]
    assert [content.is_key_frame for content in contents] == [True] + [False] * 9
    assert contents[0].size == (64, 48)
    assert all(content.is_picture and content.is_usable for content in contents)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", (False, False, True)),
        (b"\x11", (True, False, True)),
        (b"\x10", (True, False, False)),
        (b"\x10\x02\x00\x9d\x01\x2b" + bytes(4), (True, False, False)),
        (b"\x10\x02\x00\x9d\x01\x2a" + struct.pack("<HH", 0x4000 | 64, 48), (True, True, True)),
    ],
)
def test_headers_of_vp8(data: bytes, expected: tuple[bool, bool, bool]) -> None:
    content = vp8_content(data)
    assert (content.is_picture, content.is_key_frame, content.is_usable) == expected
    assert content.size == ((64, 48) if content.is_key_frame else None)
