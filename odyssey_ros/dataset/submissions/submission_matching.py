"""Compares a job with a script: whether the job was certainly, or certainly not, made from the script.

The service does not return the scripts, the images or the options of a job. The evidence is what it does
return: the number of streams, their duration, the size of the picture, and the events log, whose format is
not documented. Therefore there are three results. Two tolerances keep them apart: a time within the small one
is equal, and a time outside the large one is different.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.logs.events import EventKind, EventLog, script_events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.dataset.logs.events import Event
    from odyssey_ros.dataset.scripts.plans import EpisodePlan

_EQUAL_WITHIN_NS: Final = 250_000_000
_DIFFERENT_BEYOND_NS: Final = 2_000_000_000


class Match(Enum):
    """Whether a job was made from a script."""

    CERTAIN = "certain"
    POSSIBLE = "possible"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a comparison.

    Attributes:
        match: The result.
        reason: Why the job is excluded, or why it is not certain.
    """

    match: Match
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The known properties of a completed job.

    Attributes:
        script_indexes: The index of the script of each stream.
        log: The events log of the first script's stream; None when there is none.
        duration_s: Duration of that stream in seconds; None when it is unknown.
    """

    script_indexes: tuple[int, ...]
    log: EventLog | None
    duration_s: float | None


def compare(plan: EpisodePlan, evidence: Evidence) -> Verdict:
    """Compare a script with a completed job, except for the orientation of its picture."""
    if evidence.script_indexes and evidence.script_indexes != (0,):
        return _excluded(f"it has {len(evidence.script_indexes)} streams, and the script makes one")
    wanted = script_events(plan.script).events
    log = evidence.log
    end_ns = _end_ns(evidence)
    if end_ns is not None and abs(end_ns - wanted[-1].stream_time_ns) > _DIFFERENT_BEYOND_NS:
        return _excluded(
            f"it lasts {end_ns / 1e9:.1f} s, and the script {wanted[-1].stream_time_ns / 1e9:g} s"
        )
    if log is None or not log.prompts():
        return _possible("it has no events log with prompts")
    if log.losses:
        return _possible("its events log is not fully readable")
    found, asked = _prompts(log.events), _prompts(wanted)
    difference = _difference(plan, found, asked)
    if difference:
        return _excluded(difference)
    doubt = _doubt(plan, found, asked, end_ns)
    return _possible(doubt) if doubt else Verdict(Match.CERTAIN)


def compare_orientation(plan: EpisodePlan, *, portrait: bool | None) -> Verdict:
    """Compare the orientation of a script with the one of a job's picture; None when that is unknown."""
    if portrait is None:
        return _possible("the size of its picture is unknown")
    if portrait is not plan.portrait:
        return _excluded(f"its picture is {'portrait' if portrait else 'landscape'}")
    return Verdict(Match.CERTAIN)


def visible_digest(plan: EpisodePlan) -> str:
    """Return a digest of what the evidence can show of a script: its prompts, times and orientation.

    Jobs of scripts with equal digests cannot be told apart.
    """
    events = [
        [event.kind.value, event.stream_time_ns, event.prompt] for event in script_events(plan.script).events
    ]
    return _digest([events, plan.portrait])


def content_digest(plan: EpisodePlan) -> str:
    """Return a digest of all that is submitted for a script. Equal scripts may take each other's jobs."""
    return _digest([plan.script, plan.portrait, plan.bypass_prompt_expansion])


def _difference(plan: EpisodePlan, found: Sequence[Event], asked: Sequence[Event]) -> str:
    """Return a difference that no rewriting of prompts explains; empty when there is none."""
    if len(found) != len(asked):
        return f"its log has {len(found)} prompts, and the script {len(asked)}"
    for number, (prompt, ask) in enumerate(zip(found, asked, strict=True), start=1):
        applied_unchanged = plan.bypass_prompt_expansion is True
        sent = prompt.prompt if applied_unchanged and prompt.sent_prompt is None else prompt.sent_prompt
        if sent is not None and _plain(sent) != _plain(ask.prompt):
            return f"prompt {number} is different"
        if applied_unchanged and _plain(prompt.prompt) != _plain(ask.prompt):
            return f"prompt {number} was expanded"
        if abs(_since_start(prompt, found) - _since_start(ask, asked)) > _DIFFERENT_BEYOND_NS:
            return f"prompt {number} has another time"
    return ""


def _doubt(plan: EpisodePlan, found: Sequence[Event], asked: Sequence[Event], end_ns: int | None) -> str:
    """Return why a job without a difference may be another script's; empty when it is certain."""
    if any(event.sent_prompt is None for event in found):
        return "its log does not tell the sent prompts from the applied ones"
    if [event.sent_prompt for event in found] != _sent_texts(plan):
        return "its prompts are spelled differently"
    if any(
        abs(prompt.stream_time_ns - ask.stream_time_ns) > _EQUAL_WITHIN_NS
        for prompt, ask in zip(found, asked, strict=True)
    ):
        return "the times in its log are not exactly those of the script"
    wanted_ns = script_events(plan.script).events[-1].stream_time_ns
    if end_ns is None or abs(end_ns - wanted_ns) > _EQUAL_WITHIN_NS:
        return "its duration is not exactly that of the script"
    if "image" in plan.script[0]["start"]:
        return "nothing in a job shows which image it started from"
    if plan.bypass_prompt_expansion is not True and all(event.sent_prompt == event.prompt for event in found):
        return "its log does not show whether prompts were expanded"
    return ""


def _prompts(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if event.kind is not EventKind.ENDED]


def _end_ns(evidence: Evidence) -> int | None:
    """Return the length of a stream in nanoseconds: the end in its log, or its duration."""
    ends = (
        []
        if evidence.log is None
        else [event.stream_time_ns for event in evidence.log.events if event.kind is EventKind.ENDED]
    )
    if ends:
        return ends[-1]
    return None if evidence.duration_s is None else round(evidence.duration_s * 1e9)


def _since_start(event: Event, events: Sequence[Event]) -> int:
    return event.stream_time_ns - events[0].stream_time_ns


def _sent_texts(plan: EpisodePlan) -> list[str]:
    """Return the prompts exactly as the script has them."""
    actions = (entry.get("start") or entry.get("interact") for entry in plan.script)
    return [str(action["prompt"]) for action in actions if action]


def _plain(text: str) -> str:
    """Return a prompt without what a service may change when it stores it: case, spacing, Unicode form."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _excluded(reason: str) -> Verdict:
    return Verdict(Match.EXCLUDED, reason)


def _possible(reason: str) -> Verdict:
    return Verdict(Match.POSSIBLE, reason)
