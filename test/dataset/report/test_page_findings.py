"""The list of all findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.dataset.report import page_findings
from odyssey_ros.dataset.report.finding import FindingKind
from odyssey_ros.dataset.report.page_findings import KINDS, findings_section, frames_text
from odyssey_ros.dataset.report.totals import totals_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.dataset.report.episode_record import EpisodeRecord


def test_findings_by_kind_with_links(record: Callable[..., EpisodeRecord], monkeypatch) -> None:
    records = [
        record("a", findings=[(1, 2, "black", "<dark>"), (5, 5, "time_jump", "back by 1 s")]),
        record("b", findings=[(3, 8, "black", "dark")]),
        record("c", [], error="BAG_BROKEN: <it>"),
    ]
    made = findings_section(totals_of(records), records, {"frozen_s": 0.25})
    for text in (
        'id="finding-black"',
        "2 in 2 episodes",
        "frames 1 to 2",
        "&lt;dark&gt;",
        "frame 5",
        "time jump",
        "BAG_BROKEN: &lt;it&gt;",
        'href="#episode-c"',
        "frozen_s",
        "0.25",
    ):
        assert text in made
    monkeypatch.setattr(page_findings, "MAX_ROWS", 1)
    assert "1 further findings" in findings_section(totals_of(records), records, {})


def test_nothing_found(record: Callable[..., EpisodeRecord]) -> None:
    assert "Nothing was found." in findings_section(totals_of([record()]), [record()], {})


def test_each_kind_has_a_meaning() -> None:
    assert set(KINDS) == {*map(str, FindingKind), "unreadable"}


def test_frames() -> None:
    assert (frames_text(4, 4), frames_text(4, 6)) == ("frame 4", "frames 4 to 6")
