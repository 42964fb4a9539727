"""Publishes the events and frames of an episode. Needs no thread and no ROS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.bridge.player.playback_state import FramePosition, PlayedEvent, PlayedFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.bridge.player.open_episode import OpenEpisode
    from odyssey_ros.bridge.player.playable_frames import PlayableFrame
    from odyssey_ros.bridge.player.playback_state import PlaybackOutput
    from odyssey_ros.bridge.player.timeline import Timeline


class EpisodePublisher:
    """Publishes an open episode step by step, and waits for acknowledgements at rate 0. Not thread-safe.

    Args:
        output: Publishes.
        timeline: The playback time of the frame that is published.
    """

    def __init__(self, output: PlaybackOutput, timeline: Timeline) -> None:
        self._output = output
        self._timeline = timeline
        self._last_stamp_ns = 0
        self._acks_pending = False

    def publish_start(self, episode: OpenEpisode, due_ns: int) -> None:
        """Publish that the episode has started, with the prompt of the frame that comes next."""
        stamp_ns = self._output.stamp(due_ns, self._timeline.time_ns)
        self._output.publish_event(PlayedEvent.STARTED, episode.stream_id, episode.last_prompt, stamp_ns)
        self._acks_pending = True

    def publish_frame(self, episode: OpenEpisode, frame: PlayableFrame, due_ns: int) -> FramePosition:
        """Publish the prompts that come into force with a frame, then the frame."""
        stamp_ns = self._last_stamp_ns = self._output.stamp(due_ns, self._timeline.time_ns)
        stream_id = episode.stream_id
        for prompt in episode.take_new_prompts(frame):
            self._output.publish_event(PlayedEvent.ACKNOWLEDGED, stream_id, prompt, stamp_ns)
        self._output.publish_frame(
            PlayedFrame(
                frame.index,
                frame.media_time_ns,
                stream_id,
                frame.prompt,
                frame.width,
                frame.height,
                frame.picture,
                frame.packet,
            ),
            stamp_ns,
        )
        self._acks_pending = True
        episode.pending, episode.next_index = None, frame.index + 1
        return FramePosition(episode.number, stream_id, frame.index, frame.media_time_ns)

    def publish_end(self, episode: OpenEpisode) -> None:
        """Publish the prompts that no frame shows, then the end of the episode, with the last stamp."""
        stream_id, stamp_ns = episode.stream_id, self._last_stamp_ns
        for prompt in episode.remaining_prompts():
            self._output.publish_event(PlayedEvent.ACKNOWLEDGED, stream_id, prompt, stamp_ns)
        self._output.publish_event(PlayedEvent.ENDED, stream_id, "", stamp_ns)
        self._acks_pending = True

    def wait_for_acks(self, interrupted: Callable[[], bool]) -> bool:
        """At rate 0, wait until every reliable subscriber has processed what was published.

        Returns:
            False when interrupted; call again then.
        """
        if self._acks_pending:
            if self._timeline.rate == 0 and not self._output.wait_for_acks(interrupted):
                return False
            self._acks_pending = False
        return True
