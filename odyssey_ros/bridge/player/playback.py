"""Plays episodes on a thread: with a rate, pause, step, seek and loop. Needs no ROS."""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from odyssey_ros.bridge.player.command_thread import CommandThread
from odyssey_ros.bridge.player.frame_demand import FrameDemand
from odyssey_ros.bridge.player.open_episode import EpisodeIndex
from odyssey_ros.bridge.player.playable_frames import playable_frames
from odyssey_ros.bridge.player.playback_sequencer import PlaybackSequencer
from odyssey_ros.bridge.player.read_ahead import ReadAhead
from odyssey_ros.client import ErrorCode, OdysseyError, as_odyssey_error
from odyssey_ros.dataset.episode_failures import containing
from odyssey_ros.dataset.videos.video import Video

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from odyssey_ros.bridge.player.episode_library import LibraryEpisode
    from odyssey_ros.bridge.player.frame_demand import FrameStart
    from odyssey_ros.bridge.player.open_episode import EpisodeOpener
    from odyssey_ros.bridge.player.playable_frames import PlayableFrame
    from odyssey_ros.bridge.player.playback_state import FramePosition, PlaybackObserver, PlaybackOutput
    from odyssey_ros.dataset.episodes import Episode

FRAMES_AHEAD: Final = 8
_CLOSED: Final = "the player is unconfigured"


class VideoOpener:
    """Opens video files, which are read ahead on threads.

    Args:
        on_change: Called on a reading thread when a reader has a new frame or has ended.
        demand: Returns what the subscribers need at the moment, on any thread.
    """

    def __init__(
        self, on_change: Callable[[], None], demand: Callable[[], FrameDemand] = FrameDemand
    ) -> None:
        self._on_change = on_change
        self._demand = demand

    def read_index(self, episode: Episode) -> EpisodeIndex:
        """Return the times and the key frames of an episode; blocks while it reads the file.

        Raises:
            EpisodeError: The video cannot be read.
        """
        with containing(episode.stream_id), Video(episode.video_path) as video:
            index = video.index()
            times_ns, stream_times_ns = video.frame_times_ns(), video.stream_times_ns()
            if stream_times_ns[0] == times_ns[0]:
                stream_times_ns = []
            return EpisodeIndex(times_ns, index.pass_through.key_frames, index, stream_times_ns)

    def open_frames(
        self, episode: Episode, index: EpisodeIndex, start: FrameStart
    ) -> ReadAhead[PlayableFrame]:
        """Begin to read frames."""
        video = index.video
        assert video is not None  # noqa: S101 -- `read_index` made the index

        def frames() -> Iterator[PlayableFrame]:
            with containing(episode.stream_id):
                yield from playable_frames(episode, video, start, self._demand)

        return ReadAhead(frames, FRAMES_AHEAD, self._on_change)


class Playback:
    """Plays a list of episodes while they are being fetched.

    All methods can be called on any thread. What they ask for is done in order, between two frames, on the
    playback thread. The futures raise OdysseyError for a refusal.

    Args:
        output: Publishes.
        observer: Is notified of changes and failures.
        rate: Media seconds per second; 0 waits for the acknowledgements of all subscribers instead.
        loop: Whether the first episode follows the last one.
        paused: Whether playback begins paused.
        has_clock: Whether the output publishes a clock, which needs ticks between frames.
        steady_ns: The steady clock, in nanoseconds.
        make_opener: Makes what opens video files from a change callback, which can be called on any thread,
            and from the demand of the output.
    """

    def __init__(
        self,
        output: PlaybackOutput,
        observer: PlaybackObserver,
        *,
        rate: float,
        loop: bool,
        paused: bool,
        has_clock: bool = False,
        steady_ns: Callable[[], int] = time.monotonic_ns,
        make_opener: Callable[[Callable[[], None], Callable[[], FrameDemand]], EpisodeOpener] = VideoOpener,
    ) -> None:
        self._thread = CommandThread(
            "odyssey_playback",
            refusal=lambda: OdysseyError(_CLOSED, code=ErrorCode.UNCONFIGURED),
            steady_ns=steady_ns,
        )
        self._sequencer = PlaybackSequencer(
            output,
            observer,
            make_opener(self._thread.wake, output.demand),
            self._thread.interrupted,
            rate=rate,
            loop=loop,
            paused=paused,
            has_clock=has_clock,
            steady_ns=steady_ns,
        )
        self._thread.start(
            self._sequencer.advance,
            on_failure=lambda error: observer.playback_failed(as_odyssey_error(error)),
            on_end=lambda: self._sequencer.end(_CLOSED, ErrorCode.UNCONFIGURED),
        )

    # -- commands of the operator ------------------------------------------------------------------

    def set_active(self, active: bool) -> Future[None]:
        """Play or stop playing. Activation after the end starts again with the first episode."""
        return self._thread.submit(lambda: self._sequencer.set_active(active))

    def pause(self) -> Future[None]:
        """Stop before the next frame."""
        return self._thread.submit(self._sequencer.pause)

    def resume(self) -> Future[None]:
        """Continue; after the end, start again with the first episode."""
        return self._thread.submit(self._sequencer.resume)

    def step(self) -> Future[FramePosition]:
        """Pause, and publish one frame; the future has its position."""
        position: Future[FramePosition] = Future()
        position.set_running_or_notify_cancel()  # from here on, the future cannot be cancelled

        def pass_on_refusal(accepted: Future[None]) -> None:
            if (error := accepted.exception()) is not None:
                position.set_exception(error)

        self._thread.submit(lambda: self._sequencer.step(position)).add_done_callback(pass_on_refusal)
        return position

    def seek(self, episode: int, frame_index: int, position_s: float) -> Future[FramePosition]:
        """Continue with another frame; the future has its position.

        Args:
            episode: Number of the episode; negative for the current one.
            frame_index: Number of the frame; negative to use `position_s`.
            position_s: A media time at which the frame is shown, in seconds.
        """
        return self._thread.submit(lambda: self._sequencer.seek(episode, frame_index, position_s))

    def set_pace(self, rate: float, *, loop: bool) -> None:
        """Change the rate, and whether the first episode follows the last one."""
        self._thread.submit(lambda: self._sequencer.set_pace(rate, loop=loop))

    def close(self, timeout: float = 3.0) -> bool:
        """End the thread. Return False when it has not ended within `timeout` seconds."""
        return self._thread.close(timeout)

    # -- reports of the library --------------------------------------------------------------------

    def episodes_found(self, count: int) -> None:
        """Set the number of episodes."""
        self._thread.submit(lambda: self._sequencer.episodes_found(count))

    def fetching(self, text: str) -> None:
        """Report the progress of the library while playback waits for an episode."""
        self._thread.submit(lambda: self._sequencer.fetching(text))

    def episode_fetched(self, number: int, episode: LibraryEpisode) -> None:
        """Add an episode that has been fetched, or whose fetching has failed."""
        self._thread.submit(lambda: self._sequencer.episode_fetched(number, episode))
