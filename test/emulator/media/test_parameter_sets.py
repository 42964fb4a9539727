"""SPS and PPS of key frames of the real encoder."""

from __future__ import annotations

import av
import pytest

from odyssey_ros.emulator.media.parameter_sets import split_parameter_sets
from recorded_streams import encoded_frames


def decode(data):
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    return [*decoder.decode(av.Packet(data)), *decoder.decode(None)]


def test_a_key_frame_is_split_into_parameter_sets_and_the_rest():
    [first, second] = encoded_frames([0, 50], keyframes=(0, 1), sizes=((704, 288),))
    for frame in (first, second):
        sets, rest = split_parameter_sets(frame.data)
        assert len(sets) + len(rest) == len(frame.data)
        # The picture needs the parameter sets, and has them again with those in front.
        with pytest.raises(av.FFmpegError):
            decode(rest)
        [picture] = decode(sets + rest)
        [expected] = decode(frame.data)
        assert picture.to_ndarray().tobytes() == expected.to_ndarray().tobytes()
        assert split_parameter_sets(rest) == (b"", rest)


SPS, PPS, SEI, SLICE = (b"\x00\x00\x00\x01" + bytes([kind, 1, 2]) for kind in (0x67, 0x68, 0x06, 0x65))


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (SPS + PPS + SEI + SLICE, (SPS + PPS, SEI + SLICE)),
        (SEI + SPS[1:] + PPS[1:] + SLICE[1:], (SPS[1:] + PPS[1:], SEI + SLICE[1:])),
        (SLICE + SPS, (b"", SLICE + SPS)),
        (SPS, (SPS, b"")),
        (SLICE, (b"", SLICE)),
        (SPS + b"\x00\x00\x01", (SPS, b"\x00\x00\x01")),
        (b"", (b"", b"")),
    ],
)
def test_what_follows_the_first_slice_is_not_searched(data, parts):
    assert split_parameter_sets(data) == parts
