"""The prompts of a live stream: labels say which frames have them, recorded events when they began."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.dataset.bags import BagEvent
from odyssey_ros.dataset.logs.events import EventKind
from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.manifest import prompt_entry
from odyssey_ros.dataset.messages import STREAM_ACKNOWLEDGED, STREAM_ENDED, STREAM_STARTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from odyssey_ros.dataset.recorded.file_scan import RecordedEvent
    from odyssey_ros.dataset.recorded.label_table import Label

_WITH_PROMPT: Final = {STREAM_STARTED: EventKind.STARTED, STREAM_ACKNOWLEDGED: EventKind.PROMPTED}

_TOLERANCE_NS: Final = 2_000_000_000
"""How much later than its first frame a prompt may be stamped: frames are stamped with an estimated time."""


@dataclass(frozen=True, slots=True)
class PromptTimes:
    """The prompts of a stream.

    Attributes:
        events: The events for the bag, in order of their stamps.
        prompts: The prompts for the manifest; each has the number of its first frame.
        losses: Prompts without an event, and events without a frame.
    """

    events: tuple[BagEvent, ...]
    prompts: tuple[dict[str, Any], ...]
    losses: Mapping[Loss, int]


def prompt_times(runs: Sequence[Label], events: Sequence[RecordedEvent]) -> PromptTimes:
    """Return the prompts of a stream.

    Args:
        runs: The first label of each run of frames with the same prompt; at least one.
        events: The recorded events of the stream, in order; there may be none.
    """
    losses: Counter[Loss] = Counter()
    waiting = [event for event in events if event.kind in _WITH_PROMPT]
    start_ns = runs[0].stamp_ns - runs[0].media_time_ns
    begun: list[BagEvent] = []
    last_ns = 0
    for run in runs:
        until_ns = run.stamp_ns + _TOLERANCE_NS
        place = next(
            (
                at
                for at, event in enumerate(waiting)
                if event.prompt == run.prompt and event.stamp_ns <= until_ns
            ),
            None,
        )
        kind = EventKind.PROMPTED if begun or run.frame_index else EventKind.STARTED
        stamp_ns = run.stamp_ns
        if place is None:
            losses[Loss.UNRECORDED_EVENTS] += 1
        else:
            in_force = begun[-1].prompt if begun else None
            losses[Loss.PROMPTS_WITHOUT_FRAMES] += sum(each.prompt != in_force for each in waiting[:place])
            kind, stamp_ns = _WITH_PROMPT[waiting[place].kind], waiting[place].stamp_ns
            del waiting[: place + 1]
        last_ns = max(last_ns, stamp_ns)
        begun.append(BagEvent(last_ns, kind, run.prompt))
    losses[Loss.PROMPTS_WITHOUT_FRAMES] += sum(each.prompt != begun[-1].prompt for each in waiting)
    start_ns = max(0, min(start_ns, begun[0].stamp_ns))
    prompts = tuple(
        prompt_entry(event.stamp_ns - start_ns, event.prompt, run.frame_index)
        for event, run in zip(begun, runs, strict=True)
    )
    ended = [BagEvent(event.stamp_ns, EventKind.ENDED, "") for event in events if event.kind == STREAM_ENDED]
    ordered = sorted([*begun, *ended[-1:]], key=lambda event: event.stamp_ns)
    return PromptTimes(tuple(ordered), prompts, {loss: count for loss, count in losses.items() if count})
