"""The order and the times in which frames, events and states are published. Needs no thread and no ROS."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from odyssey_ros.bridge.player.clock_ticks import ClockTicks
from odyssey_ros.bridge.player.episode_errors import playback_error
from odyssey_ros.bridge.player.episode_publisher import EpisodePublisher
from odyssey_ros.bridge.player.episode_queue import EpisodeQueue
from odyssey_ros.bridge.player.playback_state import FramePosition, PlaybackPhase
from odyssey_ros.bridge.player.start_decision import StartDecision, limit_of
from odyssey_ros.bridge.player.state_reporter import StateReporter
from odyssey_ros.bridge.player.timeline import Timeline
from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.dataset.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from odyssey_ros.bridge.player.episode_library import LibraryEpisode
    from odyssey_ros.bridge.player.open_episode import EpisodeOpener, OpenEpisode
    from odyssey_ros.bridge.player.playable_frames import PlayableFrame
    from odyssey_ros.bridge.player.playback_state import PlaybackObserver, PlaybackOutput

# Values of `advance`, beside the steady times.
AT_ONCE: Final = 0
NEVER: Final = 1 << 63

SUBSCRIBER_POLL_NS: Final = 50_000_000
CLOSE_TIMEOUT_S: Final = 2.0
_AT_END: Final = "all episodes have been played: ~/resume starts again, ~/seek goes back"


class PlaybackSequencer:
    """Plays episodes one after the other. Not thread-safe: every method is called on one thread.

    The caller runs `advance` again and again: when the time comes that it returned, and after each call of
    another method or of the readers' change callback.

    Args:
        output: Publishes.
        observer: Is notified of changes and failures.
        opener: Opens the video files.
        interrupted: Returns whether a wait for subscribers has to end early.
        rate: Media seconds per second; 0 waits for the acknowledgements of all subscribers instead.
        loop: Whether the first episode follows the last one.
        paused: Whether playback begins paused.
        has_clock: Whether the output publishes a clock, which needs ticks between frames.
        steady_ns: The steady clock, in nanoseconds.
    """

    def __init__(
        self,
        output: PlaybackOutput,
        observer: PlaybackObserver,
        opener: EpisodeOpener,
        interrupted: Callable[[], bool],
        *,
        rate: float,
        loop: bool,
        paused: bool,
        has_clock: bool,
        steady_ns: Callable[[], int],
    ) -> None:
        self._output = output
        self._observer = observer
        self._interrupted = interrupted
        self._steady_ns = steady_ns
        self._timeline = Timeline(rate)
        self._ticks = ClockTicks(self._timeline, output.publish_clock) if has_clock else None
        self._publisher = EpisodePublisher(output, self._timeline)
        self._queue = EpisodeQueue(opener, loop=loop, demand=output.demand)
        self._starts = StartDecision()
        self._limited: set[Path] = set()  # videos of which an observer knows that packets are missing
        self._reporter = StateReporter(output, observer, rate)
        self._steps: deque[Future[FramePosition]] = deque()
        self._active = False
        self._paused = paused
        self._subscribers_found = False

    # -- commands of the operator ------------------------------------------------------------------

    def set_active(self, active: bool) -> None:
        """Play or stop playing. Activation after the end starts again with the first episode."""
        self._active = active
        self._timeline.restart()
        if active and self._queue.finished:
            self._rewind()
        if not active:
            self._refuse_steps("the player was deactivated", ErrorCode.NOT_ACTIVE)
        if active or self._reporter.phase is not PlaybackPhase.FAILED:  # a failure remains the last state
            self._report_current()

    def pause(self) -> None:
        """Stop before the next frame."""
        self._paused = True
        self._timeline.restart()
        self._report_current()

    def resume(self) -> None:
        """Continue; after the end, start again with the first episode.

        Raises:
            OdysseyError: The player is not active.
        """
        self._require_active()
        self._paused = False
        self._timeline.restart()
        if self._queue.finished:
            self._rewind()
        self._report_current()

    def step(self, position: Future[FramePosition]) -> None:
        """Pause, and publish one frame; then its position is the result of the future.

        Raises:
            OdysseyError: The player is not active, or at the end.
        """
        self._require_active()
        if self._queue.finished:
            raise OdysseyError(_AT_END, code=ErrorCode.END_REACHED)
        self._paused = True
        self._timeline.restart()
        self._steps.append(position)

    def seek(self, number: int, frame_index: int, position_s: float) -> FramePosition:
        """Continue with another frame.

        Args:
            number: Number of the episode; negative for the current one.
            frame_index: Number of the frame; negative to use `position_s`.
            position_s: A media time at which the frame is shown, in seconds.

        Returns:
            The position of the next frame.

        Raises:
            OdysseyError: There is no such frame, or its episode is not fetched yet or cannot be played.
        """
        episode = self._queue.seek(number, frame_index, position_s)
        self._timeline.cut()
        self._timeline.restart()
        self._report_current()
        return FramePosition(episode.number, episode.stream_id, episode.next_index, episode.position_ns)

    def set_pace(self, rate: float, *, loop: bool) -> None:
        """Change the rate, and whether the first episode follows the last one."""
        self._queue.loop = loop
        if rate != self._timeline.rate:
            self._timeline.rate = rate
            self._report_current()

    # -- reports of the library --------------------------------------------------------------------

    def episodes_found(self, count: int) -> None:
        """Set the number of episodes."""
        self._queue.count = count
        self._report_current()

    def fetching(self, text: str) -> None:
        """Report the progress of the library while playback waits for an episode."""
        if self._queue.open_episode is None and not self._queue.finished:
            self._report(self._current_phase(), text)

    def episode_fetched(self, number: int, episode: LibraryEpisode) -> None:
        """Add an episode that has been fetched, or whose fetching has failed."""
        self._queue.add(number, episode)

    # -- playing -----------------------------------------------------------------------------------

    def advance(self) -> int:
        """Do the next small piece of work.

        Returns:
            The steady time of the next one in nanoseconds, `AT_ONCE`, or `NEVER` (it needs a call).
        """
        until_ns = self._play() if self._may_play() else NEVER
        if self._ticks is None:
            return until_ns
        return min(until_ns, self._ticks.tick(self._steady_ns(), running=self._may_play()))

    def end(self, message: str, code: ErrorCode) -> None:
        """Refuse the waiting steps with an error of this message and code, and close the open episode."""
        self._refuse_steps(message, code)
        self._queue.close(CLOSE_TIMEOUT_S)

    def _may_play(self) -> bool:
        return self._active and not self._queue.finished and (bool(self._steps) or not self._paused)

    def _play(self) -> int:
        if not self._publisher.wait_for_acks(self._interrupted):
            return AT_ONCE
        episode = self._queue.open_current()
        if episode is None:
            if self._reporter.phase is not PlaybackPhase.FETCHING:
                self._report(PlaybackPhase.FETCHING, self._reporter.message)
            return NEVER
        if isinstance(episode, EpisodeError):
            self._fail_episode(episode)
            return AT_ONCE
        present = self._subscribers_found or bool(self._steps)
        if not present and not self._output.has_subscribers(self._timeline.rate):
            self._report(PlaybackPhase.WAITING)
            return self._steady_ns() + SUBSCRIBER_POLL_NS
        self._subscribers_found = True
        return self._play_frame(episode)

    def _play_frame(self, episode: OpenEpisode) -> int:
        frame = episode.pending
        if frame is None:
            try:
                frame = episode.pending = episode.frames.poll()
            except EpisodeError as error:
                self._fail_episode(error)
                return AT_ONCE
            if frame is None:
                if not episode.frames.ended:
                    return NEVER  # until a frame is read
                self._complete_episode(episode)
                return AT_ONCE
            if frame.index != episode.timed_index:  # it is another one after a new start
                self._timeline.next_frame(frame.media_time_ns)
                episode.timed_index = frame.index
        if self._starts_again(episode, frame):
            return AT_ONCE
        now_ns = self._steady_ns()
        due_ns = now_ns if self._steps else self._timeline.due_ns(now_ns)
        if now_ns < due_ns:
            return due_ns
        if episode.started:
            self._publish_frame(episode, frame, due_ns)
        else:
            self._start_episode(episode, frame, due_ns)
        return AT_ONCE

    def _starts_again(self, episode: OpenEpisode, frame: PlayableFrame) -> bool:
        """Read the frame again if it lacks what the subscribers need; return whether that was necessary."""
        demand, index = self._output.demand(), episode.index
        if demand.packets and episode.episode.video_path not in self._limited:
            reason = limit_of(frame)
            if reason is not None:
                self._limited.add(episode.episode.video_path)
                self._observer.packets_limited(episode.episode, reason)
        start = self._starts.start_for(frame, demand, index.times_ns, index.key_frames, self._timeline.rate)
        if start is not None:
            self._queue.reopen(start)
        return start is not None

    def _start_episode(self, episode: OpenEpisode, frame: PlayableFrame, due_ns: int) -> None:
        """Report that an episode starts with this frame, which is published by the next call."""
        episode.start(frame)
        self._reporter.count(begun=1)
        self._report_current()
        self._publisher.publish_start(episode, due_ns)

    def _publish_frame(self, episode: OpenEpisode, frame: PlayableFrame, due_ns: int) -> None:
        if self._reporter.phase is not self._current_phase():
            self._report_current()
        position = self._publisher.publish_frame(episode, frame, due_ns)
        if self._steps:
            self._steps.popleft().set_result(position)
            self._report_current()

    # -- episodes ----------------------------------------------------------------------------------

    def _complete_episode(self, episode: OpenEpisode) -> None:
        self._publisher.publish_end(episode)
        self._reporter.count(complete=1)
        self._report(PlaybackPhase.EPISODE_COMPLETE)
        self._next_episode()

    def _fail_episode(self, error: EpisodeError) -> None:
        episode, reason = self._queue.current, playback_error(error)
        self._reporter.count(failed=1)
        self._report(PlaybackPhase.EPISODE_FAILED, reason.message, reason.code)
        if episode is not None and not isinstance(episode, EpisodeError):
            self._observer.episode_damaged(episode)
        if self._queue.count_failure():
            self._refuse_steps(reason.message, reason.code)
            self._report(PlaybackPhase.FAILED, reason.message, reason.code)
            self._observer.playback_failed(reason)
        else:
            self._next_episode()

    def _next_episode(self) -> None:
        round_over = self._queue.advance()
        self._timeline.cut()
        if not round_over:
            return
        if self._queue.finished:
            self._refuse_steps(_AT_END, ErrorCode.END_REACHED)
            self._report(PlaybackPhase.FINISHED)
        self._reporter.count(rounds=1)

    def _rewind(self) -> None:
        self._queue.rewind()
        self._timeline.cut()

    # -- reports -----------------------------------------------------------------------------------

    def _require_active(self) -> None:
        if not self._active:
            raise OdysseyError("the player is not active: activate it first", code=ErrorCode.NOT_ACTIVE)

    def _refuse_steps(self, message: str, code: ErrorCode) -> None:
        while self._steps:
            self._steps.popleft().set_exception(OdysseyError(message, code=code))

    def _current_phase(self) -> PlaybackPhase:
        if self._queue.finished:
            return PlaybackPhase.FINISHED
        if not self._active:
            return PlaybackPhase.INACTIVE
        if self._paused:
            return PlaybackPhase.PAUSED
        return PlaybackPhase.FETCHING if self._queue.open_episode is None else PlaybackPhase.PLAYING

    def _report_current(self) -> None:
        self._report(self._current_phase())

    def _report(self, phase: PlaybackPhase, message: str = "", error_code: ErrorCode | None = None) -> None:
        self._reporter.report(phase, self._queue, self._timeline.rate, message=message, error_code=error_code)
