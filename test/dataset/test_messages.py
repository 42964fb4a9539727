"""The bytes compared with the serializer of rosbags, and the definitions with those of the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.dataset import messages
from odyssey_ros.dataset.messages import Header, message_type, typestore

ROOT = Path(__file__).parents[2]

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
stamps = st.integers(0, 2**31 * 10**9 - 1)
headers = st.builds(Header, stamps, texts)
payloads = st.binary(max_size=50)


def _time(ns: int, kind: str = "Time") -> Any:
    return typestore().types[f"builtin_interfaces/msg/{kind}"](*divmod(ns, 10**9))


def _header(header: Header) -> Any:
    return typestore().types["std_msgs/msg/Header"](_time(header.stamp_ns), header.frame_id)


def _reference(name: str, *fields: Any) -> bytes:
    return bytes(typestore().serialize_cdr(typestore().types[name](*fields), name))


def _joined(parts: list[Any]) -> bytes:
    return b"".join(bytes(part) for part in parts)


@given(headers, payloads)
def test_raw_image(header: Header, pixels: bytes) -> None:
    data = np.frombuffer(pixels, np.uint8)
    expected = _reference("sensor_msgs/msg/Image", _header(header), 704, 1280, "rgb8", 0, 3840, data)
    assert _joined(messages.raw_image(header, 1280, 704, 3840, pixels)) == expected


@given(headers, payloads)
def test_jpeg_image(header: Header, jpeg: bytes) -> None:
    data = np.frombuffer(jpeg, np.uint8)
    expected = _reference("sensor_msgs/msg/CompressedImage", _header(header), "jpeg", data)
    assert _joined(messages.jpeg_image(header, jpeg)) == expected


@given(headers, payloads)
def test_h264_frame(header: Header, annex_b: bytes) -> None:
    data = np.frombuffer(annex_b, np.uint8)
    expected = _reference(
        "foxglove_msgs/msg/CompressedVideo", _time(header.stamp_ns), header.frame_id, data, "h264"
    )
    assert _joined(messages.h264_frame(header, annex_b)) == expected


@given(headers, texts, st.integers(0, 2**64 - 1), stamps, texts)
def test_frame_info(header: Header, stream_id: str, index: int, media_time_ns: int, prompt: str) -> None:
    expected = _reference(
        "odyssey_ros/msg/FrameInfo",
        _header(header),
        stream_id,
        index,
        _time(media_time_ns, "Duration"),
        prompt,
    )
    assert messages.frame_info(header, stream_id, index, media_time_ns, prompt) == expected


@given(headers, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_camera_info(header: Header, width: int, height: int) -> None:
    def zeros(count: int) -> Any:
        return np.zeros(count)

    roi = typestore().types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    expected = _reference(
        "sensor_msgs/msg/CameraInfo",
        *(_header(header), height, width, "", zeros(0), zeros(9), zeros(9), zeros(12), 0, 0, roi),
    )
    assert messages.camera_info(header, width, height) == expected


@given(headers, st.integers(0, 255), texts, texts)
def test_stream_event(header: Header, kind: int, stream_id: str, prompt: str) -> None:
    fields = (_header(header), kind, stream_id, prompt, "", "", False)
    expected = _reference("odyssey_ros/msg/StreamEvent", *fields)
    assert messages.stream_event(header, kind, stream_id, prompt) == expected


def test_lone_surrogates_are_replaced() -> None:
    assert "?" in messages.frame_info(Header(0, ""), "", 0, 0, "a\ud800b").decode("latin-1")


@pytest.mark.parametrize("name", ["FrameInfo", "StreamEvent"])
def test_the_definitions_equal_those_of_the_ros_package(name: str) -> None:
    shipped = ROOT / "odyssey_ros" / "dataset" / "definitions" / f"{name}.msg"
    assert shipped.read_text() == (ROOT / "msg" / f"{name}.msg").read_text()


def test_the_event_kinds_equal_those_of_the_definition() -> None:
    constants = {name: value for name, _, value in typestore().fielddefs["odyssey_ros/msg/StreamEvent"][0]}
    assert constants["STARTED"] == messages.STREAM_STARTED
    assert constants["ENDED"] == messages.STREAM_ENDED
    assert constants["ACKNOWLEDGED"] == messages.STREAM_ACKNOWLEDGED


def test_the_definition_and_the_hash_of_a_type() -> None:
    image = message_type("sensor_msgs/msg/Image")
    assert "MSG: std_msgs/Header" in image.definition
    # The hash that ROS 2 has computed since Iron.
    assert image.type_hash == "RIHS01_d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47"
