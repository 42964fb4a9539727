"""Messages and definitions that are not those of a bag. Whole bags are in test_frame_check.py."""

from __future__ import annotations

import re

import numpy as np
import pytest

from odyssey_ros.dataset import messages
from odyssey_ros.dataset.messages import Header, message_type
from odyssey_ros.dataset.reading.message_reader import (
    CAMERA_INFO,
    FFMPEG_PACKET,
    FRAME_INFO,
    IMAGE_TYPES,
    STREAM_EVENT,
    CameraInfoMessage,
    EventMessage,
    FrameInfoMessage,
    ImageMessage,
    MessageError,
    camera_info_message,
    definition_differs,
    event_message,
    frame_info_message,
    image_message,
    packet_message,
    type_hash,
)

HEADER = Header(5_000_000_007, "camera")
TYPES = [CAMERA_INFO, FRAME_INFO, STREAM_EVENT, *(type_name for _, type_name in IMAGE_TYPES.values())]


def _joined(parts: list[object]) -> bytes:
    return b"".join(bytes(part) for part in parts)  # type: ignore[call-overload]


def test_each_message() -> None:
    head = (5_000_000_007, "camera")
    assert frame_info_message(messages.frame_info(HEADER, "s", 3, 1_500_000_000, "ä")) == FrameInfoMessage(
        *head, "s", 3, 1_500_000_000, "ä"
    )
    assert camera_info_message(messages.camera_info(HEADER, 4, 2)) == CameraInfoMessage(*head, (4, 2))
    assert event_message(messages.stream_event(HEADER, 3, "s", "p")) == EventMessage(
        *head, 3, "s", "p", False
    )
    raw = image_message("sensor_msgs/msg/Image", _joined(messages.raw_image(HEADER, 2, 1, 6, b"abcdef")))
    assert (raw.size, raw.step, raw.format, bytes(raw.data)) == ((2, 1), 6, "rgb8", b"abcdef")
    jpeg = image_message("sensor_msgs/msg/CompressedImage", _joined(messages.jpeg_image(HEADER, b"abc")))
    assert (jpeg.stamp_ns, jpeg.format, bytes(jpeg.data)) == (head[0], "jpeg", b"abc")
    video = image_message("foxglove_msgs/msg/CompressedVideo", _joined(messages.h264_frame(HEADER, b"abc")))
    assert isinstance(video, ImageMessage)
    assert (video.frame_id, video.format, bytes(video.data)) == ("camera", "h264", b"abc")


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_messages_that_are_cut_off(cut: int) -> None:
    for whole, parse in (
        (
            messages.frame_info(HEADER, "s", 3, 1, "a prompt that is long enough to be cut"),
            frame_info_message,
        ),
        (messages.camera_info(HEADER, 4, 2), camera_info_message),
        (messages.stream_event(HEADER, 3, "s", "a prompt that is long enough to be cut"), event_message),
    ):
        with pytest.raises(MessageError):
            parse(whole[:-cut])
        with pytest.raises(MessageError):
            parse(whole + bytes(cut))


def test_invalid_times_and_texts() -> None:
    good = bytearray(messages.frame_info(HEADER, "s", 3, 1, "prompt"))
    good[8:12] = (1_000_000_000).to_bytes(4, "little")
    with pytest.raises(MessageError, match="a time has 1000000000 nanoseconds"):
        frame_info_message(good)
    with pytest.raises(MessageError, match="damaged"):
        frame_info_message(
            messages.frame_info(HEADER, "s", 3, 1, "prompt").replace(b"prompt", b"\xff\xfe\xfd\xfcxx")
        )


@pytest.mark.parametrize("type_name", TYPES)
def test_definitions(type_name: str) -> None:
    known = message_type(type_name)
    text = known.definition
    assert not definition_differs(type_name, "ros2msg", text.encode())
    assert not definition_differs(type_name, "ros2msg", f"# a comment\n{text}".encode())
    assert known.type_hash == type_hash(type_name)
    assert definition_differs(type_name, "ros2idl", text.encode())
    assert definition_differs(type_name, "ros2msg", b"\xff")
    assert definition_differs(type_name, "ros2msg", b"")
    assert definition_differs(type_name, "ros2msg", b"uint8 x\n" + text.encode())
    assert definition_differs(type_name, "ros2msg", re.sub(r"\bint32 sec\b", "int64 sec", text).encode())
    assert definition_differs("a/msg/B", "ros2msg", text.encode())


def test_a_packet_of_the_encoded_topic() -> None:
    store = messages.typestore()
    types = store.types
    header = types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](3, 4), "camera")
    fields = (header, 64, 48, "h264;yuv420p;rgb8;rgb8", 17, 1, False, np.frombuffer(b"unit", np.uint8))
    packet = types[FFMPEG_PACKET](*fields)
    found = packet_message(bytes(store.serialize_cdr(packet, FFMPEG_PACKET)))
    assert (found.stamp_ns, found.frame_id) == (3_000_000_004, "camera")
    assert (found.format, found.size, found.number) == ("h264", (64, 48), 17)
    assert bytes(found.data) == b"unit"


def test_padding_is_accepted_only_where_it_is_allowed() -> None:
    data = messages.frame_info(Header(5, "f"), "s", 1, 2, "a fox") + bytes(3)
    assert frame_info_message(data, whole=False).prompt == "a fox"
    with pytest.raises(MessageError):
        frame_info_message(data)
