"""The parts of the page about the whole dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.dataset.report import page_totals
from odyssey_ros.dataset.report.page_totals import plots_section, prompts_section, totals_section
from odyssey_ros.dataset.report.totals import totals_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.dataset.report.episode_record import EpisodeRecord


def test_totals_lead_to_episodes(record: Callable[..., EpisodeRecord]) -> None:
    totals = totals_of([record("a"), record("b", sizes=((704, 1280),), losses={"missing_pictures": 2})])
    made = totals_section(totals)
    for text in (
        '<a href="#episodes">Episodes</a>',
        "704x1280",
        "missing_pictures",
        "20 Hz",
        "encoded pictures gave",
    ):
        assert text in made
    assert '<a href="#episode-b">b</a>' in made
    assert "What was lost" not in totals_section(totals_of([record("a")]))


def test_hours(record: Callable[..., EpisodeRecord]) -> None:
    assert ">0.0001<" in totals_section(totals_of([record("a")]))
    assert ">2.50<" in totals_section(totals_of([record("a", duration_s=9000.0)]))


def test_plots_of_readable_episodes(record: Callable[..., EpisodeRecord]) -> None:
    broken = record("b", [], error="BAG_BROKEN: x", rate_hz=0.0)
    made = plots_section([record("a"), broken])
    assert made.count("<svg") == 2
    assert 'href="#episode-a"' in made
    assert 'href="#episode-b"' not in made
    assert "No episode could be read." in plots_section([broken])


def test_prompts(record: Callable[..., EpisodeRecord], monkeypatch) -> None:
    totals = totals_of([record("a", ["fox", ""]), record("b", ["fox", "<i>"])])
    made = prompts_section(totals)
    assert "3 different prompts" in made
    assert "<em>no prompt</em>" in made
    assert "&lt;i&gt;" in made
    monkeypatch.setattr(page_totals, "MAX_PROMPT_ROWS", 1)
    assert "2 further prompts" in prompts_section(totals)
