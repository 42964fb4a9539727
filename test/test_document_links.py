"""The links between the README and the pages in docs lead to files and headings that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
PAGES = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]


def prose_of(page: Path) -> str:
    """Return the text of a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_leads_to_a_file_and_a_heading(page):
    targets = re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose_of(page))
    broken = []
    for target in targets:
        file, _, anchor = target.partition("#")
        linked = page.parent / file if file else page
        if not linked.is_file() or (anchor and anchor not in anchors_of(linked)):
            broken.append(target)
    assert not broken


def test_the_readme_links_to_pages():
    linked = set(re.findall(r"\]\((docs/\w+\.md)", PAGES[0].read_text(encoding="utf-8")))
    assert len(linked) >= 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_page_has_one_title_and_no_repeated_heading(page):
    headings = re.findall(r"^(#+) (.+)$", prose_of(page), re.MULTILINE)
    assert [level for level, _ in headings].count("#") == 1
    assert len({text for _, text in headings}) == len(headings)
