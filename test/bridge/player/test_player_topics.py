"""The messages on the topics of the player, and their stamps."""

from __future__ import annotations

import time

import av
import pytest
from builtin_interfaces.msg import Time
from ffmpeg_image_transport_msgs.msg import FFMPEGPacket
from foxglove_msgs.msg import CompressedVideo
from odyssey_ros.msg import FrameInfo, PlaybackStatus, PlaybackTimeline, StreamEvent
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image

from fake_playback import MS, FakeClock
from odyssey_ros.bridge.frames.image_settings import ImageSettings
from odyssey_ros.bridge.player.episode_timeline import EpisodeTimeline
from odyssey_ros.bridge.player.frame_demand import FrameDemand
from odyssey_ros.bridge.player.latched_topics import LatchedTopics
from odyssey_ros.bridge.player.playback_state import PlaybackPhase, PlaybackState, PlayedEvent, PlayedFrame
from odyssey_ros.bridge.player.player_topics import TOPIC_NAMES, PlayerTopics
from odyssey_ros.dataset.videos.video import EncodedPicture
from waiting import wait_until

SETTINGS = ImageSettings("eye", "rgb8", 85, None)
LATCHED = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
S = 1_000_000_000
FRAME = PlayedFrame(3, 300 * MS, "a", "a calm sea", 64, 48, av.VideoFrame(64, 48, "yuv420p"))


def nanoseconds(message):
    return message.sec * S + message.nanosec


@pytest.fixture
def make_topics(node, on_executor):
    """Makes the topics of the node, which are destroyed at the end of the test."""
    made = []

    def make(*, wait_for=(), lossless=False, publish_clock=False, steady_ns=time.monotonic_ns):
        def create():
            latched = LatchedTopics(node)
            return PlayerTopics(
                node,
                SETTINGS,
                latched,
                wait_for=wait_for,
                lossless=lossless,
                publish_clock=publish_clock,
                steady_ns=steady_ns,
            )

        made.append(on_executor(create))
        return made[-1]

    yield make
    for topics in made:
        on_executor(topics.destroy)


def test_frames_events_and_states_are_published(make_topics, probe):
    images = probe.listen(Image, "/player/image_raw")
    labels = probe.listen(FrameInfo, "/player/frame_info")
    events = probe.listen(StreamEvent, "/player/events")
    statuses = probe.listen(PlaybackStatus, "/player/playback", LATCHED)
    topics = make_topics(wait_for=["image_raw", "frame_info", "events"])
    wait_until(lambda: topics.has_subscribers(1.0), "the subscribers")
    topics.publish_frame(FRAME, 5 * S)
    topics.publish_event(PlayedEvent.ACKNOWLEDGED, "a", "a calm sea", 6 * S)
    topics.publish_state(PlaybackState(PlaybackPhase.PLAYING, stream_id="a"))
    wait_until(lambda: images and labels and events and statuses, "the messages")
    assert images[0].header == labels[0].header
    assert (images[0].width, images[0].header.frame_id, images[0].header.stamp.sec) == (64, "eye", 5)
    assert (labels[0].frame_index, labels[0].prompt) == (3, "a calm sea")
    assert (events[0].type, events[0].prompt, events[0].header.stamp.sec) == (
        StreamEvent.ACKNOWLEDGED,
        "a calm sea",
        6,
    )
    assert statuses[0].state == PlaybackStatus.PLAYING


def test_without_required_topics_only_rate_0_needs_a_subscriber(make_topics, probe):
    topics = make_topics()
    assert topics.has_subscribers(1.0)
    assert not topics.has_subscribers(0.0)
    probe.listen(FrameInfo, "/player/frame_info")
    wait_until(lambda: topics.has_subscribers(0.0), "the subscriber")


def test_each_required_topic_needs_a_subscriber(make_topics, probe):
    topics = make_topics(wait_for=TOPIC_NAMES[:1] + TOPIC_NAMES[4:5])
    probe.listen(Image, "/player/image_raw")
    wait_until(topics.frames.watched, "the subscriber of the images")
    assert not topics.has_subscribers(1.0)
    probe.listen(StreamEvent, "/player/events")
    wait_until(lambda: topics.has_subscribers(1.0), "the subscriber of the events")


def test_stamps_are_due_times_in_the_clock_of_the_node(node, make_topics):
    clock = FakeClock()
    topics = make_topics(steady_ns=clock)
    before_ns = node.get_clock().now().nanoseconds
    stamp_ns = topics.stamp(clock() - 2 * S, 0)
    after_ns = node.get_clock().now().nanoseconds
    assert before_ns <= stamp_ns + 2 * S <= after_ns
    assert topics.stamp(clock() - 2 * S, 0) > stamp_ns


def test_simulated_time_stamps_frames_and_states(node, on_executor, make_topics, probe):
    """Frames that are late on the steady clock are stamped with the simulated time, whatever it is."""
    statuses = probe.listen(PlaybackStatus, "/player/playback", LATCHED)
    on_executor(lambda: node.set_parameters([Parameter("use_sim_time", value=True)]))
    clock = FakeClock()
    topics = make_topics(steady_ns=clock)
    assert [topics.stamp(clock() - 2 * S, 0), topics.stamp(clock() - S, 0)] == [0, 1]
    publisher = probe.publisher(Clock, "/clock")
    for seconds in (100, 1):  # the simulation restarts

        def received(seconds=seconds):
            publisher.publish(Clock(clock=Time(sec=seconds)))
            return node.get_clock().now().nanoseconds == seconds * S

        wait_until(received, "the simulated time")
        assert topics.stamp(clock() - 2 * S, 0) == seconds * S
    topics.publish_state(PlaybackState(PlaybackPhase.PAUSED))
    wait_until(lambda: statuses, "the state")
    assert nanoseconds(statuses[0].stamp) == S


def test_with_a_clock_stamps_are_playback_times(make_topics, probe):
    clocks = probe.listen(Clock, "/clock")
    topics = make_topics(publish_clock=True)
    wait_until(topics._clock.get_subscription_count, "the subscriber of the clock")
    origin_ns = topics.stamp(0, 0)
    assert topics.stamp(0, 300 * MS) == origin_ns + 300 * MS
    topics.publish_clock(350 * MS)
    topics.publish_clock(None)
    topics.publish_clock(340 * MS)  # it never goes back
    assert topics.stamp(0, 400 * MS) == origin_ns + 400 * MS
    wait_until(lambda: len(clocks) == 6, "the times")
    assert [nanoseconds(clock.clock) - origin_ns for clock in clocks] == [
        0,
        300 * MS,
        350 * MS,
        350 * MS,
        350 * MS,
        400 * MS,
    ]


def test_states_and_time_lines_have_the_time_of_the_clock(make_topics, probe):
    statuses = probe.listen(PlaybackStatus, "/player/playback", LATCHED)
    topics = make_topics(publish_clock=True)
    stamp_ns = topics.stamp(0, 300 * MS)
    topics.publish_state(PlaybackState(PlaybackPhase.PAUSED))
    topics.publish_timeline(EpisodeTimeline(1, "a", frame_count=2))
    timelines = probe.listen(PlaybackTimeline, "/player/timeline", LATCHED)  # it joins later
    wait_until(lambda: statuses and timelines, "the state and the time line")
    assert nanoseconds(statuses[0].stamp) == nanoseconds(timelines[0].stamp) == stamp_ns
    assert (timelines[0].episode, timelines[0].stream_id, timelines[0].frame_count) == (1, "a", 2)


def test_without_a_clock_no_time_is_published(node, make_topics):
    make_topics().publish_clock(None)
    assert node.count_publishers("/clock") == 0


def test_acknowledgements_of_no_subscribers_are_not_awaited(make_topics):
    assert make_topics(lossless=True).wait_for_acks(lambda: False)


def test_the_demand_is_that_of_the_subscribers(make_topics, probe, on_executor):
    topics = make_topics(wait_for=["image_raw/ffmpeg"])
    assert topics.demand() == FrameDemand(pictures=False, packets=False, joined=0)
    packets = probe.listen(FFMPEGPacket, "/player/image_raw/ffmpeg")
    wait_until(lambda: topics.has_subscribers(1.0), "the subscriber of packets")
    assert topics.demand() == FrameDemand(pictures=False, packets=True, joined=1)
    probe.listen(CompressedImage, "/player/image_raw/compressed")
    wait_until(lambda: topics.demand().pictures, "the subscriber of pictures")
    probe.listen(CompressedVideo, "/player/image_raw/foxglove")
    wait_until(lambda: topics.demand().joined == 2, "another subscriber of packets")
    packet = EncodedPicture(3, 300 * MS, 300 * MS, "vp8", 64, 48, True, b"frame")
    topics.publish_frame(PlayedFrame(3, 300 * MS, "a", "", 64, 48, None, packet), 5 * S)
    wait_until(lambda: packets, "the packet")
    assert (packets[0].pts, packets[0].header.stamp.sec, bytes(packets[0].data)) == (1, 5, b"frame")
    on_executor(topics.destroy)
    assert topics.demand() == FrameDemand(pictures=False)
