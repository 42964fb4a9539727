"""Log lines about incompatible quality of service, and overrides."""

from __future__ import annotations

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from ffmpeg_image_transport_msgs.msg import FFMPEGPacket
from foxglove_msgs.msg import CompressedVideo
from odyssey_ros.msg import FrameInfo, StreamEvent, StreamStatus
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

from odyssey_ros.bridge.frames.frame_publisher import FramePublisher
from odyssey_ros.bridge.frames.image_settings import ImageSettings
from odyssey_ros.bridge.runtime.qos_events import type_name
from odyssey_ros.bridge.runtime.qos_overrides import OverrideError

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
PUBLISHED = {
    "/odyssey/image_raw": Image,
    "/odyssey/image_raw/compressed": CompressedImage,
    "/odyssey/image_raw/ffmpeg": FFMPEGPacket,
    "/odyssey/image_raw/foxglove": CompressedVideo,
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
    assert "requests a" not in process.text
    for topic, kind in PUBLISHED.items():
        # The status is latched, so a deadline serves as the policy that is not offered.
        demanding = LATCHED if kind is not StreamStatus else QoSProfile(depth=1, deadline=Duration(seconds=1))
        probe.listen(kind, topic, demanding)
        policy = "durability" if demanding is LATCHED else "deadline"
        line = f"A subscription to {topic} ({type_name(kind)}) requests a {policy} that this node"
        wait_until(lambda line=line: line in process.text, line)

    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    for topic, kind in (("/odyssey/prompt", String), ("/odyssey/image_prompt", Image)):
        probe.node.create_publisher(kind, topic, best_effort)
        line = f"A publisher of {topic} ({type_name(kind)}) offers less reliability than this node requests"
        wait_until(lambda line=line: line in process.text, line)
    assert "parameter qos_overrides./odyssey/image_prompt.subscription.reliability" in process.text


def test_the_log_names_the_parameter_of_an_override(start_bridge, probe, wait_until):
    parameter = "qos_overrides./odyssey/image_raw.publisher.reliability"
    process = start_bridge({parameter: "best_effort"})
    images = probe.listen(Image, "/odyssey/image_raw", 5)
    wait_until(lambda: f"start this node with the parameter {parameter}" in process.text, "the hint")
    assert (
        "A subscription to /odyssey/image_raw (sensor_msgs/msg/Image) requests a reliability" in process.text
    )
    assert not images


def offered(probe, topic):
    (one,) = probe.node.get_publishers_info_by_topic(topic)
    return one.qos_profile


def test_every_policy_of_each_topic_can_be_overridden_alone(start_bridge, probe, wait_until):
    name = "qos_overrides./odyssey/image_raw.publisher"
    statuses = probe.statuses()
    start_bridge({
        f"{name}.reliability": "best_effort", f"{name}.durability": "transient_local",
        f"{name}.deadline": 5_000_000_000, f"{name}.lifespan": 6_000_000_000,
        f"{name}.liveliness": "automatic", f"{name}.liveliness_lease_duration": 7_000_000_000,
    })  # fmt: skip
    wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.CONNECTED, "a connection")
    topics = [f"/odyssey/{topic}" for topic in ("image_raw/compressed", "camera_info", "frame_info")]
    wait_until(
        lambda: all(probe.node.count_publishers(topic) for topic in ("/odyssey/image_raw", *topics)), "topics"
    )
    image = offered(probe, "/odyssey/image_raw")
    assert image.reliability == ReliabilityPolicy.BEST_EFFORT
    assert image.durability == DurabilityPolicy.TRANSIENT_LOCAL
    durations = (image.deadline, image.lifespan, image.liveliness_lease_duration)
    assert [duration.nanoseconds for duration in durations] == [5_000_000_000, 6_000_000_000, 7_000_000_000]
    for topic in topics:
        other = offered(probe, topic)
        assert other.reliability == ReliabilityPolicy.RELIABLE, topic
        assert other.durability == DurabilityPolicy.VOLATILE, topic


def test_an_invalid_override_is_reported(start_bridge, probe, wait_until):
    statuses = probe.statuses()
    process = start_bridge({"qos_overrides./odyssey/camera_info.publisher.reliability": "sometimes"})
    wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.FAILED, "the reason")
    assert statuses[-1].error_code == "CONFIGURATION"
    assert "/odyssey/camera_info" in statuses[-1].message
    assert "sometimes" in statuses[-1].message
    assert "Traceback" not in process.text


def test_an_invalid_override_leaves_no_publisher(local_graph):
    bad = Parameter("qos_overrides./odyssey/camera_info.publisher.depth", value="many")
    node = local_graph.add(Node("odyssey", context=local_graph.context, parameter_overrides=[bad]))
    before = [publisher.topic_name for publisher in node.publishers]
    with pytest.raises(OverrideError, match="/odyssey/camera_info"):
        FramePublisher(node, ImageSettings("camera", "rgb8", 85, None))
    assert [publisher.topic_name for publisher in node.publishers] == before
