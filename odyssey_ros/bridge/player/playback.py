"""Plays episodes on a thread of its own: paced, paused, stepped, sought, looped.

Nothing here knows ROS.
"""

from __future__ import annotations

import bisect
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from odyssey_ros.bridge.player.playback_state import (
    FramePlace,
    PlaybackPhase,
    PlaybackState,
    PlayedEvent,
    PlayedFrame,
)
from odyssey_ros.bridge.player.read_ahead import ReadAhead
from odyssey_ros.bridge.player.timeline import Timeline
from odyssey_ros.client import OdysseyError
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.events import EventKind
from odyssey_ros.dataset.video import Video

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from odyssey_ros.bridge.player.episode_library import LibraryEpisode
    from odyssey_ros.bridge.player.playback_state import PlaybackOutput
    from odyssey_ros.dataset.episodes import Episode, EpisodeFrame
    from odyssey_ros.dataset.events import Event

T = TypeVar("T")
AT_THE_END = "all has been played: ~/resume begins again, ~/seek goes back"
CLOSED = "the player is unconfigured"
FRAMES_AHEAD = 8
AT_ONCE, NEVER = 0, 1 << 63
LOOK_FOR_SUBSCRIBERS_NS = 50_000_000
MAX_REST_S = 3600.0
CLOCK_TICK_NS, IDLE_CLOCK_TICK_NS = 10_000_000, 100_000_000


@dataclass(slots=True)
class _Reel:
    """An episode that is open, and how far it has been played."""

    number: int
    episode: Episode
    script_index: int
    times_ns: list[int]
    frames: ReadAhead[EpisodeFrame]
    next_index: int
    whole: bool = True
    begun: bool = False
    pending: EpisodeFrame | None = None
    prompt: str = ""  # of the last frame
    prompts_told: int = 0
    after_seek: bool = False

    @property
    def position_ns(self) -> int:
        return self.times_ns[min(self.next_index, len(self.times_ns) - 1)]


@dataclass(frozen=True, slots=True)
class _Command(Generic[T]):
    """Something to be done on the thread, and where its result goes."""

    answer: Future[T]
    act: Callable[[], T]

    def obey(self) -> None:
        try:
            self.answer.set_result(self.act())
        except OdysseyError as refusal:
            self.answer.set_exception(refusal)
        except Exception as error:
            self.answer.set_exception(error)
            raise


class Playback:
    """Plays a list of episodes, as they arrive.

    All methods are for other threads; what they ask for is done in order between two frames.

    Args:
        output: Where it goes.
        rate: Media seconds a second; 0 is as fast as every reliable subscriber takes it.
        loop: Whether the first episode follows the last.
        paused: Whether it begins with a pause.
        has_clock: Whether the output publishes a clock, which has to go on between frames.
        steady_ns: The steady clock.
    """

    def __init__(
        self,
        output: PlaybackOutput,
        *,
        rate: float,
        loop: bool,
        paused: bool,
        has_clock: bool = False,
        steady_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._output = output
        self._steady_ns = steady_ns
        self._has_clock = has_clock
        self._timeline = Timeline(rate)
        self._loop = loop
        self._paused = paused
        self._active = False
        self._finished = False
        self._awaited = False
        self._untaken = False
        self._count: int | None = None
        self._fetched: dict[int, LibraryEpisode] = {}
        self._reel: _Reel | None = None
        self._number = 0
        self._failed_in_round = 0
        self._steps: deque[Future[FramePlace]] = deque()
        self._last_stamp_ns = 0
        self._state = PlaybackState(rate=rate)
        self._next_tick_ns = 0
        self._changed = threading.Condition()
        self._commands: deque[_Command[Any]] = deque()
        self._woken = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="odyssey_playback", daemon=True)
        self._thread.start()

    # -- what the operator wants -------------------------------------------------------------------

    def set_active(self, active: bool) -> Future[None]:
        """Play, or rest; the future is done when it is so. Playing that had finished begins again."""

        def act() -> None:
            self._active = active
            self._timeline.restart()
            if active and self._finished:
                self._rewind()
            if not active:
                self._refuse_steps("NOT_ACTIVE", "the player was deactivated")
            if active or self._state.phase is not PlaybackPhase.FAILED:  # why it failed stays said
                self._announce(self._standing())

        return self._command(act)

    def pause(self) -> Future[None]:
        """Stop before the next frame."""

        def act() -> None:
            self._paused = True
            self._timeline.restart()
            self._announce(self._standing())

        return self._command(act)

    def resume(self) -> Future[None]:
        """Go on; from the beginning when all has been played."""

        def act() -> None:
            self._require_active()
            self._paused = False
            self._timeline.restart()
            if self._finished:
                self._rewind()
            self._announce(self._standing())

        return self._command(act)

    def step(self) -> Future[FramePlace]:
        """Pause, and publish one frame; the future says which."""
        place: Future[FramePlace] = Future()

        def act() -> None:
            self._require_active()
            if self._finished:
                raise OdysseyError(AT_THE_END, code="END_REACHED")
            self._paused = True
            self._timeline.restart()
            self._steps.append(place)

        def pass_on(accepted: Future[None]) -> None:
            if (error := accepted.exception()) is not None:
                place.set_exception(error)

        self._command(act).add_done_callback(pass_on)
        return place

    def seek(self, episode: int, frame_index: int, position_s: float) -> Future[FramePlace]:
        """Go on from another frame; the future says which.

        Args:
            episode: Its number; negative for the one that is played.
            frame_index: The frame; negative to take `position_s` instead.
            position_s: Media time at which the frame is shown.
        """
        return self._command(lambda: self._seek(episode, frame_index, position_s))

    def set_pace(self, rate: float, *, loop: bool) -> None:
        """Go on at another rate, and loop or not."""

        def act() -> None:
            self._loop = loop
            if rate != self._timeline.rate:
                self._timeline.rate = rate
                self._announce(self._standing())

        self._command(act)

    def close(self, timeout: float = 3.0) -> bool:
        """End the thread. Returns False when it has not ended within so many seconds."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # -- what the library has ----------------------------------------------------------------------

    def episodes_found(self, count: int) -> None:
        """So many episodes there are."""

        def act() -> None:
            self._count = count
            self._announce(self._standing())

        self._command(act)

    def fetching(self, text: str) -> None:
        """What the library does now; told while playing waits for it."""

        def act() -> None:
            if self._reel is None and not self._finished:
                self._announce(self._standing(), text)

        self._command(act)

    def episode_fetched(self, number: int, episode: LibraryEpisode) -> None:
        """An episode is here, or cannot be had."""

        def act() -> None:
            self._fetched[number] = episode

        self._command(act)

    # -- the thread --------------------------------------------------------------------------------

    def _command(self, act: Callable[[], T]) -> Future[T]:
        answer: Future[T] = Future()
        with self._changed:
            if not self._closed:
                self._commands.append(_Command(answer, act))
                self._changed.notify()
                return answer
        answer.set_exception(OdysseyError(CLOSED, code="UNCONFIGURED"))
        return answer

    def _interrupted(self) -> bool:
        with self._changed:
            return bool(self._commands) or self._closed

    def _wake(self) -> None:
        with self._changed:
            self._woken = True
            self._changed.notify()

    def _run(self) -> None:
        try:
            while True:
                with self._changed:
                    if self._closed:
                        break
                    commands, self._commands = self._commands, deque()
                    self._woken = False
                for command in commands:
                    command.obey()
                self._rest(self._proceed() if self._may_proceed() else NEVER)
        except Exception as error:  # noqa: BLE001 -- the node hears of it, and ends this
            self._output.gave_up("INTERNAL", f"internal error: {type(error).__name__}: {error}")
        finally:
            self._end()

    def _may_proceed(self) -> bool:
        return self._active and not self._finished and (bool(self._steps) or not self._paused)

    def _rest(self, until_ns: int) -> None:
        """Wait for a command, for news of the decoder, or until the time has come."""
        while True:
            now = self._steady_ns()
            if self._has_clock and now >= self._next_tick_ns:
                going = self._may_proceed() and self._timeline.rate > 0
                self._next_tick_ns = now + (CLOCK_TICK_NS if going else IDLE_CLOCK_TICK_NS)
                self._output.tell_time(self._timeline.time_at(now) if going else None)
            with self._changed:
                if self._commands or self._woken or self._closed or now >= until_ns:
                    return
                wake_ns = min(until_ns, self._next_tick_ns) if self._has_clock else until_ns
                self._changed.wait(min((wake_ns - now) / 1e9, MAX_REST_S))

    def _end(self) -> None:
        with self._changed:
            self._closed = True
            commands, self._commands = self._commands, deque()
        for command in commands:
            command.answer.set_exception(OdysseyError(CLOSED, code="UNCONFIGURED"))
        self._refuse_steps("UNCONFIGURED", CLOSED)
        if self._reel is not None:
            self._reel.frames.close(timeout=2.0)

    # -- playing -----------------------------------------------------------------------------------

    def _proceed(self) -> int:
        """Do the next small thing; return the steady time until which there is nothing more to do."""
        if self._untaken:
            if self._timeline.rate == 0 and not self._output.wait_until_taken(self._interrupted):
                return AT_ONCE
            self._untaken = False
        if self._reel is None and not self._open():
            return NEVER if self._number not in self._fetched else AT_ONCE
        reel = self._reel
        assert reel is not None  # noqa: S101 -- it was just opened
        if not self._awaited and not self._steps and not self._output.awaited(self._timeline.rate):
            self._announce(PlaybackPhase.WAITING)
            return self._steady_ns() + LOOK_FOR_SUBSCRIBERS_NS
        self._awaited = True
        if reel.pending is None:
            try:
                reel.pending = reel.frames.poll()
            except EpisodeError as error:
                self._episode_failed(error, reel.episode)
                return AT_ONCE
            if reel.pending is None:
                if not reel.frames.ended:
                    return NEVER
                self._episode_complete(reel)
                return AT_ONCE
            self._timeline.next_frame(reel.pending.picture.media_time_ns)
        now = self._steady_ns()
        due = now if self._steps else self._timeline.due_ns(now)
        if now < due:
            return due
        if reel.begun:
            self._show(reel, reel.pending, due)
        else:
            self._begin(reel, reel.pending, due)
        return AT_ONCE

    def _begin(self, reel: _Reel, frame: EpisodeFrame, due_ns: int) -> None:
        """Say that an episode begins with this frame."""
        reel.begun = True
        self._state = replace(self._state, begun=self._state.begun + 1)
        self._announce(self._standing())
        prompts, picture = _prompts(reel.episode), frame.picture
        prompt = frame.prompt
        if picture.index > 0:
            reel.prompts_told = _count_applying(prompts, frame)
        elif prompts:
            prompt, reel.prompts_told = prompts[0].prompt, 1
        stamp_ns = self._output.stamp(due_ns, self._timeline.time_ns)
        self._output.tell_event(PlayedEvent.STARTED, reel.episode.stream_id, prompt, stamp_ns)
        reel.prompt = prompt
        self._untaken = True

    def _show(self, reel: _Reel, frame: EpisodeFrame, due_ns: int) -> None:
        if self._state.phase is not self._standing():
            self._announce(self._standing())
        stamp_ns = self._last_stamp_ns = self._output.stamp(due_ns, self._timeline.time_ns)
        picture, stream_id = frame.picture, reel.episode.stream_id
        self._tell_prompts(reel, frame, stamp_ns)
        self._output.show_frame(
            PlayedFrame(picture.frame, picture.index, picture.media_time_ns, stream_id, frame.prompt),
            stamp_ns,
        )
        self._untaken = True
        reel.pending, reel.next_index = None, picture.index + 1
        if self._steps:
            self._steps.popleft().set_result(
                FramePlace(reel.number, stream_id, picture.index, picture.media_time_ns)
            )
            self._announce(self._standing())

    def _tell_prompts(self, reel: _Reel, frame: EpisodeFrame, stamp_ns: int) -> None:
        """Tell the prompts that come into force with this frame; after a seek, the one in force."""
        prompts = _prompts(reel.episode)
        told = _count_applying(prompts, frame)
        new = [event.prompt for event in prompts[reel.prompts_told : told]]
        if reel.after_seek:
            new = [frame.prompt] if frame.prompt != reel.prompt else []
        for prompt in new:
            self._output.tell_event(PlayedEvent.ACKNOWLEDGED, reel.episode.stream_id, prompt, stamp_ns)
        reel.prompts_told, reel.prompt, reel.after_seek = told, frame.prompt, False

    # -- episodes ----------------------------------------------------------------------------------

    def _open(self) -> bool:
        """Open the episode whose turn it is; False when it is not here, or cannot be opened."""
        fetched = self._fetched.get(self._number)
        if fetched is None:
            if self._state.phase is not PlaybackPhase.FETCHING:
                self._announce(PlaybackPhase.FETCHING, self._state.message)
            return False
        if isinstance(fetched.episode, EpisodeError):
            self._episode_failed(fetched.episode, None)
            return False
        try:
            times_ns = _frame_times(fetched.episode)
        except EpisodeError as error:
            self._episode_failed(error, fetched.episode)
            return False
        self._reel = self._load(self._number, fetched.episode, fetched.script_index, times_ns)
        return True

    def _load(
        self, number: int, episode: Episode, script_index: int, times_ns: list[int], first: int = 0
    ) -> _Reel:
        frames = ReadAhead(lambda: episode.frames(first), FRAMES_AHEAD, self._wake)
        return _Reel(number, episode, script_index, times_ns, frames, first)

    def _episode_complete(self, reel: _Reel) -> None:
        stream_id = reel.episode.stream_id
        for event in _prompts(reel.episode)[reel.prompts_told :]:
            self._output.tell_event(PlayedEvent.ACKNOWLEDGED, stream_id, event.prompt, self._last_stamp_ns)
        self._output.tell_event(PlayedEvent.ENDED, stream_id, "", self._last_stamp_ns)
        self._untaken = True
        self._state = replace(self._state, complete=self._state.complete + 1)
        self._announce(PlaybackPhase.EPISODE_COMPLETE)
        self._next_episode()

    def _episode_failed(self, error: EpisodeError, episode: Episode | None) -> None:
        self._failed_in_round += 1
        self._state = replace(self._state, failed=self._state.failed + 1)
        self._announce(PlaybackPhase.EPISODE_FAILED, error.message, str(error.code))
        if episode is not None:
            self._output.episode_damaged(episode)
        if self._failed_in_round == self._count:
            self._finished = True
            self._refuse_steps(str(error.code), error.message)
            self._announce(PlaybackPhase.FAILED, error.message, str(error.code))
            self._output.gave_up(str(error.code), error.message)
            return
        self._next_episode()

    def _next_episode(self) -> None:
        self._close_reel()
        self._number += 1
        if self._number == self._count:
            self._number = self._failed_in_round = 0
            if not self._loop:
                self._finished = True
                self._refuse_steps("END_REACHED", AT_THE_END)
                self._announce(PlaybackPhase.FINISHED)
            self._state = replace(self._state, rounds=self._state.rounds + 1)

    def _rewind(self) -> None:
        self._finished = False
        self._number = self._failed_in_round = 0
        self._close_reel()

    def _close_reel(self) -> None:
        if self._reel is not None:
            self._reel.frames.close()
            self._reel = None
        self._timeline.cut()

    def _seek(self, number: int, index: int, position_s: float) -> FramePlace:
        number = self._number if number < 0 else number
        fetched = self._fetched.get(number)
        if self._count is not None and number >= self._count:
            raise OdysseyError(f"there is no episode {number}; there are {self._count}", code="BAD_ARGUMENT")
        if fetched is None:
            raise OdysseyError(f"episode {number} is not here yet", code="NOT_FETCHED")
        if isinstance(fetched.episode, EpisodeError):
            raise OdysseyError(f"episode {number} cannot be played: {fetched.episode}", code="NOT_PLAYABLE")
        before = self._reel if self._reel is not None and self._reel.number == number else None
        try:
            times_ns = _frame_times(fetched.episode) if before is None else before.times_ns
        except EpisodeError as error:
            raise OdysseyError(f"episode {number} cannot be played: {error}", code="NOT_PLAYABLE") from error
        first = _frame_number(times_ns, index, position_s)
        self._close_reel()
        self._number, self._finished, self._failed_in_round = number, False, 0
        reel = self._reel = self._load(number, fetched.episode, fetched.script_index, times_ns, first)
        reel.whole = False
        if before is not None:
            reel.begun, reel.prompt, reel.after_seek = before.begun, before.prompt, before.begun
        self._timeline.restart()
        self._announce(self._standing())
        return FramePlace(number, reel.episode.stream_id, first, reel.position_ns)

    # -- what is told ------------------------------------------------------------------------------

    def _require_active(self) -> None:
        if not self._active:
            raise OdysseyError("the player is not active: activate it first", code="NOT_ACTIVE")

    def _refuse_steps(self, code: str, reason: str) -> None:
        while self._steps:
            self._steps.popleft().set_exception(OdysseyError(reason, code=code))

    def _standing(self) -> PlaybackPhase:
        if self._finished:
            return PlaybackPhase.FINISHED
        if not self._active:
            return PlaybackPhase.INACTIVE
        if self._paused:
            return PlaybackPhase.PAUSED
        return PlaybackPhase.FETCHING if self._reel is None else PlaybackPhase.PLAYING

    def _announce(self, phase: PlaybackPhase, message: str = "", error_code: str = "") -> None:
        reel = self._reel
        state = replace(
            self._state,
            phase=phase,
            message=message,
            error_code=error_code,
            episode=self._number,
            episodes=self._count or 0,
            rate=self._timeline.rate,
            whole=reel is not None and reel.whole,
            stream_id="" if reel is None else reel.episode.stream_id,
            script_index=-1 if reel is None else reel.script_index,
            frame_index=0 if reel is None else reel.next_index,
            frame_count=-1 if reel is None else len(reel.times_ns),
            position_ns=0 if reel is None else reel.position_ns,
            duration_ns=0 if reel is None else _duration_ns(reel.times_ns),
        )
        if state != self._state:
            self._state = state
            self._output.tell_state(state)


def _prompts(episode: Episode) -> list[Event]:
    return [event for event in episode.events.events if event.kind is not EventKind.ENDED]


def _count_applying(prompts: Sequence[Event], frame: EpisodeFrame) -> int:
    """Return how many prompts have come into force; the first one always has."""
    picture = frame.picture
    return next(
        (
            count
            for count, event in enumerate(prompts)
            if count > 0 and not event.applies_to(picture.index, picture.stream_time_ns)
        ),
        len(prompts),
    )


def _frame_times(episode: Episode) -> list[int]:
    with Video(episode.video_path) as video:
        return video.frame_times_ns()


def _duration_ns(times_ns: Sequence[int]) -> int:
    """Up to the end of the last frame, which is shown as long as the one before."""
    return times_ns[-1] + (times_ns[-1] - times_ns[-2] if len(times_ns) > 1 else 0)


def _frame_number(times_ns: Sequence[int], index: int, position_s: float) -> int:
    """Return which frame is meant.

    Raises:
        OdysseyError: There is none.
    """
    if index >= len(times_ns):
        raise OdysseyError(f"there is no frame {index}; there are {len(times_ns)}", code="BAD_ARGUMENT")
    if index >= 0:
        return index
    duration_s = _duration_ns(times_ns) / 1e9
    if not 0 <= position_s <= duration_s:
        raise OdysseyError(
            f"the position {position_s:g} s is not within 0 to {duration_s:g} s", code="BAD_ARGUMENT"
        )
    return max(0, bisect.bisect_right(times_ns, round(position_s * 1e9)) - 1)
