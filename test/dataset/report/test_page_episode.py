"""The section of an episode."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.report.episode_task import MAX_SHOWN_FINDINGS
from odyssey_ros.dataset.report.page_episode import episode_section

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.dataset.report.episode_record import EpisodeRecord


def captions_of(html: str) -> list[str]:
    """Return the texts below the pictures."""
    return re.findall(r"<img [^>]*><figcaption>([^<]*)</figcaption>", html)


def test_each_prompt_has_a_strip(record: Callable[..., EpisodeRecord]) -> None:
    made = episode_section(record("walk", ["a fox", ""]))
    assert captions_of(made) == ["frame 0", "frame 9", "frame 10", "frame 19"]
    assert made.count('<div class="strip">') == 2
    assert 'alt="Picture of frame 19" width="160" height="88" loading="lazy"' in made
    for text in (
        "20 frames · 1.00 s · 20 Hz · 1280x704 · h264",
        "frames 10 to 19, 0.50 to 1.00 s",
        "no prompt",
    ):
        assert text in made


def test_a_finding_has_its_frames_and_neighbours(record: Callable[..., EpisodeRecord]) -> None:
    made = episode_section(record("walk", findings=[(3, 7, "frozen", "for 0.2 s")]))
    assert captions_of(made)[:5] == ["before: frame 2", "frame 3", "frame 5", "frame 7", "after: frame 8"]
    assert '<span class="badge">frozen</span>' in made
    assert "frames 3 to 7: for 0.2 s" in made


def test_many_findings_have_no_pictures(record: Callable[..., EpisodeRecord]) -> None:
    made = episode_section(record("walk", ["x"] * 9, findings=[(at, at, "torn", "") for at in range(80)]))
    assert made.count('class="finding"') == MAX_SHOWN_FINDINGS
    assert f"{80 - MAX_SHOWN_FINDINGS} further findings" in made


@pytest.mark.parametrize("sizes", [((1280, 704), (704, 1280)), ()])
def test_pictures_of_several_sizes(
    sizes: tuple[tuple[int, int], ...], record: Callable[..., EpisodeRecord]
) -> None:
    made = episode_section(record("walk", sizes=sizes))
    assert "width=" not in "".join(re.findall(r"<img [^>]*>", made))


def test_an_episode_that_cannot_be_read(record: Callable[..., EpisodeRecord]) -> None:
    made = episode_section(record("walk", [], error="BAG_BROKEN: <cut>", losses={"clamped_times": 2}))
    assert "BAG_BROKEN: &lt;cut&gt;" in made
    assert '<span class="badge">unreadable</span>' in made
    assert "clamped_times 2" in made


def test_a_section_without_pictures_leads_to_them(record: Callable[..., EpisodeRecord]) -> None:
    made = episode_section(record("walk").without_thumbnails(), part="pictures-1.html")
    assert "<img" not in made
    assert 'href="pictures-1.html#episode-walk"' in made
    assert "a fox" in made
