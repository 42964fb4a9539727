"""One frame on the four image topics, with subscribers in the same process."""

from __future__ import annotations

import av
import numpy as np
import pytest
from odyssey_ros.msg import FrameInfo
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from odyssey_ros.bridge.frames.frame_publisher import FramePublisher
from odyssey_ros.bridge.frames.image_settings import ImageSettings
from odyssey_ros.bridge.runtime.qos_overrides import OverrideError
from odyssey_ros.client import DecodedFrame

SETTINGS = ImageSettings(frame_id="camera", encoding="rgb8", jpeg_quality=85, calibration=None)
STAMP_NS = 12_000_000_345
TYPES = {
    "/camera/image_raw": Image,
    "/camera/image_raw/compressed": CompressedImage,
    "/camera/camera_info": CameraInfo,
    "/camera/frame_info": FrameInfo,
}


@pytest.fixture
def graph(local_graph):
    def add(name, **options):
        return local_graph.add(Node(name, context=local_graph.context, **options))

    return add, local_graph.until


def frame(stream_id="s", prompt="a sea"):
    picture = av.VideoFrame.from_ndarray(np.full((32, 48, 3), 90, np.uint8), "rgb24")
    return DecodedFrame(
        frame=picture,
        arrival_ns=0,
        media_time_ns=1_500_000_000,
        stream_time_ns=0,
        index=7,
        stream_id=stream_id,
        prompt=prompt,
    )


def test_all_topics_of_a_frame_have_the_same_header(graph):
    add, until = graph
    publisher = FramePublisher(add("camera"), SETTINGS)
    assert not publisher.watched()
    received = {topic: [] for topic in TYPES}
    subscriber = add("subscriber")
    for topic, kind in TYPES.items():
        subscriber.create_subscription(kind, topic, received[topic].append, 5)
    until(lambda: all(one.get_subscription_count() for one in publisher.publishers))
    assert publisher.watched()
    cost = publisher.publish(frame(), STAMP_NS)
    assert min(cost) >= 0
    until(lambda: all(received.values()))
    image, jpeg, info, labels = (received[topic][0] for topic in TYPES)
    assert image.header.frame_id == "camera"
    assert (image.header.stamp.sec, image.header.stamp.nanosec) == (12, 345)
    assert image.header == jpeg.header == info.header == labels.header
    assert (image.width, image.height, image.step, image.encoding) == (48, 32, 144, "rgb8")
    assert len(image.data) == 48 * 32 * 3
    assert (info.width, info.height) == (48, 32)
    assert bytes(jpeg.data[:2]) == b"\xff\xd8"
    assert (labels.stream_id, labels.prompt, labels.frame_index) == ("s", "a sea", 7)
    assert (labels.media_time.sec, labels.media_time.nanosec) == (1, 500_000_000)
    publisher.destroy()
    publisher.destroy()  # idempotent


def test_only_subscribed_topics_are_converted_and_labels_may_be_missing(graph):
    add, until = graph
    publisher = FramePublisher(add("camera"), SETTINGS, name="/other/image")
    received = []
    add("subscriber").create_subscription(FrameInfo, "/other/frame_info", received.append, 5)
    until(publisher.watched)
    publisher._converter = None  # converting would fail
    publisher.publish(frame(stream_id=None, prompt=None), STAMP_NS)
    until(lambda: received)
    assert (received[0].stream_id, received[0].prompt) == ("", "")


@pytest.mark.parametrize(
    ("rules", "image", "jpeg", "info"),
    [
        ([], "/camera/image_raw", "/camera/image_raw/compressed", "/camera/camera_info"),
        (
            ["~/image_raw:=/front/image"],
            "/front/image",
            "/front/image/compressed",
            "/front/camera_info",
        ),
        (["~/image_raw:=/image"], "/image", "/image/compressed", "/camera_info"),
        (
            ["~/image_raw:=/front/image", "~/camera_info:=/info", "~/image_raw/compressed:=/jpeg"],
            "/front/image",
            "/jpeg",
            "/info",
        ),
        (
            ["~/image_raw:=/front/image", "/front/camera_info:=/info"],
            "/front/image",
            "/front/image/compressed",
            "/info",
        ),
    ],
)
def test_the_jpeg_and_the_camera_info_follow_a_remapped_image(graph, rules, image, jpeg, info):
    add, _ = graph
    arguments = [word for rule in rules for word in ("-r", rule)]
    camera = add("camera", cli_args=["--ros-args", *arguments])
    publisher = FramePublisher(camera, SETTINGS)
    assert [one.topic_name for one in publisher.publishers] == [image, jpeg, info, "/camera/frame_info"]


def test_an_override_of_the_jpeg_follows_a_remapped_image(graph):
    add, _ = graph
    override = Parameter("qos_overrides.image_raw/compressed.publisher.depth", value=2)
    camera = add(
        "camera", cli_args=["--ros-args", "-r", "~/image_raw:=/front/image"], parameter_overrides=[override]
    )
    FramePublisher(camera, SETTINGS)
    assert camera.get_parameter("qos_overrides./front/image/compressed.publisher.depth").value == 2


def test_an_invalid_override_names_the_topic_and_leaves_no_publisher(graph):
    add, _ = graph
    parameter = "qos_overrides./camera/camera_info.publisher.reliability"
    node = add("camera", parameter_overrides=[Parameter(parameter, value="sometimes")])
    before = len(list(node.publishers))
    with pytest.raises(OverrideError, match=r"^/camera/camera_info: "):
        FramePublisher(node, SETTINGS)
    assert len(list(node.publishers)) == before
