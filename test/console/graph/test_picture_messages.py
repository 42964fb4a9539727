"""Pictures are read from serialized messages as rclpy makes them; anything else is refused."""

from __future__ import annotations

import array
import struct

import pytest
from builtin_interfaces.msg import Time
from foxglove_msgs.msg import CompressedVideo
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from odyssey_ros.console.graph.picture_messages import (
    MAX_PICTURE_BYTES,
    Codec,
    PictureError,
    is_key_frame,
    read_picture,
)

STAMP = Time(sec=1_700_000_000, nanosec=250_000_000)
SPS = bytes.fromhex("000000016742c00ad90626")
PPS = bytes.fromhex("0000000168cb83cb20")
KEY_SLICE = bytes.fromhex("0000000165888427f11b")
SLICE = bytes.fromhex("00000001419a1234")
JPEG = b"\xff\xd8\xff\xe0picture\xff\xd9"


def video(data: bytes = SPS + PPS + KEY_SLICE, kind: str = "h264", frame_id: str = "camera") -> bytes:
    message = CompressedVideo(timestamp=STAMP, frame_id=frame_id, format=kind)
    message.data = array.array("B", data)
    return bytes(serialize_message(message))


def image(data: bytes = JPEG, frame_id: str = "camera", kind: str = "rgb8; jpeg compressed bgr8") -> bytes:
    message = CompressedImage(header=Header(stamp=STAMP, frame_id=frame_id), format=kind)
    message.data = array.array("B", data)
    return bytes(serialize_message(message))


@pytest.mark.parametrize("frame_id", ["", "c", "ca", "cam", "came", "camera_ü"])
def test_reads_the_stamp_and_the_data_at_every_alignment(frame_id: str):
    found = read_picture(Codec.H264, video(frame_id=frame_id))
    assert (found.codec, found.is_key, found.stamp_s) == (Codec.H264, True, 1_700_000_000.25)
    assert bytes(found.data) == SPS + PPS + KEY_SLICE
    found = read_picture(Codec.JPEG, image(frame_id=frame_id))
    assert (found.codec, found.is_key, found.stamp_s) == (Codec.JPEG, True, 1_700_000_000.25)
    assert bytes(found.data) == JPEG


def test_reads_big_endian_messages():
    fields = struct.pack(">iII", 7, 500_000_000, 1) + b"\0" + bytes(3)
    fields += struct.pack(">I", len(SLICE)) + SLICE + struct.pack(">I", 5) + b"h264\0"
    found = read_picture(Codec.H264, b"\0\0\0\0" + fields)
    assert (found.stamp_s, bytes(found.data), found.is_key) == (7.5, SLICE, False)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (SPS + PPS + KEY_SLICE, True),
        (bytes.fromhex("0000010910") + SPS + PPS + KEY_SLICE, True),  # an access unit delimiter before it
        (SPS[1:] + PPS[1:] + KEY_SLICE[1:], True),  # start codes of three bytes
        (KEY_SLICE, False),  # no decoder can begin without the parameters
        (SLICE, False),
        (SPS + PPS + SLICE, False),
    ],
)
def test_tells_key_frames(data: bytes, expected: bool):
    assert is_key_frame(data) is expected


@pytest.mark.parametrize(
    ("codec", "message", "reason"),
    [
        (Codec.H264, b"", "not serialized"),
        (Codec.H264, b"\0\x01\0\0", "cut off"),
        (Codec.H264, b"\x01\x01\0\0" + video()[4:], "not serialized"),
        (Codec.H264, b"\0\x03\0\0" + video()[4:], "not serialized"),
        (Codec.H264, video()[:40], "cut off"),
        (Codec.H264, video(kind="vp9"), "not H.264"),
        (Codec.H264, video(kind="h264" * 100), "not H.264"),
        (Codec.H264, video(b"\0\0\0\x0bavcc"), "not in Annex B form"),
        (Codec.H264, video(b""), "not in Annex B form"),
        (Codec.H264, video(SPS + PPS), "no picture"),
        (Codec.H264, video(b"\0\0\1"), "no picture"),
        (Codec.H264, video(b"\0\0\1\x0c" * 5000), "no picture"),
        (Codec.H264, bytes(MAX_PICTURE_BYTES + 1), "limit"),
        (Codec.H264, b"\0\x01\0\0" + struct.pack("<iII", 1, 0, 0xFFFFFFFF), "cut off"),
        (Codec.H264, b"\0\x01\0\0" + struct.pack("<iI", 1, 1_000_000_000) + bytes(20), "time stamp"),
        (Codec.JPEG, image(b"\x89PNG"), "not JPEG"),
        (Codec.JPEG, image(b""), "not JPEG"),
        (Codec.JPEG, video(), "not JPEG"),
        (Codec.JPEG, bytes(serialize_message(Image(height=1, width=1, step=3, data=b"abc"))), "."),
    ],
    # Not the messages: the bytes between the fields of a serialized message differ between processes.
    ids=range(19),
)
def test_refuses_everything_else_with_a_reason(codec: Codec, message: bytes, reason: str):
    with pytest.raises(PictureError, match=reason):
        read_picture(codec, message)


def test_every_cut_of_a_message_is_refused():
    for message, codec in ((video(), Codec.H264), (image(), Codec.JPEG)):
        whole = bytes(read_picture(codec, message).data)
        for length in range(len(message)):
            try:
                found = read_picture(codec, message[:length])
            except PictureError:
                continue
            assert bytes(found.data) == whole  # only padding was cut
