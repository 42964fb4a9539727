"""The totals of a dataset, each with the episodes that it counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.dataset.losses import Loss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from odyssey_ros.dataset.report.episode_record import EpisodeRecord

UNREADABLE: Final = "unreadable"
"""The kind of finding of an episode that cannot be read."""


@dataclass(frozen=True, slots=True)
class Group:
    """What several episodes have in common.

    Attributes:
        text: What it is, such as `1280x704`.
        count: How often it occurs.
        episodes: Names of the episodes, in order.
        note: An explanation; may be empty.
    """

    text: str
    count: int
    episodes: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """The totals. Groups are in the order of their counts, the largest first.

    Attributes:
        episodes: Number of episodes.
        frames: Number of frames.
        seconds: Duration of all episodes that could be read.
        runs: Number of prompts, each as often as it was given.
        flagged: Number of episodes with a finding.
        sizes: Sizes of the pictures; counts are episodes.
        images: Encodings of the pictures; counts are episodes.
        rates: Frame rates; counts are episodes.
        prompts: Different prompts; counts are how often they were given.
        findings: Kinds of findings; counts are findings.
        losses: Kinds of losses; counts as in the manifest.
    """

    episodes: int
    frames: int
    seconds: float
    runs: int
    flagged: int
    sizes: tuple[Group, ...]
    images: tuple[Group, ...]
    rates: tuple[Group, ...]
    prompts: tuple[Group, ...]
    findings: tuple[Group, ...]
    losses: tuple[Group, ...]


def totals_of(records: Sequence[EpisodeRecord]) -> Totals:
    """Return the totals of the episodes of a report."""
    texts = {str(loss): loss.text for loss in Loss}
    readable = [record for record in records if not record.report.error]
    return Totals(
        episodes=len(records),
        frames=sum(record.report.frames for record in records),
        seconds=sum(record.report.duration_s for record in readable),
        runs=sum(len(record.report.prompts) for record in records),
        flagged=sum(bool(kinds_of(record)) for record in records),
        sizes=_groups(records, lambda each: (f"{width}x{height}" for width, height in each.report.sizes)),
        images=_groups(records, lambda each: (each.report.images,)),
        rates=_groups(readable, lambda each: (rate_text(each.report.rate_hz),)),
        prompts=_groups(readable, lambda each: (span.prompt for span in each.report.prompts)),
        findings=_groups(records, kinds_of),
        losses=_groups(
            records,
            lambda each: each.report.losses,
            lambda name: texts.get(name, "unknown to this version"),
        ),
    )


def totals_json(totals: Totals) -> dict[str, Any]:
    """Return the totals for the report's JSON: numbers, and counts by what they count."""
    counts = {
        name: {group.text: group.count for group in groups}
        for name, groups in (
            ("sizes", totals.sizes),
            ("images", totals.images),
            ("rates", totals.rates),
            ("findings", totals.findings),
            ("losses", totals.losses),
        )
    }
    return {
        "episodes": totals.episodes,
        "flagged_episodes": totals.flagged,
        "frames": totals.frames,
        "duration_s": round(totals.seconds, 6),
        "prompts": totals.runs,
        "different_prompts": len(totals.prompts),
        **counts,
    }


def kinds_of(record: EpisodeRecord) -> list[str]:
    """Return the kind of each finding of an episode; `unreadable` if it could not be read."""
    return [UNREADABLE] if record.report.error else [found.kind.value for found in record.report.findings]


def rate_text(rate_hz: float) -> str:
    """Return a frame rate as a text, rounded to 0.01 Hz."""
    return f"{rate_hz:.2f}".rstrip("0").rstrip(".") + " Hz" if rate_hz else "unknown"


def _groups(
    records: Iterable[EpisodeRecord],
    counts: Callable[[EpisodeRecord], Iterable[str] | Mapping[str, int]],
    note: Callable[[str], str] = lambda _: "",
) -> tuple[Group, ...]:
    total: Counter[str] = Counter()
    episodes: dict[str, list[str]] = {}
    for record in records:
        found = Counter(counts(record))
        total.update(found)
        for key in found:
            episodes.setdefault(key, []).append(record.name)
    ordered = sorted(total.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Group(key, count, tuple(episodes[key]), note(key)) for key, count in ordered)
