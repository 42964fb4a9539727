"""The events log of a recording: the prompts and the times at which they came into force.

The service documents that the log is JSON, one object per line, but not the fields of the objects.
Therefore the parser accepts every common name of a time and of a prompt, in JSON lines or in one JSON
document. It counts what it does not understand, and what it has to guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.client.service_text import MAX_PROMPT_LENGTH, clean_text
from odyssey_ros.dataset.logs.event_fields import EntryFields, fields_of
from odyssey_ros.dataset.logs.event_kinds import EventKind
from odyssey_ros.dataset.logs.log_content import MAX_LOG_BYTES, read_log
from odyssey_ros.dataset.logs.log_text import (
    MAX_ENTRIES,
    JsonLines,
    beginning_of_list,
    decoded,
    flattened,
    has_repeated_names,
    whole_document,
)
from odyssey_ros.dataset.losses import Loss

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = [
    "MAX_EVENTS",
    "MAX_LOG_BYTES",
    "NO_EVENTS",
    "Event",
    "EventKind",
    "EventLog",
    "parse_events",
    "read_events",
    "script_events",
]

MAX_EVENTS: Final = 10_000
"""Maximum number of events that are taken from a log; each frame is compared with all of them."""

_NANOSECONDS: Final = 1_000_000_000
_MAX_STREAM_NS: Final = 10**7 * _NANOSECONDS


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a stream.

    Attributes:
        kind: The kind of the event.
        stream_time_ns: Time of the event since the start of the stream, in nanoseconds.
        prompt: The prompt in force from then on, as the service applied it; empty at the end.
        frame_index: The first frame that shows the event, when the log contains it.
        sent_prompt: The prompt as it was sent, when the log contains it beside the applied prompt.
    """

    kind: EventKind
    stream_time_ns: int
    prompt: str = ""
    frame_index: int | None = None
    sent_prompt: str | None = None

    def applies_to(self, frame_index: int, stream_time_ns: int) -> bool:
        """Return whether the frame is at or after this event."""
        if self.frame_index is not None:
            return frame_index >= self.frame_index
        return stream_time_ns >= self.stream_time_ns


@dataclass(frozen=True, slots=True)
class EventLog:
    """All events of a stream, in order.

    Attributes:
        events: In order of time.
        losses: What of the log was ignored, repaired or guessed.
    """

    events: tuple[Event, ...] = ()
    losses: Mapping[Loss, int] = field(default_factory=dict)

    @property
    def ignored(self) -> int:
        """Number of entries of the log that were skipped."""
        return self.losses.get(Loss.IGNORED_LOG_ENTRIES, 0)

    def prompts(self) -> tuple[str, ...]:
        """Return the prompts in the order in which they came into force."""
        return tuple(event.prompt for event in self.events if event.kind is not EventKind.ENDED)

    def prompt_at(self, frame_index: int, stream_time_ns: int) -> str:
        """Return the prompt in force at a frame.

        A frame before the first prompt has the first prompt. The result is empty when the log has no prompt.
        """
        prompt: str | None = None
        for event in self.events:
            if event.kind is EventKind.ENDED:
                continue
            if prompt is not None and not event.applies_to(frame_index, stream_time_ns):
                break
            prompt = event.prompt
        return prompt or ""


NO_EVENTS: Final = EventLog()


def read_events(path: Path, *, has_length: bool = True) -> EventLog:
    """Read and parse an events log, which may be compressed. Blocks.

    Args:
        path: The file.
        has_length: See `parse_events`.

    Raises:
        EpisodeError: See `read_log`.
    """
    content = read_log(path)
    return parse_events(content.data, is_whole=not content.cut_off, has_length=has_length)


def parse_events(data: bytes, *, is_whole: bool = True, has_length: bool = True) -> EventLog:
    """Parse an events log, JSON lines or one JSON document. Never fails: losses are counted.

    At most `MAX_EVENTS` events are taken; further ones are counted as ignored, and so are entries with a
    prompt of more than `MAX_PROMPT_LENGTH` characters. Prompts are cleaned of secrets and of control
    characters other than newlines.

    Args:
        data: The log, in UTF-8, UTF-16 or UTF-32.
        is_whole: Whether all bytes that the log was stored with are there, as far as is known.
        has_length: Whether the server announced the length. Without it, a log that was cut off between two
            lines looks like a whole one, so a log without an end is taken for cut off.
    """
    text, replaced = decoded(data)
    lines = JsonLines(text)
    log = _event_log(flattened(lines))
    invalid, has_entries = lines.invalid, lines.parsed
    ended = any(event.kind is EventKind.ENDED for event in log.events)
    cut_off = not is_whole or lines.unfinished
    if not ended:
        cut_off |= not has_length or not text.endswith("\n")
    if invalid:
        document = whole_document(text)
        beginning = None if document is not None else _event_log(flattened(beginning_of_list(text)))
        if document is not None:
            log, invalid, has_entries = _event_log(flattened([document])), 0, True
            cut_off = not is_whole
        elif beginning is not None and len(beginning.events) > len(log.events):
            log, invalid, has_entries, cut_off = beginning, 0, True, True
        elif lines.unfinished:
            invalid -= 1  # it is counted as cut off
    elif lines.is_document:
        cut_off = not is_whole
    losses = Counter(log.losses)
    if not has_entries:
        return EventLog(losses=_occurring({Loss.UNREADABLE_LOG: 1, Loss.CUT_OFF_LOG: int(not is_whole)}))
    losses.update(
        {
            Loss.IGNORED_LOG_ENTRIES: invalid,
            Loss.REPLACED_CHARACTERS: replaced,
            Loss.CUT_OFF_LOG: int(cut_off),
        }
    )
    return replace(log, losses=_occurring(losses))


def script_events(script: Sequence[Mapping[str, Any]]) -> EventLog:
    """Return the events of a script, for a stream without an events log."""
    return _event_log(script)


def _occurring(losses: Mapping[Loss, int]) -> dict[Loss, int]:
    return {loss: count for loss, count in losses.items() if count}


def _event_log(entries: Iterable[object]) -> EventLog:
    losses: Counter[Loss] = Counter()
    accepted: list[tuple[EntryFields, EventKind]] = []
    starts: list[int] = []
    for number, entry in enumerate(entries):
        fields = fields_of(entry) if isinstance(entry, Mapping) and number < MAX_ENTRIES else None
        if fields is not None and fields.kind is EventKind.STARTED and fields.wall_ns is not None:
            starts.append(fields.wall_ns)  # the origin of wall times, even if there is no prompt
        kind = None if fields is None or len(accepted) >= MAX_EVENTS else _kind(fields, first=not accepted)
        if fields is None or kind is None:
            losses[Loss.IGNORED_LOG_ENTRIES] += 1
            continue
        losses[Loss.GUESSED_KINDS] += fields.kind is None
        losses[Loss.AMBIGUOUS_LOG_ENTRIES] += has_repeated_names(entry)
        accepted.append((fields, kind))
    events = _timed(accepted, starts, losses)
    numbers = [event.frame_index for event in events if event.frame_index is not None]
    if numbers != sorted(numbers):
        losses[Loss.CONTRADICTORY_FRAMES] = 1
    first = next((event for event in events if event.kind is not EventKind.ENDED), None)
    if first is not None and first.kind is not EventKind.STARTED:
        losses[Loss.GUESSED_FIRST_PROMPT] = 1
    return EventLog(tuple(events), _occurring(losses))


def _kind(fields: EntryFields, *, first: bool) -> EventKind | None:
    """Return the kind of an event; None for an entry that is not a valid event."""
    if fields.time_ns is None and fields.wall_ns is None and fields.frame_index is None:
        return None
    if fields.kind is EventKind.ENDED:
        return fields.kind
    if fields.prompt is None or max(len(fields.prompt), len(fields.sent_prompt or "")) > MAX_PROMPT_LENGTH:
        return None
    if fields.refused:
        return None
    if fields.kind is None:
        return EventKind.STARTED if first else EventKind.PROMPTED
    return fields.kind


def _timed(
    accepted: Sequence[tuple[EntryFields, EventKind]], starts: Sequence[int], losses: Counter[Loss]
) -> list[Event]:
    """Return the events in order of their times since the start of the stream."""
    walls = [fields.wall_ns for fields, _ in accepted if fields.wall_ns is not None]
    origin = min(starts or walls, default=0)
    events: dict[Event, None] = {}  # in the order of the log, without repetitions
    latest = 0
    for fields, kind in accepted:
        time_ns = fields.time_ns
        guessed = fields.unit_guessed
        if time_ns is None and fields.wall_ns is not None:
            time_ns = fields.wall_ns - origin
            guessed |= not starts
        elif time_ns is None:
            time_ns, guessed = latest, True  # only the number of the frame is known
        if time_ns > _MAX_STREAM_NS:
            losses[Loss.IGNORED_LOG_ENTRIES] += 1
            continue
        losses[Loss.GUESSED_TIMES] += guessed
        losses[Loss.CLAMPED_TIMES] += time_ns < 0
        time_ns = max(0, time_ns)
        prompt = "" if kind is EventKind.ENDED else fields.prompt or ""
        cleaned = clean_text(prompt, is_prompt=True)
        losses[Loss.CLEANED_PROMPTS] += cleaned != prompt
        sent = None if fields.sent_prompt is None else clean_text(fields.sent_prompt, is_prompt=True)
        event = Event(kind, time_ns, cleaned, fields.frame_index, sent)
        if event in events:
            losses[Loss.DUPLICATE_LOG_ENTRIES] += 1
            continue
        losses[Loss.REORDERED_LOG_ENTRIES] += time_ns < latest
        latest = max(latest, time_ns)
        events[event] = None
    return sorted(events, key=lambda event: event.stream_time_ns)
