"""What an episode publishes: its start, its frames with new prompts, its end."""

from __future__ import annotations

import pytest

from fake_playback import FRAME_NS, FakeOpener, FakeOutput, make_episode, make_frame
from odyssey_ros.bridge.player.episode_publisher import EpisodePublisher
from odyssey_ros.bridge.player.frame_demand import FrameStart
from odyssey_ros.bridge.player.open_episode import OpenEpisode
from odyssey_ros.bridge.player.playback_state import FramePosition
from odyssey_ros.bridge.player.timeline import Timeline


@pytest.fixture
def parts():
    """A publisher, its output and timeline, and an open episode."""
    output, timeline = FakeOutput(), Timeline(0.0)
    episode = make_episode("a", {0: "sea", 1: "storm", 9: "calm"})
    opener = FakeOpener(3)
    index = opener.read_index(episode)
    opened = OpenEpisode(7, episode, -1, index, opener.open_frames(episode, index, FrameStart()))
    return EpisodePublisher(output, timeline), output, timeline, opened


def test_an_episode_from_start_to_end(parts):
    publisher, output, timeline, opened = parts
    opened.start(make_frame(opened.episode, 0))
    publisher.publish_start(opened, 0)
    positions = []
    for index in range(3):
        frame = opened.pending = make_frame(opened.episode, index)
        timeline.next_frame(frame.media_time_ns)
        positions.append(publisher.publish_frame(opened, frame, 0))
        assert (opened.pending, opened.next_index) == (None, index + 1)
    publisher.publish_end(opened)
    assert positions == [FramePosition(7, "a", index, index * FRAME_NS) for index in range(3)]
    assert output.published == [
        ("STARTED", "a", "sea", 0),
        ("frame", "a", 0, "sea", 0),
        ("ACKNOWLEDGED", "a", "storm", FRAME_NS),
        ("frame", "a", 1, "storm", FRAME_NS),
        ("frame", "a", 2, "storm", 2 * FRAME_NS),
        ("ACKNOWLEDGED", "a", "calm", 2 * FRAME_NS),
        ("ENDED", "a", "", 2 * FRAME_NS),
    ]


def test_at_rate_0_acknowledgements_are_awaited_once_for_each_publication(parts):
    publisher, output, _, opened = parts
    assert publisher.wait_for_acks(lambda: False)
    assert output.ack_waits == 0
    publisher.publish_start(opened, 0)
    output.acks = lambda _: False
    assert not publisher.wait_for_acks(lambda: True)
    output.acks = lambda _: True
    assert publisher.wait_for_acks(lambda: False)
    assert publisher.wait_for_acks(lambda: False)
    assert output.ack_waits == 2


def test_above_rate_0_acknowledgements_are_not_awaited(parts):
    publisher, output, timeline, opened = parts
    timeline.rate = 1.0
    publisher.publish_end(opened)
    assert publisher.wait_for_acks(lambda: False)
    assert output.ack_waits == 0
