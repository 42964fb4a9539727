"""The time line of an episode: its length, and the frame from which on each prompt is shown. Needs no ROS."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.logs.events import EventKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.bridge.player.open_episode import OpenEpisode
    from odyssey_ros.dataset.logs.events import Event

MAX_TEXT: Final = 1 << 20
"""Number of characters of all prompts of a time line together; it is one message."""

_ELLIPSIS: Final = "…"


@dataclass(frozen=True, slots=True)
class TimelinePrompt:
    """A prompt on a time line.

    Attributes:
        position_ns: Media time of the first frame that shows the prompt, in nanoseconds.
        frame_index: Number of that frame.
        prompt: The prompt, as the service applied it.
    """

    position_ns: int
    frame_index: int
    prompt: str


@dataclass(frozen=True, slots=True)
class EpisodeTimeline:
    """The time line of an episode; the message PlaybackTimeline describes the fields.

    The default is the time line while no episode is open.
    """

    episode: int = 0
    stream_id: str = ""
    script_index: int = -1
    frame_count: int = -1
    duration_ns: int = 0
    prompts: tuple[TimelinePrompt, ...] = ()


NO_EPISODE: Final = EpisodeTimeline()


def episode_timeline(episode: OpenEpisode) -> EpisodeTimeline:
    """Return the time line of an open episode.

    The prompts are those of the frames, in order: a prompt that no frame shows is left out. If the texts have
    more than `MAX_TEXT` characters together, each is shortened to the same limit.
    """
    prompts = _shown_prompts(episode)
    if sum(len(shown.prompt) for shown in prompts) > MAX_TEXT:
        limit = MAX_TEXT // len(prompts)
        prompts = [replace(shown, prompt=_shortened(shown.prompt, limit)) for shown in prompts]
    return EpisodeTimeline(
        episode.number,
        episode.stream_id,
        episode.script_index,
        len(episode.times_ns),
        episode.duration_ns,
        tuple(prompts),
    )


def _shown_prompts(episode: OpenEpisode) -> list[TimelinePrompt]:
    """Return the prompts as `EventLog.prompt_at` finds them for the frames of the episode."""
    times_ns, shown, first = episode.times_ns, list[TimelinePrompt](), 0
    events = (event for event in episode.episode.events.events if event.kind is not EventKind.ENDED)
    for number, event in enumerate(events):
        if number > 0:  # frames before the first prompt have it too
            first = max(first, _first_frame(event, episode.index.stream_times_ns or times_ns))
        if first >= len(times_ns):
            break
        if shown and shown[-1].frame_index == first:
            shown.pop()  # no frame shows it: another one comes into force with the same frame
        shown.append(TimelinePrompt(times_ns[first], first, event.prompt))
    return shown


def _first_frame(event: Event, stream_times_ns: Sequence[int]) -> int:
    """Return the number of the first frame to which an event applies; it may exceed the last number."""
    if event.frame_index is not None:
        return event.frame_index
    return bisect.bisect_left(stream_times_ns, event.stream_time_ns)


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - len(_ELLIPSIS)] + _ELLIPSIS
