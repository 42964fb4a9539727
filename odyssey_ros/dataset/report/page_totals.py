"""The parts of the page about the dataset as a whole: totals, plots, and all prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.report.markup import Html, element
from odyssey_ros.dataset.report.page_links import episode_links, table
from odyssey_ros.dataset.report.page_texts import long_text
from odyssey_ros.dataset.report.plots import bins_of, histogram, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.dataset.report.episode_record import EpisodeRecord
    from odyssey_ros.dataset.report.totals import Group, Totals

MAX_PROMPT_ROWS: Final = 2000
"""Different prompts in the table of prompts; the sections of the episodes have all."""


def totals_section(totals: Totals) -> Html:
    """Return the numbers, and tables that lead to the episodes behind them."""
    seconds = totals.seconds
    hours = f"{seconds / 3600:.2f}" if seconds >= 360 else f"{seconds / 3600:.4f}"
    found = sum(group.count for group in totals.findings)
    tiles = [
        _tile("Episodes", f"{totals.episodes:,}", link="episodes"),
        _tile("Frames", f"{totals.frames:,}"),
        _tile("Hours", hours, f"{seconds:,.1f} s", link="plots"),
        _tile("Prompts", f"{totals.runs:,}", f"{len(totals.prompts):,} different", link="prompts"),
        _tile("Findings", f"{found:,}", f"in {totals.flagged:,} episodes", link="findings"),
        _tile(
            "Losses",
            f"{sum(group.count for group in totals.losses):,}",
            "while it was made",
            link="losses" if totals.losses else "",
        ),
    ]
    tables = [
        _groups("Picture size", totals.sizes),
        _groups("Encoding", totals.images),
        _groups("Frame rate", totals.rates),
    ]
    losses = Html()
    if totals.losses:
        rows = (
            (group.text, f"{group.count:,}", group.note, episode_links(group.episodes))
            for group in totals.losses
        )
        losses = table(
            ("Loss", "Count", "Meaning", "Episodes"), rows, label="What was lost or guessed", caption=True
        )
    return element(
        "section",
        element("h2", "Totals"),
        element("dl", tiles, class_="tiles"),
        element("div", tables, class_="tables"),
        element("div", losses, id="losses") if losses else "",
        id="totals",
    )


def plots_section(records: Sequence[EpisodeRecord]) -> Html:
    """Return the histograms of durations and frame rates of the episodes that could be read."""
    readable = [record for record in records if not record.report.error]
    names = [record.name for record in readable]
    plots = [
        _plot("Durations", "duration (s)", names, [each.report.duration_s for each in readable]),
        _plot("Frame rates", "frame rate (Hz)", names, [each.report.rate_hz for each in readable]),
    ]
    return element(
        "section",
        element("h2", "Durations and frame rates"),
        element("div", plots, class_="plots") if readable else element("p", "No episode could be read."),
        id="plots",
    )


def prompts_section(totals: Totals) -> Html:
    """Return a table of all different prompts, those that were given most often first."""
    rows = (
        (
            long_text(group.text) if group.text else element("em", "no prompt"),
            f"{group.count:,}",
            episode_links(group.episodes),
        )
        for group in totals.prompts[:MAX_PROMPT_ROWS]
    )
    more = len(totals.prompts) - MAX_PROMPT_ROWS
    return element(
        "section",
        element("h2", "Prompts"),
        element(
            "details",
            element("summary", f"{len(totals.prompts):,} different prompts"),
            table(("Prompt", "Times", "Episodes"), rows, label="Prompts"),
            element("p", f"{more:,} further prompts are only in the episodes.") if more > 0 else "",
        ),
        id="prompts",
    )


def _tile(name: str, value: str, note: str = "", *, link: str = "") -> Html:
    return element(
        "div",
        element("dt", element("a", name, href=f"#{link}") if link else name),
        element("dd", element("span", value, class_="value"), element("small", note) if note else ""),
    )


def _groups(name: str, groups: Sequence[Group]) -> Html:
    rows = ((group.text, f"{group.count:,}", episode_links(group.episodes)) for group in groups)
    return table((name, "Episodes", "Which"), rows, label=name)


def _plot(name: str, label: str, names: Sequence[str], values: Sequence[float]) -> Html:
    if not values:
        return Html()
    bins = bins_of(values)
    title = f"{name} of {len(values)} episodes: {number(min(values))} to {number(max(values))}, {label}"
    rows = (
        (
            f"{number(each.low)} to {number(each.high)}",
            f"{len(each.members):,}",
            episode_links([names[member] for member in each.members]),
        )
        for each in bins
        if each.members
    )
    return element(
        "figure",
        element("figcaption", name),
        histogram(bins, title=title, x_label=label, y_label="episodes"),
        element(
            "details",
            element("summary", "Values"),
            table((label, "Count", "Episodes"), rows, label=f"{name}: values"),
        ),
    )
