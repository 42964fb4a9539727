"""The image topics: only the newest frame waits, all frames are counted, and subscribers are independent."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import av
import pytest
from ament_index_python.packages import get_package_share_directory
from diagnostic_msgs.msg import DiagnosticArray
from odyssey_ros.msg import FrameInfo, StreamStatus
from sensor_msgs.msg import CameraInfo, Image

from odyssey_ros.bridge.frames.image_settings import ImageSettings
from odyssey_ros.bridge.frames.image_topics import ImageTopics
from odyssey_ros.client import DecodedFrame

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


def decoded(index):
    return DecodedFrame(
        frame=av.VideoFrame(1280, 704, "yuv420p"),
        arrival_ns=time.monotonic_ns(),
        media_time_ns=index * 50_000_000,
        stream_time_ns=index * 50_000_000,
        index=index,
        stream_id="one",
        prompt="a harbour",
    )


@pytest.fixture
def failures():
    return []


@pytest.fixture
def topics(probe, failures):
    """The active topics of a node."""
    one = ImageTopics(probe.node, SETTINGS, failures.append, "/odyssey/image_raw")
    one.activate()
    yield one
    one.destroy()


def watch(probe, wait_until, topics, kind, name):
    messages = probe.listen(kind, f"/odyssey/{name}")
    wait_until(topics._publisher.watched, "the match")
    return messages


def test_only_the_newest_frame_waits_and_all_are_counted(topics, probe, wait_until):
    labels = watch(probe, wait_until, topics, FrameInfo, "frame_info")
    probe.listen(Image, "/odyssey/image_raw")
    for index in range(200):
        topics.offer(decoded(index), index + 1)
    counters = topics.counters
    wait_until(lambda: counters.published + counters.dropped == 200, "every frame accounted for")
    wait_until(lambda: labels and labels[-1].frame_index == 199, "the newest frame")
    assert counters.received == 200
    assert counters.dropped > 100, "frames were converted that nobody could wait for"
    assert counters.failed == counters.unwatched == 0
    indices = [label.frame_index for label in labels]
    assert indices == sorted(set(indices))


def test_without_subscribers_nothing_is_published(topics):
    for index in range(50):
        topics.offer(decoded(index), index + 1)
    counters = topics.counters
    assert (counters.received, counters.unwatched, counters.published) == (50, 50, 0)
    assert (counters.width, counters.height) == (1280, 704)


def test_pixels_are_converted_only_for_subscribers_of_images(topics, probe, wait_until):
    infos = watch(probe, wait_until, topics, CameraInfo, "camera_info")
    topics._publisher._converter = None  # a conversion would fail
    topics.offer(decoded(0), 1)
    wait_until(lambda: infos, "the camera info")
    wait_until(lambda: topics.counters.published + topics.counters.failed == 1, "the count")
    assert topics.counters.failed == 0


def test_the_worker_is_idle_after_deactivating(topics, probe, wait_until):
    watch(probe, wait_until, topics, Image, "image_raw")
    topics.offer(decoded(0), 1)
    topics.deactivate()
    published = topics.counters.published
    for index in range(1, 20):
        topics.offer(decoded(index), index + 1)
    assert topics.counters.unwatched == 19
    assert topics.counters.published == published
    topics.activate()
    topics.offer(decoded(20), 21)
    wait_until(lambda: topics.counters.published == published + 1, "a frame after activating again")


def test_a_frame_that_cannot_be_published_is_counted_and_reported(topics, probe, wait_until, failures):
    watch(probe, wait_until, topics, Image, "image_raw")
    topics.settings = ImageSettings(frame_id="camera", encoding="nope", jpeg_quality=85, calibration=None)
    topics.offer(decoded(0), 1)
    wait_until(lambda: failures, "the report")
    assert failures == ["KeyError: 'nope'"]
    topics.settings = SETTINGS
    topics.offer(decoded(1), 2)
    wait_until(lambda: topics.counters.published == 1, "the next frame")
    assert topics.counters.failed == 1


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

    def sample(self, wait_until):
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
        start = costs.sample(wait_until)
        wait_until(lambda: statuses[-1].frames_published >= start[0] + 60, "frames before the stall")
        before = costs.sample(wait_until)

        stalled.process.send_signal(signal.SIGSTOP)
        stopped = statuses[-1].frames_published
        seen = len(well.latencies())
        # The shared-memory port of the stalled subscriber is full after more than twenty frames.
        wait_until(lambda: statuses[-1].frames_published >= stopped + 60, "frames in spite of the stall")
        full = costs.sample(wait_until)
        wait_until(lambda: statuses[-1].frames_published >= full[0] + 60, "more frames in spite of the stall")
        during = costs.sample(wait_until)
        wait_until(lambda: len(well.latencies()) - seen > 60, "pictures at the other")

        missed = len(stalled.latencies())
        stalled.process.send_signal(signal.SIGCONT)
        wait_until(lambda: len(stalled.latencies()) > missed + 20, "pictures at the one that goes on")
        # It does not receive all old images: the stall lasted for more than a hundred of them.
        wait_until(lambda: sorted(stalled.latencies()[-10:])[5] < 1.0, "pictures of the present")

        normally = (before[1] - start[1]) / (before[0] - start[0])
        stalling = (during[1] - full[1]) / (during[0] - full[0])
        assert stalling < 2.5 * normally, "publishing costs more while a subscriber stalls"
        status = statuses[-1]
        assert status.connection == StreamStatus.CONNECTED
        assert status.reconnects == 0
