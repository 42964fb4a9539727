"""Findings are ordered by their frames, and their kinds are the words of the report."""

from __future__ import annotations

from pathlib import Path

from odyssey_ros.dataset.report.finding import Finding, FindingKind


def test_findings_are_in_the_order_of_their_frames() -> None:
    late, early = Finding(7, 9, FindingKind.BLACK, "b"), Finding(2, 20, FindingKind.TORN, "a")
    assert sorted([late, early]) == [early, late]
    assert str(late.kind) == "black"


def test_the_docs_explain_each_kind() -> None:
    text = (Path(__file__).parents[3] / "docs" / "report.md").read_text(encoding="utf-8")
    for kind in FindingKind:
        assert f"| `{kind.value}` |" in text, kind
