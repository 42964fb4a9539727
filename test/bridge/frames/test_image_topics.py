"""The image topics: what waits, what is published when, and that all frames are counted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import av
import pytest
from ament_index_python.packages import get_package_share_directory
from diagnostic_msgs.msg import DiagnosticArray
from ffmpeg_image_transport_msgs.msg import FFMPEGPacket
from odyssey_ros.msg import FrameInfo, StreamStatus
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image

from odyssey_ros.bridge.frames.frame_headers import StampedFrame, StreamLabels
from odyssey_ros.bridge.frames.image_settings import ImageSettings
from odyssey_ros.bridge.frames.image_topics import MAX_WAITING_UNITS, ImageTopics
from odyssey_ros.client import EncodedFrame
from waiting import DEFAULT_TIMEOUT_S, wait_until

SETTINGS = ImageSettings(frame_id="camera", encoding="rgb8", jpeg_quality=85, calibration=None)
SUBSCRIBER = """
import sys, time, rclpy
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

def came(image):
    stamp = image.header.stamp
    print(f"latency {time.time() - stamp.sec - stamp.nanosec / 1e9}", flush=True)

rclpy.init()
node = rclpy.create_node("subscriber")
node.create_subscription(Image, "/odyssey/image_raw", came, QoSProfile(depth=5))
rclpy.spin(node)
"""


def stamped(index):
    return StampedFrame(index + 1, StreamLabels(index, index * 50_000_000, "one", "a harbour"))


def unit(index, *, is_key_frame=False, size=(1280, 704)):
    """Return an access unit that nothing here decodes."""
    return EncodedFrame(
        codec="h264",
        data=b"\0\0\1picture",
        is_key_frame=is_key_frame,
        width=size[0],
        height=size[1],
        arrival_ns=time.monotonic_ns(),
        media_time_ns=index * 50_000_000,
        stream_time_ns=index * 50_000_000,
        index=index,
        stream_id="one",
        prompt="a harbour",
        number=index,
    )


class Stream:
    """Image topics, and the frames that are offered to them."""

    def __init__(self, probe):
        self.failures, self.requests = [], []
        self.topics = ImageTopics(
            probe.node,
            SETTINGS,
            self.failures.append,
            key_frame_needed=lambda: self.requests.append(None),
            name="/odyssey/image_raw",
        )
        self.topics.activate()
        self.counters = self.topics.counters
        self.publisher = self.topics._publisher
        self._probe = probe

    def watch(self, kind, name, depth=200):
        """Subscribe to a topic; return the list of its messages when it is matched."""
        messages = self._probe.listen(kind, f"/odyssey/{name}", QoSProfile(depth=depth))
        (publisher,) = [one for one in self.publisher.publishers if one.topic_name == f"/odyssey/{name}"]
        wait_until(lambda: publisher.get_subscription_count() > 0, "the match")
        return messages

    def offer(self, index, *, picture=True, **options):
        """Offer an access unit and, as if it had been decoded at once, its picture."""
        frame = stamped(index)
        self.topics.offer_unit(unit(index, **options), frame)
        if picture:
            self.offer_picture(index, frame)

    def offer_picture(self, index, frame=None):
        self.topics.offer_picture(av.VideoFrame(1280, 704, "yuv420p"), frame or stamped(index))

    def balance(self):
        """Return how many access units, and how many pictures, are accounted for."""
        one = self.counters
        units = one.passed_through + one.held + one.unit_unwatched + one.unit_dropped + one.unit_failed
        return units, one.published + one.unwatched + one.dropped + one.failed


@pytest.fixture
def stream(probe):
    """Active image topics of a node."""
    one = Stream(probe)
    yield one
    one.topics.destroy()


def test_only_the_newest_picture_waits_and_all_are_counted(stream):
    """The labels do not wait for pictures: none is missing."""
    labels = stream.watch(FrameInfo, "frame_info")
    images = stream.watch(Image, "image_raw")
    for index in range(200):
        stream.offer(index)
        wait_until(lambda: len(stream.topics._units) < 50, "the labels")
    counters = stream.counters
    wait_until(lambda: counters.published + counters.dropped == 200, "every picture accounted for")
    wait_until(lambda: images and images[-1].header.stamp.nanosec == 200, "the newest picture")
    wait_until(lambda: len(labels) == 200, "the labels")
    assert [label.frame_index for label in labels] == list(range(200))
    assert counters.dropped > 100, "pictures were converted that nobody could wait for"
    assert stream.balance() == (200, 200)
    assert counters.failed == counters.unwatched == counters.passed_through == 0
    stamps = [image.header.stamp.nanosec for image in images]
    assert stamps == sorted(set(stamps))


def test_without_subscribers_nothing_is_published(stream):
    for index in range(50):
        stream.offer(index, is_key_frame=index == 0)
    counters = stream.counters
    assert stream.balance() == (50, 50)
    assert (counters.unit_unwatched, counters.unwatched) == (50, 50)
    assert (counters.width, counters.height) == (1280, 704)
    assert not stream.topics.wants_pictures
    assert not stream.topics.wants_units


@pytest.mark.parametrize(
    ("kind", "name"),
    [(CameraInfo, "camera_info"), (FrameInfo, "frame_info"), (FFMPEGPacket, "image_raw/ffmpeg")],
)
def test_pixels_are_converted_only_for_subscribers_of_images(stream, kind, name):
    messages = stream.watch(kind, name)
    assert not stream.topics.wants_pictures
    stream.publisher._converter = None  # a conversion would fail
    stream.offer(0, is_key_frame=True)
    wait_until(lambda: messages, "a message")
    assert stream.counters.unwatched == 1
    assert not stream.failures


def test_each_topic_of_a_frame_has_its_header_once(stream):
    """With decoded pictures for half of the frames; a frame whose size is unknown has its infos, too."""
    kinds = {
        "image_raw": Image,
        "camera_info": CameraInfo,
        "frame_info": FrameInfo,
        "image_raw/ffmpeg": FFMPEGPacket,
    }
    received = {name: stream.watch(kind, name) for name, kind in kinds.items()}
    for index in range(10):
        size = (None, None) if index == 4 else (1280, 704)
        stream.offer(index, is_key_frame=index == 0, picture=index % 2 == 0, size=size)
        wait_until(lambda count=index: stream.counters.published == count // 2 + 1, "the picture")
    stamps = list(range(1, 11))
    expected = {
        "image_raw": stamps[::2],
        "camera_info": [stamp for stamp in stamps if stamp != 5],
        "frame_info": stamps,
        "image_raw/ffmpeg": stamps,
    }
    wait_until(lambda: [len(one) for one in received.values()] == [5, 9, 10, 10], "all messages")
    for name, messages in received.items():
        assert [message.header.stamp.nanosec for message in messages] == expected[name], name
        assert {message.header.frame_id for message in messages} == {"camera"}


def test_the_infos_of_a_frame_come_with_the_picture_if_not_before(stream):
    """They subscribe after the access unit has arrived."""
    frame = stamped(0)
    stream.topics.offer_unit(unit(0, is_key_frame=True), frame)
    infos, labels = stream.watch(CameraInfo, "camera_info"), stream.watch(FrameInfo, "frame_info")
    stream.offer_picture(0, frame)
    wait_until(lambda: len(infos) == len(labels) == 1, "the infos of the picture")
    stream.offer(1)
    wait_until(lambda: len(infos) == len(labels) == 2, "both infos")
    assert [label.frame_index for label in labels] == [0, 1]
    wait_until(lambda: stream.balance() == (2, 2), "both frames accounted for")


def test_the_workers_are_idle_after_deactivating(stream):
    """Then encoded topics begin again with a key frame."""
    images, packets = stream.watch(Image, "image_raw"), stream.watch(FFMPEGPacket, "image_raw/ffmpeg")
    stream.offer(0, is_key_frame=True)
    stream.topics.deactivate()
    published, passed = stream.counters.published, stream.counters.passed_through
    for index in range(1, 20):
        stream.offer(index, is_key_frame=index == 5)
    assert (stream.counters.published, stream.counters.passed_through) == (published, passed)
    assert not stream.topics.wants_pictures
    assert not stream.topics.wants_units
    assert stream.balance() == (20, 20)
    stream.topics.activate()
    for index in range(20, 24):
        stream.offer(index, is_key_frame=index == 22)
    # The first frame may arrive late, or before the subscriber knows the publisher.
    wait_until(
        lambda: [image for image in images if image.header.stamp.nanosec > 20],
        "a picture after activating again",
    )
    wait_until(
        lambda: [packet.pts for packet in packets if packet.pts > 0] == [22, 23],
        "the packets from the key frame on",
    )
    wait_until(lambda: stream.balance() == (24, 24), "every frame accounted for")


def test_access_units_that_wait_too_long_are_dropped_up_to_the_next_key_frame(stream):
    packets, labels = stream.watch(FFMPEGPacket, "image_raw/ffmpeg"), stream.watch(FrameInfo, "frame_info")
    wait_until(lambda: stream.requests, "the request of the subscription")
    stream.requests.clear()
    stalled, resumed = threading.Event(), threading.Event()
    publish = stream.publisher._encoded.publish

    def stall(picture, header, **options):
        stalled.set()
        resumed.wait()
        return publish(picture, header, **options)

    stream.publisher._encoded.publish = stall
    stream.offer(0, is_key_frame=True, picture=False)
    assert stalled.wait(DEFAULT_TIMEOUT_S)
    for index in range(1, MAX_WAITING_UNITS + 1):
        stream.offer(index, picture=False)
    assert stream.counters.unit_dropped == 0
    assert not stream.requests
    for index in range(MAX_WAITING_UNITS + 1, MAX_WAITING_UNITS + 6):
        stream.offer(index, picture=False, is_key_frame=index == MAX_WAITING_UNITS + 3)
    assert stream.counters.unit_dropped == MAX_WAITING_UNITS
    assert stream.requests == [None]
    resumed.set()
    wait_until(lambda: stream.balance()[0] == MAX_WAITING_UNITS + 6, "every access unit accounted for")
    after = [MAX_WAITING_UNITS + step for step in range(1, 6)]
    wait_until(lambda: [packet.pts for packet in packets] == [0, *after[2:]], "the packets")
    wait_until(lambda: [label.frame_index for label in labels] == [0, *after], "the labels")
    assert (stream.counters.passed_through, stream.counters.held) == (4, 2)


def test_an_access_unit_that_cannot_be_published_is_counted_and_reported(stream):
    """Those after it cannot be decoded and are held until the key frame that is requested."""
    packets = stream.watch(FFMPEGPacket, "image_raw/ffmpeg")
    wait_until(lambda: stream.requests, "the request of the subscription")
    stream.requests.clear()
    stream.offer(0, is_key_frame=True, picture=False)
    stream.topics.offer_unit(replace(unit(1), width="wide"), stamped(1))
    wait_until(lambda: stream.failures, "the report")
    assert stream.requests == [None]
    stream.offer(2, picture=False)
    stream.offer(3, picture=False, is_key_frame=True)
    wait_until(lambda: [packet.pts for packet in packets] == [0, 3], "the key frame")
    wait_until(lambda: stream.balance()[0] == 4, "every access unit accounted for")
    assert stream.counters.unit_failed == len(stream.failures) == 1


def test_a_picture_that_cannot_be_published_is_counted_and_reported(stream):
    stream.watch(Image, "image_raw")
    topics = stream.topics
    topics.settings = ImageSettings(frame_id="camera", encoding="nope", jpeg_quality=85, calibration=None)
    stream.offer(0)
    wait_until(lambda: stream.failures, "the report")
    assert stream.failures == ["KeyError: 'nope'"]
    topics.settings = SETTINGS
    stream.offer(1)
    wait_until(lambda: stream.counters.published == 1, "the next picture")
    assert stream.counters.failed == 1
    assert stream.balance() == (2, 2)


class Listener:
    """A subscriber in a process of its own, and the latency of each image that it received, in seconds."""

    def __init__(self, environment, output):
        self.output = output
        with output.open("w") as file:
            self.process = subprocess.Popen([sys.executable, "-c", SUBSCRIBER], env=environment, stdout=file)

    def latencies(self):
        # The middleware writes to standard output as well.
        return [
            float(found) for found in re.findall(r"^latency (\S+)\n", self.output.read_text(), re.MULTILINE)
        ]

    def end(self):
        self.process.kill()
        self.process.wait()


class Costs:
    """Reads the cost of publishing from the diagnostics."""

    def __init__(self, probe):
        self._arrays = probe.listen(DiagnosticArray, "/diagnostics")

    def while_present(self, node, subscribers):
        """Return up to three costs, each of some frames, while the graph has all subscribers of the images.

        A participant that is silent is forgotten after 20 s, and costs nothing from then on. Other work on
        the machine makes single costs higher; the cost of a stall is in all of them.
        """
        found = []
        for _ in range(3):
            cost = self.of_next_frames()
            if node.count_subscribers("/odyssey/image_raw") < subscribers:
                break
            found.append(cost)
        assert found, "the stalled subscriber was forgotten before a cost was known"
        return found

    def of_next_frames(self, count=30):
        """Return the CPU time in ms that each of the next frames costs."""
        first, cost_before = self._sample()
        last, cost = first, cost_before
        while last < first + count:
            last, cost = self._sample()
        return (cost - cost_before) / (last - first)

    def _sample(self):
        """Return the frames published and their CPU time in ms."""
        count = len(self._arrays)
        wait_until(lambda: len(self._arrays) > count, "diagnostics")
        values = {pair.key: pair.value for one in self._arrays[-1].status for pair in one.values}
        published = int(values["published"])
        return published, published * float(values["publishing (CPU ms a frame)"])


def test_a_stalled_subscriber_recovers_and_does_not_affect_others(
    start_emulator, start_node, probe, wait_until, domain_id, shared_memory, tmp_path
):
    profile = str(Path(get_package_share_directory("odyssey_ros")) / "config" / "fastdds.xml")
    shipped = {
        **shared_memory,
        "FASTRTPS_DEFAULT_PROFILES_FILE": profile,
        "FASTDDS_DEFAULT_PROFILES_FILE": profile,
    }
    service = start_emulator("--fps", "20")
    statuses, costs = probe.statuses(), Costs(probe)
    start_node(
        "bridge",
        {"api_url": service.url, "prompt": "a harbour", "stamp_source": "arrival"},
        environment={"ODYSSEY_API_KEY": "ody_test_key", **shipped},
    )
    environment = {**os.environ, **shipped, "ROS_DOMAIN_ID": str(domain_id)}
    with ExitStack() as stack:
        listeners = [Listener(environment, tmp_path / name) for name in ("well", "stalled")]
        for listener in listeners:
            stack.callback(listener.end)
        well, stalled = listeners
        wait_until(lambda: min(len(one.latencies()) for one in listeners) > 10, "pictures at both")
        # The graph of this node learns of them later than the bridge, and never of one that is stalled.
        wait_until(
            lambda: probe.node.count_subscribers("/odyssey/image_raw") == 2 and statuses, "both in the graph"
        )
        normally = costs.of_next_frames()

        stalled.process.send_signal(signal.SIGSTOP)
        stopped = statuses[-1].frames_published
        seen = len(well.latencies())
        # The shared-memory port of the stalled subscriber is full after more than twenty frames.
        wait_until(lambda: statuses[-1].frames_published >= stopped + 30, "frames in spite of the stall")
        assert min(costs.while_present(probe.node, 2)) < 2.5 * normally, "a stall makes publishing dearer"
        wait_until(lambda: len(well.latencies()) - seen > 60, "pictures at the other")

        missed = len(stalled.latencies())
        stalled.process.send_signal(signal.SIGCONT)
        wait_until(lambda: len(stalled.latencies()) > missed + 20, "pictures at the one that goes on")
        # It does not receive all old images: the stall lasted for more than a hundred of them.
        wait_until(lambda: sorted(stalled.latencies()[-10:])[5] < 1.0, "pictures of the present")
        status = statuses[-1]
        assert status.connection == StreamStatus.CONNECTED
        assert status.reconnects == 0
