"""Who asks for what is not offered is named in the log."""

from __future__ import annotations

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from odyssey_ros.msg import FrameInfo, StreamEvent, StreamStatus
from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

from odyssey_ros.bridge.qos_events import type_name

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
PUBLISHED = {
    "/odyssey/image_raw": Image,
    "/odyssey/image_raw/compressed": CompressedImage,
    "/odyssey/camera_info": CameraInfo,
    "/odyssey/frame_info": FrameInfo,
    "/odyssey/events": StreamEvent,
    "/odyssey/status": StreamStatus,
    "/diagnostics": DiagnosticArray,
}


@pytest.mark.parametrize(
    ("message_type", "name"),
    [(Image, "sensor_msgs/msg/Image"), (StreamStatus, "odyssey_ros/msg/StreamStatus")],
)
def test_types(message_type, name):
    assert type_name(message_type) == name


def test_every_topic_is_named_with_its_type(start_bridge, probe, wait_until):
    process, statuses = start_bridge(), probe.statuses()
    wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.CONNECTED, "a connection")
    assert "asks for" not in process.text
    for topic, kind in PUBLISHED.items():
        # The status is offered latched, so that takes another thing that nobody offers.
        demanding = LATCHED if kind is not StreamStatus else QoSProfile(depth=1, deadline=Duration(seconds=1))
        probe.listen(kind, topic, demanding)
        policy = "durability" if demanding is LATCHED else "deadline"
        line = f"A subscriber of {topic} ({type_name(kind)}) asks for a {policy} that this node"
        wait_until(lambda line=line: line in process.text, line)

    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    for topic, kind in (("/odyssey/prompt", String), ("/odyssey/image_prompt", Image)):
        probe.node.create_publisher(kind, topic, best_effort)
        line = f"A publisher of {topic} ({type_name(kind)}) offers less reliability than this node asks for"
        wait_until(lambda line=line: line in process.text, line)
    assert "parameter qos_overrides./odyssey/image_prompt.subscription.reliability" in process.text


def test_what_can_be_overridden_is_said(start_bridge, probe, wait_until):
    parameter = "qos_overrides./odyssey/image_raw.publisher.reliability"
    process = start_bridge({parameter: "best_effort"})
    images = probe.listen(Image, "/odyssey/image_raw", 5)
    wait_until(lambda: f"start this node with the parameter {parameter}" in process.text, "the hint")
    assert "A subscriber of /odyssey/image_raw (sensor_msgs/msg/Image) asks for a reliability" in process.text
    assert not images
