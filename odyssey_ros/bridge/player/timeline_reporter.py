"""Reports the time line of the open episode, once for each change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.bridge.player.episode_timeline import NO_EPISODE, episode_timeline

if TYPE_CHECKING:
    from odyssey_ros.bridge.player.open_episode import EpisodeIndex, OpenEpisode
    from odyssey_ros.bridge.player.playback_state import PlaybackOutput


class TimelineReporter:
    """Builds the time line when an episode is opened, and publishes it when it differs. Not thread-safe.

    Args:
        output: Publishes the time line.
    """

    def __init__(self, output: PlaybackOutput) -> None:
        self._output = output
        self._published = NO_EPISODE
        self._index: EpisodeIndex | None = (
            None  # of the published time line; a seek within the episode keeps it
        )

    def report(self, episode: OpenEpisode | None) -> None:
        """Publish the time line of the open episode, or that none is open, if that has changed."""
        index = None if episode is None else episode.index
        if index is self._index:
            return
        self._index = index
        timeline = NO_EPISODE if episode is None else episode_timeline(episode)
        if timeline != self._published:
            self._published = timeline
            self._output.publish_timeline(timeline)
