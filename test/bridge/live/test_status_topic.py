"""The status message and the frame rate in it."""

from __future__ import annotations

import pytest
from odyssey_ros.msg import StreamStatus
from rclpy.serialization import deserialize_message, serialize_message

from odyssey_ros.bridge.live.status_topic import FrameRate, status_message
from odyssey_ros.bridge.live.stream_state import SessionState
from odyssey_ros.client import ConnectionStatus, ErrorCode


@pytest.mark.parametrize("status", ConnectionStatus)
def test_every_connection_status_has_its_constant(status):
    message = status_message(SessionState(connection=status))
    assert message.connection == getattr(StreamStatus, status.name)
    assert message.connection_text == status.value


def test_the_error_code_is_empty_without_a_failure():
    assert status_message(SessionState()).error_code == ""
    assert status_message(SessionState(error_code=ErrorCode.FROZEN)).error_code == "FROZEN"


def test_any_text_can_be_sent():
    message = status_message(SessionState(message="\ud800", prompt="\udc00"))
    assert deserialize_message(serialize_message(message), StreamStatus) == message


def test_frame_rate():
    now = 100.0
    rate = FrameRate(lambda: now)
    now = 102.0
    rate.update(50)
    assert rate.hz == pytest.approx(25)
    now = 103.0
    rate.update(3)  # the count restarted
    assert rate.hz == 0
    rate.update(4)  # no time has passed
    assert rate.hz == pytest.approx(1000)
