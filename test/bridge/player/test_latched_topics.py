"""The messages of the state of playback and of the time line."""

from __future__ import annotations

from odyssey_ros.msg import PlaybackStatus, PlaybackTimeline
from rclpy.qos import DurabilityPolicy, QoSProfile

from fake_playback import MS
from odyssey_ros.bridge.player.episode_timeline import EpisodeTimeline, TimelinePrompt
from odyssey_ros.bridge.player.latched_topics import LatchedTopics, status_message, timeline_message
from odyssey_ros.bridge.player.playback_state import PlaybackPhase, PlaybackState
from odyssey_ros.client import ErrorCode
from waiting import wait_until

S = 1_000_000_000
LATCHED = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def nanoseconds(message):
    return message.sec * S + message.nanosec


def test_a_state_becomes_a_message():
    state = PlaybackState(
        PlaybackPhase.EPISODE_FAILED,
        "broken \ud800",
        ErrorCode.VIDEO_BROKEN,
        episode=1,
        episodes=3,
        rounds=4,
        begun=5,
        complete=6,
        failed=7,
        whole=True,
        stream_id="a",
        script_index=2,
        frame_index=8,
        frame_count=9,
        position_ns=1500 * MS,
        duration_ns=2 * S,
        rate=0.5,
    )
    message = status_message(state, 3 * S + 4)
    assert (message.stamp.sec, message.stamp.nanosec) == (3, 4)
    assert (message.state, message.state_text) == (PlaybackStatus.EPISODE_FAILED, "episode failed")
    assert (message.message, message.error_code) == ("broken ?", "VIDEO_BROKEN")
    assert (message.episode, message.episodes, message.rounds) == (1, 3, 4)
    assert (message.episodes_begun, message.episodes_complete, message.episodes_failed) == (5, 6, 7)
    assert (message.whole, message.stream_id, message.script_index) == (True, "a", 2)
    assert (message.frame_index, message.frame_count, message.rate) == (8, 9, 0.5)
    assert (nanoseconds(message.position), nanoseconds(message.duration)) == (1500 * MS, 2 * S)


def test_a_state_without_an_error_has_no_code():
    assert status_message(PlaybackState(), 0).error_code == ""


def test_a_time_line_becomes_a_message():
    prompts = (TimelinePrompt(0, 0, "a calm sea"), TimelinePrompt(1500 * MS, 15, "a storm \ud800"))
    message = timeline_message(EpisodeTimeline(1, "a", 2, 30, 3 * S, prompts), 3 * S + 4)
    assert (nanoseconds(message.stamp), nanoseconds(message.duration)) == (3 * S + 4, 3 * S)
    assert (message.episode, message.stream_id, message.script_index, message.frame_count) == (1, "a", 2, 30)
    assert [(nanoseconds(one.position), one.frame_index, one.prompt) for one in message.prompts] == [
        (0, 0, "a calm sea"),
        (1500 * MS, 15, "a storm ?"),
    ]


def test_a_subscriber_that_joins_later_receives_the_last_messages(node, on_executor, probe):
    topics = on_executor(lambda: LatchedTopics(node))
    topics.publish_timeline(EpisodeTimeline(1, "a", frame_count=2), S)
    topics.publish_state(PlaybackState(PlaybackPhase.PLAYING), S)
    topics.publish_unconfigured(PlaybackState(), 2 * S)
    statuses = probe.listen(PlaybackStatus, "/player/playback", LATCHED)
    timelines = probe.listen(PlaybackTimeline, "/player/timeline", LATCHED)
    wait_until(lambda: len(statuses) == 2 and timelines, "the messages")
    assert [status.state for status in statuses] == [PlaybackStatus.PLAYING, PlaybackStatus.UNCONFIGURED]
    (timeline,) = timelines
    assert (timeline.frame_count, timeline.stream_id, nanoseconds(timeline.stamp)) == (-1, "", 2 * S)
