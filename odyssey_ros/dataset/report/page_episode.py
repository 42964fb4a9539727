"""The section of an episode: facts, findings with their frames, and a strip of thumbnails for each prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.dataset.report.episode_task import MAX_SHOWN_FINDINGS, frames_of
from odyssey_ros.dataset.report.markup import Html, anchor, element
from odyssey_ros.dataset.report.page_findings import frames_text, kind_text
from odyssey_ros.dataset.report.page_texts import long_text, seconds_text, time_text
from odyssey_ros.dataset.report.plots import line
from odyssey_ros.dataset.report.thumbnails import thumbnail_size
from odyssey_ros.dataset.report.totals import UNREADABLE, rate_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odyssey_ros.dataset.report.episode_record import EpisodeRecord
    from odyssey_ros.dataset.report.finding import Finding


def episode_section(record: EpisodeRecord, *, part: str = "") -> Html:
    """Return the section of an episode.

    Args:
        record: The episode. Without thumbnails, only texts are shown.
        part: File name of the page that has the thumbnails, if it is another one.
    """
    report = record.report
    identity = anchor(record.name)
    badges = [UNREADABLE] if report.error else sorted({str(found.kind) for found in report.findings})
    return element(
        "article",
        element(
            "h3",
            element("a", record.name, href=f"#{identity}"),
            *(element("span", kind_text(kind), class_="badge") for kind in badges),
        ),
        element("p", " · ".join(_facts(record)), class_="facts"),
        element("p", element("a", "Pictures of this episode", href=f"{part}#{identity}")) if part else "",
        element("p", report.error, class_="error") if report.error else "",
        _findings(record),
        _prompts(record),
        _more(record),
        class_="episode",
        id=identity,
        tabindex=-1,
    )


def _facts(record: EpisodeRecord) -> list[str]:
    report = record.report
    facts = [f"{report.frames:,} frames"]
    if not report.error:
        facts += [seconds_text(report.duration_s), rate_text(report.rate_hz)]
    facts += [f"{width}x{height}" for width, height in report.sizes]
    return [*facts, report.images]


def _findings(record: EpisodeRecord) -> Html:
    findings = record.report.findings
    if not findings:
        return Html()
    items = [_finding(record, found) for found in findings[:MAX_SHOWN_FINDINGS]]
    further = findings[MAX_SHOWN_FINDINGS:]
    if further:
        items.append(
            element(
                "details",
                element("summary", f"{len(further):,} further findings, without pictures"),
                element("ul", (element("li", _finding_text(found)) for found in further)),
            )
        )
    return element("div", element("h4", "Findings"), items, class_="findings")


def _finding(record: EpisodeRecord, found: Finding) -> Html:
    frames = []
    for position in frames_of(found, record.report.frames):
        place = "before" if position < found.first else "after" if position > found.last else ""
        frames.append(_thumbnail(record, position, place))
    return element(
        "div", element("p", _finding_text(found)), element("div", frames, class_="strip"), class_="finding"
    )


def _finding_text(found: Finding) -> list[str]:
    return [
        element("strong", kind_text(found.kind.value)),
        f", {frames_text(found.first, found.last)}: {found.text}",
    ]


def _prompts(record: EpisodeRecord) -> Html:
    items = []
    for span in record.report.prompts:
        end = span.start_s + span.duration_s
        frames = [position for position in record.strip if span.first <= position <= span.last]
        text = long_text(span.prompt) if span.prompt else element("div", element("em", "no prompt"))
        items.append(
            element(
                "li",
                text,
                element(
                    "p",
                    f"{frames_text(span.first, span.last)}, {span.start_s:,.2f} to {seconds_text(end)}",
                    class_="facts",
                ),
                element("div", (_thumbnail(record, position) for position in frames), class_="strip"),
            )
        )
    return element("ol", items, class_="prompts") if items else Html()


def _thumbnail(record: EpisodeRecord, position: int, place: str = "") -> Html:
    uri = record.thumbnails.get(position)
    if uri is None:
        return Html()
    # Pictures of several sizes are rare; then the page does not say in advance how large they are.
    sizes = record.report.sizes
    width, height = thumbnail_size(*sizes[0]) if len(sizes) == 1 else (None, None)
    name = f"frame {position}"
    return element(
        "figure",
        element("img", src=uri, alt=f"Picture of {name}", width=width, height=height, loading="lazy"),
        element("figcaption", f"{place}: {name}" if place else name),
        class_="near" if place else None,
    )


def _more(record: EpisodeRecord) -> Html:
    report = record.report
    rows = [("Stream", report.stream_id), ("Start", time_text(report.start_time_ns))]
    if report.losses:
        rows.append(("Losses", _loss_text(report.losses.items())))
    plot = line(
        record.distances,
        title=f"Time between the frames of {record.name}",
        x_label="media time (s)",
        y_label="distance (ms)",
        marks=[span.start_s for span in report.prompts[1:]],
    )
    explanation = "Vertical lines show where the prompt changes." if len(report.prompts) > 1 else ""
    return element(
        "details",
        element("summary", "Times and origin"),
        element("dl", ([element("dt", name), element("dd", value)] for name, value in rows), class_="origin"),
        element("figure", element("figcaption", f"Time between frames. {explanation}"), plot) if plot else "",
    )


def _loss_text(losses: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count}" for name, count in losses)
