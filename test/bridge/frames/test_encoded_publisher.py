"""Encoded pictures on their topics, with real subscriptions; one of them in another process."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import pytest
from rclpy.clock import ClockType
from rclpy.event_handler import UnsupportedEventTypeError
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Header

from odyssey_ros.bridge.frames import encoded_publisher
from odyssey_ros.bridge.frames.encoded_messages import COMPRESSED_VIDEO, FFMPEG_PACKET
from odyssey_ros.bridge.frames.encoded_publisher import EncodedPublisher
from odyssey_ros.bridge.runtime.qos_overrides import OverrideError

FFMPEG, FOXGLOVE = "/camera/image_raw/ffmpeg", "/camera/image_raw/foxglove"
TYPES = {FFMPEG: FFMPEG_PACKET, FOXGLOVE: COMPRESSED_VIDEO}
LONG_S = 3600.0
BEST_EFFORT = QoSProfile(depth=20, reliability=ReliabilityPolicy.BEST_EFFORT)

RECORDER = """
import sys
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from ffmpeg_image_transport_msgs.msg import FFMPEGPacket
reliability, wanted = ReliabilityPolicy[sys.argv[1]], int(sys.argv[2])
rclpy.init()
node, received = Node("recorder"), []
profile = QoSProfile(depth=100, reliability=reliability)
node.create_subscription(FFMPEGPacket, "/camera/image_raw/ffmpeg", received.append, profile, raw=True)
while len(received) < wanted:
    rclpy.spin_once(node)
for data in received:
    message = deserialize_message(data, FFMPEGPacket)
    print(message.pts, message.flags, flush=True)
"""


@dataclass
class Picture:
    """An encoded picture of three bytes."""

    number: int
    is_key_frame: bool = False
    codec: str = "h264"
    data: bytes = b"\0\1\xff"
    width: int | None = 1280
    height: int | None = 704


class Graph:
    """A camera node, its publisher, and a node that subscribes."""

    def __init__(self, local_graph) -> None:
        self._local = local_graph
        self.until = local_graph.until
        self.viewer = self.add("viewer")

    def add(self, name, **options):
        return self._local.add(Node(name, context=self._local.context, **options))

    def listen(self, topic, qos=20):
        """Subscribe; return the subscription and the list of messages that it receives."""
        received = []
        kind = TYPES[topic].load()
        return self.viewer.create_subscription(kind, topic, received.append, qos), received

    def counts(self, publisher):
        return [one.get_subscription_count() for one in publisher.publishers]


@pytest.fixture
def graph(local_graph):
    return Graph(local_graph)


def numbers(received):
    return [message.pts for message in received]


def test_both_topics_carry_the_picture_and_its_header(graph):
    publisher = EncodedPublisher(graph.add("camera"), settling_s=0)
    assert [one.topic_name for one in publisher.publishers] == [FFMPEG, FOXGLOVE]
    assert not publisher.watched()
    assert not publisher.publish(Picture(1, is_key_frame=True), Header())
    received = {topic: graph.listen(topic)[1] for topic in TYPES}
    graph.until(lambda: graph.counts(publisher) == [1, 1])
    assert publisher.watched()
    header = Header(frame_id="camera_optical_frame")
    header.stamp.sec, header.stamp.nanosec = 12, 345
    assert publisher.publish(Picture(2**40, is_key_frame=True), header)
    assert publisher.publish(Picture(2**40 + 1, data=b"\7" * 70_000, width=None, height=None), header)
    graph.until(lambda: all(len(messages) == 2 for messages in received.values()))
    key, other = received[FFMPEG]
    assert key.header == other.header == header
    assert (key.width, key.height, other.width, other.height) == (1280, 704, 0, 0)
    assert key.encoding == other.encoding == "h264;yuv420p;rgb8;rgb8"
    assert (key.pts, key.flags, other.pts, other.flags) == (2**40, 1, 2**40 + 1, 0)
    assert not key.is_bigendian
    assert [bytes(message.data) for message in (key, other)] == [b"\0\1\xff", b"\7" * 70_000]
    for video, packet in zip(received[FOXGLOVE], received[FFMPEG], strict=True):
        assert (video.timestamp, video.frame_id) == (header.stamp, header.frame_id)
        assert (video.format, video.data) == ("h264", packet.data)


@pytest.mark.parametrize("reliability", [ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT])
def test_an_unwatched_topic_begins_with_a_key_frame_each_time(graph, reliability):
    publisher = EncodedPublisher(graph.add("camera"), settling_s=0)
    for _ in range(2):
        subscription, received = graph.listen(FFMPEG, QoSProfile(depth=20, reliability=reliability))
        graph.until(publisher.watched)
        published = [
            publisher.publish(Picture(number, is_key_frame=number == 3), Header()) for number in range(1, 6)
        ]
        assert published == [False, False, True, True, True]
        graph.until(lambda received=received: len(received) == 3)
        assert numbers(received) == [3, 4, 5]
        graph.viewer.destroy_subscription(subscription)
        # Nothing asks whether the topic is watched. The event of the middleware tells that it is not.
        graph.until(lambda: graph.counts(publisher) == [0, 0])
        graph.until(lambda: publisher._topics[0]._settled_at is None)


def test_each_topic_begins_for_itself(graph):
    publisher = EncodedPublisher(graph.add("camera"), settling_s=0)
    _, packets = graph.listen(FFMPEG)
    graph.until(publisher.watched)
    assert publisher.publish(Picture(1, is_key_frame=True), Header())
    _, videos = graph.listen(FOXGLOVE)
    graph.until(lambda: graph.counts(publisher) == [1, 1])
    assert publisher.publish(Picture(2, data=b"2"), Header())  # on one topic
    assert publisher.publish(Picture(3, is_key_frame=True, data=b"3"), Header())
    assert publisher.publish(Picture(4, data=b"4"), Header())
    graph.until(lambda: len(packets) == 4 and len(videos) == 2)
    assert numbers(packets) == [1, 2, 3, 4]
    assert [bytes(video.data) for video in videos] == [b"3", b"4"]


def test_only_key_frames_are_published_while_a_subscription_may_miss_messages(graph):
    publisher = EncodedPublisher(graph.add("camera"), settling_s=LONG_S)
    _, received = graph.listen(FFMPEG, BEST_EFFORT)
    graph.listen(FFMPEG)
    graph.until(lambda: graph.counts(publisher) == [2, 0])
    published = [publisher.publish(Picture(number, number % 2 == 0), Header()) for number in range(4)]
    assert published == [True, False, True, False]
    graph.until(lambda: len(received) == 2)
    assert numbers(received) == [0, 2]


def test_with_reliable_subscriptions_all_pictures_follow_the_first_key_frame(graph):
    publisher = EncodedPublisher(graph.add("camera"), settling_s=LONG_S)
    _, received = graph.listen(FFMPEG)
    graph.until(publisher.watched)
    published = [publisher.publish(Picture(number, number == 1), Header()) for number in range(3)]
    assert published == [False, True, True]
    graph.until(lambda: len(received) == 2)
    assert numbers(received) == [1, 2]


def test_a_publisher_that_is_not_reliable_waits_for_any_subscription(graph):
    override = Parameter("qos_overrides.image_raw/ffmpeg.publisher.reliability", value="best_effort")
    camera = graph.add("camera", parameter_overrides=[override])
    publisher = EncodedPublisher(camera, settling_s=LONG_S)
    graph.listen(FFMPEG, BEST_EFFORT)
    graph.until(publisher.watched)
    assert [publisher.publish(Picture(number, number == 0), Header()) for number in range(2)] == [True, False]


def test_a_key_frame_is_asked_for_at_once_and_again_when_messages_are_no_longer_missed(graph):
    """For each new subscription, on the executor's thread."""
    calls = []
    publisher = EncodedPublisher(
        graph.add("camera"), on_subscribed=lambda: calls.append(threading.get_ident()), settling_s=0.05
    )
    for expected in (2, 4, 6):
        graph.listen(FOXGLOVE, BEST_EFFORT)
        graph.until(lambda expected=expected: len(calls) >= expected)
    assert calls == [threading.get_ident()] * 6
    both = [graph.listen(FFMPEG, BEST_EFFORT) for _ in range(2)]
    graph.until(lambda: graph.counts(publisher) == [len(both), 3] and len(calls) >= 8)


def test_a_reliable_subscription_needs_one_key_frame_and_none_when_it_ends(graph):
    calls = []
    publisher = EncodedPublisher(graph.add("camera"), on_subscribed=lambda: calls.append(1), settling_s=0)
    for expected in (1, 2):
        subscription, _ = graph.listen(FFMPEG)
        graph.until(lambda expected=expected: len(calls) == expected)
        graph.viewer.destroy_subscription(subscription)
        graph.until(lambda: publisher._topics[0]._settled_at is None)  # the event has been handled
        assert len(calls) == expected


def test_a_reliable_subscription_that_the_graph_knows_late_begins_with_one_key_frame(graph, monkeypatch):
    calls = []
    camera = graph.add("camera")
    publisher = EncodedPublisher(camera, on_subscribed=lambda: calls.append(1), settling_s=LONG_S)
    _, received = graph.listen(FFMPEG)
    topic = publisher._topics[0]
    with monkeypatch.context() as patched:
        patched.setattr(topic, "_may_miss_messages", lambda _count: True)
        while not publisher.watched():  # from another thread, before the executor has the event
            time.sleep(0.001)
    graph.until(lambda: calls)
    assert calls == [1]  # there is no second key frame
    pictures = [Picture(number, is_key_frame=number == 1) for number in range(1, 4)]
    assert all(publisher.publish(picture, Header()) for picture in pictures)
    graph.until(lambda: len(received) == 3)
    assert numbers(received) == [1, 2, 3]


def test_a_middleware_without_the_event_is_polled(graph, monkeypatch):
    """Every middleware of Jazzy and later that was at hand has the event, so its exception is raised here."""
    create, tried = encoded_publisher.create_publisher, []

    def without_event(node, message_type, name, qos, beside, matched=None):
        tried.append(matched)
        if matched is not None:
            raise UnsupportedEventTypeError("no such event")
        return create(node, message_type, name, qos, beside)

    monkeypatch.setattr(encoded_publisher, "create_publisher", without_event)
    calls = []
    node = graph.add("camera")
    publisher = EncodedPublisher(node, on_subscribed=lambda: calls.append(1), settling_s=0)
    assert [one.topic_name for one in publisher.publishers] == [FFMPEG, FOXGLOVE]
    assert all(timer.clock.clock_type == ClockType.STEADY_TIME for timer in node.timers)
    for expected in (1, 2):
        subscription, _ = graph.listen(FFMPEG)
        graph.until(lambda expected=expected: len(calls) == expected)
    graph.viewer.destroy_subscription(subscription)
    graph.until(lambda: publisher._topics[0]._count == 1)
    publisher.destroy()
    assert not list(node.timers)


@pytest.mark.parametrize(
    ("rules", "names"),
    [
        (["~/image_raw:=/front/image"], ["/front/image/ffmpeg", "/front/image/foxglove"]),
        (["__ns:=/robot"], ["/robot/camera/image_raw/ffmpeg", "/robot/camera/image_raw/foxglove"]),
        (["~/image_raw:=/image", "~/image_raw/foxglove:=/video"], ["/image/ffmpeg", "/video"]),
        (["~/image_raw/ffmpeg:=/packets"], ["/packets", FOXGLOVE]),
    ],
)
def test_the_topics_follow_a_remapped_image(graph, rules, names):
    arguments = [word for rule in rules for word in ("-r", rule)]
    publisher = EncodedPublisher(graph.add("camera", cli_args=["--ros-args", *arguments]))
    assert [one.topic_name for one in publisher.publishers] == names


def offered(graph, topic):
    (one,) = graph.until(lambda: graph.viewer.get_publishers_info_by_topic(topic))
    return one.qos_profile


def test_two_seconds_are_kept_for_reliable_subscriptions_unless_overridden(graph):
    wanted = Parameter("qos_overrides.image_raw/foxglove.publisher.reliability", value="best_effort")
    camera = graph.add("camera", parameter_overrides=[wanted])
    EncodedPublisher(camera)
    assert offered(graph, FFMPEG).reliability == ReliabilityPolicy.RELIABLE
    assert offered(graph, FFMPEG).durability == DurabilityPolicy.VOLATILE
    assert offered(graph, FOXGLOVE).reliability == ReliabilityPolicy.BEST_EFFORT
    for topic in TYPES:
        assert camera.get_parameter(f"qos_overrides.{topic}.publisher.depth").value == 60


def test_an_invalid_override_leaves_no_publisher(graph):
    wrong = Parameter("qos_overrides.image_raw/foxglove.publisher.depth", value="many")
    camera = graph.add("camera", parameter_overrides=[wrong])
    before = len(list(camera.publishers))
    with pytest.raises(OverrideError, match=rf"^{FOXGLOVE}: "):
        EncodedPublisher(camera)
    assert len(list(camera.publishers)) == before
    assert not list(camera.timers)


def test_what_compressed_video_cannot_carry_is_said_once(graph, capfd):
    publisher = EncodedPublisher(graph.add("camera"), settling_s=0)
    _, packets = graph.listen(FFMPEG)
    graph.until(publisher.watched)
    vp8 = [Picture(number, is_key_frame=number == 0, codec="vp8") for number in range(4)]
    assert publisher.publish(vp8[0], Header())
    assert "Nothing is published" not in capfd.readouterr().err  # nobody wants it
    subscription, videos = graph.listen(FOXGLOVE)
    graph.until(lambda: graph.counts(publisher) == [1, 1])
    for picture in vp8[1:]:
        assert publisher.publish(picture, Header())
    reordered = [Picture(number, is_key_frame=True) for number in (4, 5)]
    for picture in reordered:
        assert publisher.publish(picture, Header(), not_for_foxglove="the video has B-frames")
    graph.until(lambda: len(packets) == 6)
    assert [packet.encoding.split(";")[0] for packet in packets] == ["vp8"] * 4 + ["h264"] * 2
    assert packets[0].encoding == "vp8;yuv420p;rgb8;rgb8"
    log = capfd.readouterr().err
    assert (
        log.count(f"Nothing is published on {FOXGLOVE}: foxglove_msgs/CompressedVideo has no format for vp8")
        == 1
    )
    assert log.count(f"Nothing is published on {FOXGLOVE}: the video has B-frames") == 1
    graph.viewer.destroy_subscription(subscription)
    graph.until(lambda: graph.counts(publisher) == [1, 0])
    assert videos == []


def test_after_destroying_nothing_is_published_or_asked_for(graph):
    calls = []
    node = graph.add("camera")
    publisher = EncodedPublisher(node, on_subscribed=lambda: calls.append(1), settling_s=LONG_S)
    graph.listen(FFMPEG)
    graph.until(lambda: calls)
    publisher.destroy()
    publisher.destroy()  # idempotent
    before = len(calls)
    for topic in publisher._topics:
        topic._subscribed()  # an executor with several threads may have taken the event before
    assert len(calls) == before
    assert not publisher.watched()
    assert not publisher.publish(Picture(1, is_key_frame=True), Header())
    assert not list(node.timers)


@pytest.mark.parametrize("reliability", ["RELIABLE", "BEST_EFFORT"])
def test_a_recorder_in_another_process_begins_with_a_key_frame(graph, domain_id, reliability):
    """It subscribes to serialized messages, as `ros2 bag record` does, at any moment of the stream."""
    wanted = threading.Event()
    # A loaded machine takes longer than the default to tell the recorder of the publisher.
    publisher = EncodedPublisher(graph.add("camera"), on_subscribed=wanted.set, settling_s=1.0)
    recorder = subprocess.Popen(
        [sys.executable, "-c", RECORDER, reliability, "20"],
        env={**os.environ, "ROS_DOMAIN_ID": str(domain_id)},
        stdout=subprocess.PIPE,
        text=True,
    )
    stream = itertools.count()

    def next_picture():
        publisher.publish(Picture(next(stream), is_key_frame=wanted.is_set()), Header())
        wanted.clear()
        return recorder.poll() is not None

    try:
        graph.until(next_picture)
    finally:
        recorder.kill()
        output, _ = recorder.communicate()
    recorded = [tuple(map(int, line.split())) for line in output.splitlines()]
    assert len(recorded) == 20
    assert recorded[0][1] == 1
    for (before, _), (number, flags) in itertools.pairwise(recorded):
        assert number == before + 1 or flags == 1  # all can be decoded
    assert recorded[-1][0] - recorded[-16][0] == 15
