"""Reports the state of playback and the time line of the open episode, once for each change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from odyssey_ros.bridge.player.playback_state import PlaybackPhase, PlaybackState
from odyssey_ros.bridge.player.timeline_reporter import TimelineReporter

if TYPE_CHECKING:
    from odyssey_ros.bridge.player.episode_queue import EpisodeQueue
    from odyssey_ros.bridge.player.playback_state import PlaybackObserver, PlaybackOutput
    from odyssey_ros.client import ErrorCode


class StateReporter:
    """Builds the state, and publishes it when it differs from the last one. Not thread-safe.

    A time line is published before the first state of its episode.

    Args:
        output: Publishes the state and the time line.
        observer: Is notified after that.
        rate: The rate of playback at the beginning.
    """

    def __init__(self, output: PlaybackOutput, observer: PlaybackObserver, rate: float) -> None:
        self._output = output
        self._observer = observer
        self._state = PlaybackState(rate=rate)
        self._timeline = TimelineReporter(output)

    @property
    def phase(self) -> PlaybackPhase:
        """The phase of the last report."""
        return self._state.phase

    @property
    def message(self) -> str:
        """The message of the last report."""
        return self._state.message

    def count(self, *, begun: int = 0, complete: int = 0, failed: int = 0, rounds: int = 0) -> None:
        """Add to the counters; the next report contains them."""
        state = self._state
        self._state = replace(
            state,
            begun=state.begun + begun,
            complete=state.complete + complete,
            failed=state.failed + failed,
            rounds=state.rounds + rounds,
        )

    def report(
        self,
        phase: PlaybackPhase,
        queue: EpisodeQueue,
        rate: float,
        *,
        message: str = "",
        error_code: ErrorCode | None = None,
    ) -> None:
        """Publish the state if it has changed, and notify the observer.

        Args:
            phase: The phase of playback.
            queue: The episodes and the open one.
            rate: The rate of playback.
            message: A text for the operator.
            error_code: The code of an error that `message` describes.
        """
        episode = queue.open_episode
        self._timeline.report(episode)
        state = replace(
            self._state,
            phase=phase,
            message=message,
            error_code=error_code,
            episode=queue.number,
            episodes=queue.count or 0,
            rate=rate,
            whole=episode is not None and episode.whole,
            stream_id="" if episode is None else episode.stream_id,
            script_index=-1 if episode is None else episode.script_index,
            frame_index=0 if episode is None else episode.next_index,
            frame_count=-1 if episode is None else len(episode.times_ns),
            position_ns=0 if episode is None else episode.position_ns,
            duration_ns=0 if episode is None else episode.duration_ns,
        )
        if state != self._state:
            self._state = state
            self._output.publish_state(state)
            self._observer.state_changed(state)
