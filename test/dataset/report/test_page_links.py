"""Links to episodes, and tables."""

from __future__ import annotations

from odyssey_ros.dataset.report.page_links import MAX_LINKS, episode_link, episode_links, table


def test_a_link_leads_to_the_section_of_an_episode() -> None:
    assert episode_link("walk-1") == '<a href="#episode-walk-1">walk-1</a>'


def test_few_links_are_shown_and_many_can_be_opened() -> None:
    assert "<details>" not in episode_links(["a", "b", "c"])
    many = episode_links([f"e{at}" for at in range(MAX_LINKS + 50)])
    assert many.startswith(f"<details><summary>{MAX_LINKS + 50} episodes</summary>")
    assert many.count("<a ") == MAX_LINKS
    assert "and 50 more" in many


def test_a_table_has_headings_for_columns_and_rows() -> None:
    made = table(("Kind", "Count"), [("<a>", "1"), ("b", "2")], label="Kinds", caption=True)
    assert made.count('scope="col"') == made.count('scope="row"') == 2
    assert "&lt;a&gt;" in made
    assert "<caption>Kinds</caption>" in made
    assert 'aria-label="Kinds"' in made
    assert "<caption>" not in table(("Kind", "Count"), [], label="Kind")
