"""Totals, and the episodes that they count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.dataset.report.totals import kinds_of, rate_text, totals_json, totals_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.dataset.report.episode_record import EpisodeRecord


def test_totals(record: Callable[..., EpisodeRecord]) -> None:
    records = [
        record("a", ["fox", "rain"], losses={"missing_pictures": 3}),
        record("b", ["fox"], rate_hz=29.97, sizes=((704, 1280),), images="jpeg"),
        record(
            "c",
            ["rain", "fox", "rain"],
            findings=[(1, 2, "black", ""), (4, 4, "torn", ""), (6, 7, "black", "")],
        ),
        record("d", [], error="BAG_BROKEN: x", frames=7, losses={"new_kind": 1, "missing_pictures": 1}),
    ]
    totals = totals_of(records)
    assert (totals.episodes, totals.frames, totals.seconds) == (4, 67, 3.0)
    assert (totals.runs, totals.flagged) == (6, 2)
    assert [(group.text, group.count, group.episodes) for group in totals.sizes] == [
        ("1280x704", 3, ("a", "c", "d")),
        ("704x1280", 1, ("b",)),
    ]
    assert [(group.text, group.count) for group in totals.images] == [("h264", 3), ("jpeg", 1)]
    assert [(group.text, group.episodes) for group in totals.rates] == [
        ("20 Hz", ("a", "c")),
        ("29.97 Hz", ("b",)),
    ]
    assert [(group.text, group.count, group.episodes) for group in totals.prompts] == [
        ("fox", 3, ("a", "b", "c")),
        ("rain", 3, ("a", "c")),
    ]
    assert [(group.text, group.count, group.episodes) for group in totals.findings] == [
        ("black", 2, ("c",)),
        ("torn", 1, ("c",)),
        ("unreadable", 1, ("d",)),
    ]
    assert [(group.text, group.count, group.note) for group in totals.losses] == [
        ("missing_pictures", 4, "encoded pictures gave no decoded picture, without an error"),
        ("new_kind", 1, "unknown to this version"),
    ]
    assert totals_json(totals) == {
        "episodes": 4,
        "flagged_episodes": 2,
        "frames": 67,
        "duration_s": 3.0,
        "prompts": 6,
        "different_prompts": 2,
        "sizes": {"1280x704": 3, "704x1280": 1},
        "images": {"h264": 3, "jpeg": 1},
        "rates": {"20 Hz": 2, "29.97 Hz": 1},
        "findings": {"black": 2, "torn": 1, "unreadable": 1},
        "losses": {"missing_pictures": 4, "new_kind": 1},
    }
    assert kinds_of(records[3]) == ["unreadable"]


def test_no_episodes() -> None:
    totals = totals_of([])
    assert (totals.episodes, totals.seconds, totals.findings) == (0, 0, ())


def test_rates_as_texts() -> None:
    assert [rate_text(rate) for rate in (0.0, 20.0, 29.97, 30.003, 100.0)] == [
        "unknown",
        "20 Hz",
        "29.97 Hz",
        "30 Hz",
        "100 Hz",
    ]
