"""The part of the page that lists all findings by their kinds, with links to the episodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.report.markup import Html, element
from odyssey_ros.dataset.report.page_links import episode_link, table
from odyssey_ros.dataset.report.totals import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from odyssey_ros.dataset.report.episode_record import EpisodeRecord
    from odyssey_ros.dataset.report.totals import Group, Totals

MAX_ROWS: Final = 2000
"""Findings of one kind in the list; the sections of the episodes have all."""

KINDS: Final = {
    "frozen": "the picture does not change for a while",
    "black": "pictures are black",
    "repeated": "a moving video shows pictures twice",
    "torn": "a part of a picture belongs to another picture, or is damaged",
    "missing": "frames are not there, or could not be decoded",
    "time_jump": "the media time goes back, stops or jumps",
    "no_effect": "the pictures do not change after a prompt",
    "unlogged_prompt": "the pictures change as after a prompt, but none is logged",
    UNREADABLE: "the episode cannot be read",
}
"""What each kind of finding means."""


def findings_section(
    totals: Totals, records: Sequence[EpisodeRecord], thresholds: Mapping[str, float]
) -> Html:
    """Return the findings of all episodes, and the thresholds with which they were found."""
    limits = table(
        ("Threshold", "Value"),
        ((name, f"{value:g}") for name, value in sorted(thresholds.items())),
        label="Thresholds",
    )
    return element(
        "section",
        element("h2", "Findings"),
        [_kind(group, records) for group in totals.findings]
        or element("p", "Nothing was found.", class_="nothing"),
        element("details", element("summary", "Thresholds"), limits) if thresholds else "",
        id="findings",
    )


def kind_text(kind: str) -> str:
    """Return the name of a kind of finding, to be read."""
    return kind.replace("_", " ")


def frames_text(first: int, last: int) -> str:
    """Return the frames of a finding as a text."""
    return f"frame {first}" if first == last else f"frames {first} to {last}"


def _kind(group: Group, records: Sequence[EpisodeRecord]) -> Html:
    members = frozenset(group.episodes)
    rows = list(_rows(group.text, (record for record in records if record.name in members)))
    more = len(rows) - MAX_ROWS
    heading = element(
        "summary",
        element("span", kind_text(group.text), class_="badge"),
        f" {group.count:,} in {len(group.episodes):,} episodes",
        element("span", f" — {KINDS[group.text]}", class_="note") if group.text in KINDS else "",
    )
    return element(
        "details",
        heading,
        table(("Episode", "Frames", "What"), rows[:MAX_ROWS], label=kind_text(group.text)),
        element("p", f"{more:,} further findings are only in the episodes.") if more > 0 else "",
        id=f"finding-{group.text}",
        open=len(rows) <= 20,
    )


def _rows(kind: str, records: Iterator[EpisodeRecord]) -> Iterator[tuple[str | Html, ...]]:
    for record in records:
        link = episode_link(record.name)
        if kind == UNREADABLE:
            yield link, "", record.report.error
            continue
        for found in record.report.findings:
            if found.kind.value == kind:
                yield link, frames_text(found.first, found.last), found.text
