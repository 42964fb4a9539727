"""The topics `~/playback` and `~/timeline`, whose last messages reach subscribers that join later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.time import Time

from odyssey_ros import msg
from odyssey_ros.bridge.conversions import text_field
from odyssey_ros.bridge.player.episode_timeline import NO_EPISODE

if TYPE_CHECKING:
    from rclpy.node import Node

    from odyssey_ros.bridge.player.episode_timeline import EpisodeTimeline
    from odyssey_ros.bridge.player.playback_state import PlaybackState

STATUS_QOS: Final = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
TIMELINE_QOS: Final = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class LatchedTopics:
    """Publishes the state of playback and the time line of the open episode, as long as the node exists.

    Args:
        node: The node of the topics.

    Attributes:
        status: The publisher of `~/playback`.
        timeline: The publisher of `~/timeline`.
    """

    def __init__(self, node: Node) -> None:
        self.status = node.create_publisher(msg.PlaybackStatus, "~/playback", STATUS_QOS)
        self.timeline = node.create_publisher(msg.PlaybackTimeline, "~/timeline", TIMELINE_QOS)

    def publish_state(self, state: PlaybackState, stamp_ns: int) -> None:
        """Publish a state that was made at a time, ns in the clock of the frames."""
        self.status.publish(status_message(state, stamp_ns))

    def publish_timeline(self, timeline: EpisodeTimeline, stamp_ns: int) -> None:
        """Publish a time line that was made at a time, ns in the clock of the frames."""
        self.timeline.publish(timeline_message(timeline, stamp_ns))

    def publish_unconfigured(self, state: PlaybackState, stamp_ns: int) -> None:
        """Publish the state of a node that is not configured, in which no episode is open."""
        self.publish_timeline(NO_EPISODE, stamp_ns)
        self.publish_state(state, stamp_ns)


def status_message(state: PlaybackState, stamp_ns: int) -> msg.PlaybackStatus:
    """Return the message of a state.

    Args:
        state: The state.
        stamp_ns: When it was made, ns in the clock of the frames.
    """
    return msg.PlaybackStatus(
        stamp=Time(nanoseconds=stamp_ns).to_msg(),
        state=getattr(msg.PlaybackStatus, state.phase.name),
        state_text=state.phase.name.lower().replace("_", " "),
        message=text_field(state.message),
        error_code=text_field(state.error_code),
        episode=state.episode,
        episodes=state.episodes,
        rounds=state.rounds,
        episodes_begun=state.begun,
        episodes_complete=state.complete,
        episodes_failed=state.failed,
        whole=state.whole,
        stream_id=text_field(state.stream_id),
        script_index=state.script_index,
        frame_index=state.frame_index,
        frame_count=state.frame_count,
        position=Duration(nanoseconds=state.position_ns).to_msg(),
        duration=Duration(nanoseconds=state.duration_ns).to_msg(),
        rate=state.rate,
    )


def timeline_message(timeline: EpisodeTimeline, stamp_ns: int) -> msg.PlaybackTimeline:
    """Return the message of a time line.

    Args:
        timeline: The time line.
        stamp_ns: When it was made, ns in the clock of the frames.
    """
    return msg.PlaybackTimeline(
        stamp=Time(nanoseconds=stamp_ns).to_msg(),
        episode=timeline.episode,
        stream_id=text_field(timeline.stream_id),
        script_index=timeline.script_index,
        frame_count=timeline.frame_count,
        duration=Duration(nanoseconds=timeline.duration_ns).to_msg(),
        prompts=[
            msg.TimelinePrompt(
                position=Duration(nanoseconds=shown.position_ns).to_msg(),
                frame_index=shown.frame_index,
                prompt=text_field(shown.prompt),
            )
            for shown in timeline.prompts
        ],
    )
