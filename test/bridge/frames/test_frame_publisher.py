"""One frame on the image topics, with subscribers in the same process."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
import pytest
from ffmpeg_image_transport_msgs.msg import FFMPEGPacket
from foxglove_msgs.msg import CompressedVideo
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
ENCODED_TYPES = {
    "/camera/image_raw/ffmpeg": FFMPEGPacket,
    "/camera/image_raw/foxglove": CompressedVideo,
}


@dataclass
class Encoded:
    """An encoded picture, which nothing here decodes."""

    number: int
    is_key_frame: bool = True
    codec: str = "h264"
    data: bytes = b"\0\0\1picture"
    width: int = 48
    height: int = 32


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
    types = {**TYPES, **ENCODED_TYPES}
    received = {topic: [] for topic in types}
    subscriber = add("subscriber")
    for topic, kind in types.items():
        subscriber.create_subscription(kind, topic, received[topic].append, 5)
    until(lambda: all(one.get_subscription_count() for one in publisher.publishers))
    assert publisher.watched()
    assert publisher.pictures_watched()
    assert publisher.infos_watched()
    assert publisher.encoded_watched()
    cost = publisher.publish(frame(), STAMP_NS)
    assert min(cost) >= 0
    assert publisher.publish_encoded(Encoded(7), publisher.header(STAMP_NS))
    until(lambda: all(received.values()))
    image, jpeg, info, labels, packet, video = (received[topic][0] for topic in types)
    assert packet.header == image.header
    assert (video.timestamp, video.frame_id) == (image.header.stamp, image.header.frame_id)
    assert (packet.pts, packet.flags) == (7, 1)
    assert bytes(packet.data) == bytes(video.data) == b"\0\0\1picture"
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


def test_the_two_halves_of_a_frame_are_published_apart(graph):
    """The infos need no picture; without a size there is no camera info."""
    add, until = graph
    publisher = FramePublisher(add("camera"), SETTINGS)
    subscriber = add("subscriber")
    received = {topic: [] for topic in TYPES}
    for topic, kind in TYPES.items():
        subscriber.create_subscription(kind, topic, received[topic].append, 5)
    until(lambda: all(one.get_subscription_count() for one in publisher.standard_publishers))
    header = publisher.header(STAMP_NS)
    publisher.publish_infos(frame(), None, None, header)
    publisher.publish_infos(frame(), 48, 32, header)
    publisher.publish_picture(frame().frame, header)
    until(lambda: len(received["/camera/frame_info"]) == 2 and all(received.values()))
    assert {topic: len(messages) for topic, messages in received.items()} == {
        "/camera/image_raw": 1,
        "/camera/image_raw/compressed": 1,
        "/camera/camera_info": 1,
        "/camera/frame_info": 2,
    }


def test_new_subscriptions_are_reported(graph):
    add, until = graph
    encoded, pictures = [], []
    publisher = FramePublisher(
        add("camera"),
        SETTINGS,
        on_encoded_subscribed=lambda: encoded.append(publisher.encoded_watched()),
        on_picture_subscribed=lambda: pictures.append(publisher.pictures_watched()),
    )
    subscriber = add("subscriber")
    raw = subscriber.create_subscription(Image, "/camera/image_raw", print, 5)
    until(lambda: pictures == [True])
    assert not encoded
    subscriber.create_subscription(FFMPEGPacket, "/camera/image_raw/ffmpeg", print, 5)
    until(lambda: encoded == [True])
    subscriber.destroy_subscription(raw)
    until(lambda: pictures == [True, False])
    subscriber.create_subscription(CompressedImage, "/camera/image_raw/compressed", print, 5)
    until(lambda: pictures == [True, False, True])
    assert encoded == [True]


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
def test_the_topics_beside_it_follow_a_remapped_image(graph, rules, image, jpeg, info):
    add, _ = graph
    arguments = [word for rule in rules for word in ("-r", rule)]
    camera = add("camera", cli_args=["--ros-args", *arguments])
    publisher = FramePublisher(camera, SETTINGS)
    assert [one.topic_name for one in publisher.publishers] == [
        image, jpeg, info, "/camera/frame_info", f"{image}/ffmpeg", f"{image}/foxglove",
    ]  # fmt: skip


def test_an_override_of_the_jpeg_follows_a_remapped_image(graph):
    add, _ = graph
    override = Parameter("qos_overrides.image_raw/compressed.publisher.depth", value=2)
    camera = add(
        "camera", cli_args=["--ros-args", "-r", "~/image_raw:=/front/image"], parameter_overrides=[override]
    )
    FramePublisher(camera, SETTINGS)
    assert camera.get_parameter("qos_overrides./front/image/compressed.publisher.depth").value == 2


@pytest.mark.parametrize("topic", ["/camera/camera_info", "/camera/image_raw/foxglove"])
def test_an_invalid_override_names_the_topic_and_leaves_no_publisher(graph, topic):
    add, _ = graph
    parameter = f"qos_overrides.{topic}.publisher.reliability"
    node = add("camera", parameter_overrides=[Parameter(parameter, value="sometimes")])
    before = len(list(node.publishers))
    with pytest.raises(OverrideError, match=f"^{topic}: "):
        FramePublisher(node, SETTINGS)
    assert len(list(node.publishers)) == before
