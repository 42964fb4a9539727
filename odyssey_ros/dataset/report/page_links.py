"""Links of the page: from totals to episodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.report.markup import Html, anchor, element

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_LINKS: Final = 200
"""Episodes in one list of links; the search finds the others."""

_MAX_IN_LINE: Final = 3


def episode_link(name: str) -> Html:
    """Return a link to the section of an episode on the same page."""
    return element("a", name, href=f"#{anchor(name)}")


def episode_links(names: Sequence[str]) -> Html:
    """Return links to episodes; of more than a few, in a list that can be opened."""
    links = [episode_link(name) for name in names[:MAX_LINKS]]
    if len(names) <= _MAX_IN_LINE:
        return element("ul", (element("li", link) for link in links), class_="links")
    more = len(names) - len(links)
    items = [element("li", link) for link in links]
    if more:
        items.append(element("li", f"and {more} more"))
    return element(
        "details",
        element("summary", f"{len(names)} episodes"),
        element("ul", items, class_="links"),
    )


def table(
    headings: Sequence[str],
    rows: Iterable[Iterable[str | Html]],
    *,
    label: str,
    caption: bool = False,
) -> Html:
    """Return a table; the first cell of each row is its heading. It can be scrolled in a narrow window.

    Args:
        headings: The headings of the columns.
        rows: The cells.
        label: What the table contains.
        caption: Whether the label is shown; otherwise it is only for those who do not see the table.
    """
    head = element("tr", (element("th", text, scope="col") for text in headings))
    body = []
    for cells in rows:
        first, *others = cells
        body.append(
            element("tr", element("th", first, scope="row"), (element("td", cell) for cell in others))
        )
    return element(
        "div",
        element(
            "table",
            element("caption", label) if caption else "",
            element("thead", head),
            element("tbody", body),
        ),
        class_="wide",
        role="region",
        tabindex=0,
        aria_label=label,
    )
