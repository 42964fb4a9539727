"""Fakes for tests of the player: a clock, episodes in memory, an output that records, an observer."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odyssey_ros.bridge.player.frame_demand import FrameDemand, FrameStart
from odyssey_ros.bridge.player.open_episode import EpisodeIndex
from odyssey_ros.bridge.player.playable_frames import PlayableFrame
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.logs.events import Event, EventKind, EventLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.bridge.player.episode_timeline import EpisodeTimeline
    from odyssey_ros.bridge.player.playback_state import (
        PlaybackPhase,
        PlaybackState,
        PlayedEvent,
        PlayedFrame,
    )
    from odyssey_ros.client import OdysseyError

MS = 1_000_000
FRAME_NS = 100 * MS
DECODED = FrameStart(pictures=True)


class FakeClock:
    """A steady clock that stands still until `advance` is called."""

    def __init__(self, now_ns: int = 1_000 * MS) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, ns: int) -> None:
        self.now_ns += ns


def make_episode(
    name: str, prompts: dict[int, str] | None = None, *, ended_after: int | None = None
) -> Episode:
    """Return an episode whose prompts come into force at the given frames."""
    events = [
        Event(EventKind.PROMPTED if index else EventKind.STARTED, index * FRAME_NS, prompt, index)
        for index, prompt in (prompts or {}).items()
    ]
    if ended_after is not None:
        events.append(Event(EventKind.ENDED, ended_after * FRAME_NS))
    return Episode(name, Path(f"/{name}.mp4"), EventLog(tuple(events)))


def make_frame(episode: Episode, index: int, start: FrameStart = DECODED) -> PlayableFrame:
    """Return frame number `index` of an episode at 10 Hz, without pixels, as if it had been decoded."""
    time_ns = index * FRAME_NS
    prompt = episode.events.prompt_at(index, time_ns)
    return PlayableFrame(index, time_ns, time_ns, prompt, 64, 48, is_decoded=start.pictures)


@dataclass
class FakeReader:
    """Frames in memory; `ready` limits how many are decoded."""

    items: deque[PlayableFrame | Exception]
    ready: int = 1_000
    closed: bool = False
    close_timeout: float | None = None

    @property
    def ended(self) -> bool:
        return not self.items

    def poll(self) -> PlayableFrame | None:
        if not self.items or self.ready <= 0:
            return None
        item = self.items[0]
        if isinstance(item, Exception):
            raise item
        self.ready -= 1
        return self.items.popleft()

    def close(self, timeout: float = 0.0) -> None:
        self.closed, self.close_timeout = True, timeout


@dataclass
class FakeOpener:
    """Opens episodes in memory: each has `frames` frames, unless `errors` or `damage` names it."""

    frames: int = 3
    errors: dict[str, Exception] = field(default_factory=dict)
    damage: dict[str, tuple[int, Exception]] = field(default_factory=dict)
    ready: int = 1_000
    readers: list[FakeReader] = field(default_factory=list)
    times_read: list[str] = field(default_factory=list)
    starts: list[FrameStart] = field(default_factory=list)
    refusal: str | None = None

    def read_index(self, episode: Episode) -> EpisodeIndex:
        self.times_read.append(episode.stream_id)
        if episode.stream_id in self.errors:
            raise self.errors[episode.stream_id]
        return EpisodeIndex([index * FRAME_NS for index in range(self.frames)])

    def open_frames(self, episode: Episode, index: EpisodeIndex, start: FrameStart) -> FakeReader:
        self.starts.append(start)
        items: deque[PlayableFrame | Exception] = deque(
            replace(make_frame(episode, number, start), refusal=self.refusal)
            for number in range(start.first, self.frames)
        )
        if episode.stream_id in self.damage:
            count, error = self.damage[episode.stream_id]
            items = deque([*list(items)[:count], error])
        self.readers.append(FakeReader(items, self.ready))
        return self.readers[-1]


class FakeOutput:
    """Records what is published, in order, as short tuples in `published`."""

    def __init__(self) -> None:
        self.subscribers = True
        self.wanted = FrameDemand()
        self.acks: Callable[[Callable[[], bool]], bool] = lambda _: True
        self.published: list[tuple[Any, ...]] = []
        self.states: list[PlaybackState] = []
        self.timelines: list[EpisodeTimeline] = []
        self.clocks: list[int | None] = []
        self.ack_waits = 0

    def has_subscribers(self, rate: float) -> bool:
        return self.subscribers

    def demand(self) -> FrameDemand:
        return self.wanted

    def stamp(self, due_ns: int, playback_ns: int) -> int:
        return playback_ns

    def publish_frame(self, frame: PlayedFrame, stamp_ns: int) -> None:
        self.published.append(("frame", frame.stream_id, frame.index, frame.prompt, stamp_ns))

    def publish_event(self, kind: PlayedEvent, stream_id: str, prompt: str, stamp_ns: int) -> None:
        self.published.append((kind.name, stream_id, prompt, stamp_ns))

    def publish_state(self, state: PlaybackState) -> None:
        self.states.append(state)

    def publish_timeline(self, timeline: EpisodeTimeline) -> None:
        self.timelines.append(timeline)

    def publish_clock(self, playback_ns: int | None) -> None:
        self.clocks.append(playback_ns)

    def wait_for_acks(self, interrupted: Callable[[], bool]) -> bool:
        self.ack_waits += 1
        return self.acks(interrupted)

    @property
    def frames(self) -> list[tuple[str, int]]:
        """The stream and number of each frame."""
        return [entry[1:3] for entry in self.published if entry[0] == "frame"]  # type: ignore[misc]

    @property
    def events(self) -> list[tuple[str, str, str]]:
        """The kind, stream and prompt of each event."""
        return [entry[:3] for entry in self.published if entry[0] != "frame"]  # type: ignore[misc]

    @property
    def phases(self) -> list[PlaybackPhase]:
        """The phase of each published state."""
        return [state.phase for state in self.states]


class FakeObserver:
    """Records the notifications of a playback."""

    def __init__(self) -> None:
        self.states: list[PlaybackState] = []
        self.damaged: list[str] = []
        self.limits: list[tuple[str, str]] = []
        self.errors: list[OdysseyError] = []

    def state_changed(self, state: PlaybackState) -> None:
        self.states.append(state)

    def packets_limited(self, episode: Episode, reason: str) -> None:
        self.limits.append((episode.stream_id, reason))

    def episode_damaged(self, episode: Episode) -> None:
        self.damaged.append(episode.stream_id)

    def playback_failed(self, error: OdysseyError) -> None:
        self.errors.append(error)
