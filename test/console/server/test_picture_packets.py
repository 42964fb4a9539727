"""The binary messages of the picture socket."""

from __future__ import annotations

import math
import struct

import pytest

from odyssey_ros.console.graph.picture_messages import Codec, Picture
from odyssey_ros.console.server.picture_packets import MAX_AGE_S, age_s, picture_packet


def test_a_packet_has_the_header_and_the_picture():
    picture = Picture(Codec.H264, True, 1000.5, memoryview(b"unit"))
    packet = picture_packet(2**32 + 7, picture, 1000.75)
    version, codec, flags, number, stamp, age = struct.unpack_from("<BBBxIdd", packet.message)
    assert (version, codec, flags, number, stamp, age) == (1, 1, 1, 7, 1000.5, 0.25)
    assert packet.message[24:] == b"unit"
    assert (packet.codec, packet.is_key, packet.number) == (Codec.H264, True, 7)


def test_a_picture_that_needs_others_has_no_flag():
    picture = Picture(Codec.H264, False, 1.0, memoryview(b""))
    assert picture_packet(1, picture, 1.0).message[2] == 0


@pytest.mark.parametrize(
    ("stamp_s", "expected"),
    [(100.0, 0.0), (99.5, 0.5), (100.01, 0.0), (100 - MAX_AGE_S, MAX_AGE_S)],
)
def test_the_age_is_the_time_since_the_stamp(stamp_s: float, expected: float):
    assert age_s(stamp_s, 100.0) == expected


@pytest.mark.parametrize("stamp_s", [0.0, 100.2, 100 - MAX_AGE_S - 1, -5.0])
def test_a_stamp_of_another_clock_has_no_age(stamp_s: float):
    assert math.isnan(age_s(stamp_s, 100.0))
