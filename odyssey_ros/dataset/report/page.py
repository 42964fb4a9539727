"""The page: one HTML file that needs no other file, or several if the thumbnails are too many.

The page has a strict policy: nothing is loaded, the style sheet and the script are those whose hashes it
names, and pictures are `data:` URIs. It depends only on the records, so that equal reports are equal files.
"""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.report.markup import Html, element, plain
from odyssey_ros.dataset.report.page_episode import episode_section
from odyssey_ros.dataset.report.page_findings import findings_section
from odyssey_ros.dataset.report.page_totals import plots_section, prompts_section, totals_section
from odyssey_ros.dataset.report.totals import totals_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from odyssey_ros.dataset.report.episode_record import EpisodeRecord

MAX_SINGLE_PAGE: Final = 24 * 1024 * 1024
"""Characters of all episodes with their thumbnails up to which there is one page."""

MAX_PART: Final = 8 * 1024 * 1024
"""Characters of the episodes in a part, if there are several; a single episode may have more."""

_SECTIONS: Final = (
    ("totals", "Totals"),
    ("plots", "Plots"),
    ("findings", "Findings"),
    ("prompts", "Prompts"),
    ("episodes", "Episodes"),
)


def write_pages(
    title: str,
    episodes: Sequence[EpisodeRecord],
    sizes: Sequence[int],
    thresholds: Mapping[str, float],
    *,
    load: Callable[[EpisodeRecord], EpisodeRecord],
    add_part: Callable[[str], str],
) -> tuple[str, list[str]]:
    """Return the page and the file names of its parts, which are written.

    Args:
        title: Name of the dataset.
        episodes: The episodes in order, without thumbnails.
        sizes: Length of the `episode_section` of each episode, with its thumbnails.
        thresholds: The thresholds of the findings.
        load: Returns an episode with its thumbnails.
        add_part: Writes a part, and returns its file name.
    """
    if sum(sizes) <= MAX_SINGLE_PAGE:
        return _index(title, episodes, [episode_section(load(each)) for each in episodes], thresholds), []
    sections: list[Html] = []
    parts: list[str] = []
    for group in _parts(episodes, sizes):
        part = add_part(_part(title, group, [episode_section(load(each)) for each in group]))
        parts.append(part)
        sections += (episode_section(each, part=part) for each in group)
    return _index(title, episodes, sections, thresholds), parts


def _parts(episodes: Sequence[EpisodeRecord], sizes: Sequence[int]) -> Iterator[list[EpisodeRecord]]:
    group: list[EpisodeRecord] = []
    total = 0
    for episode, size in zip(episodes, sizes, strict=True):
        if group and total + size > MAX_PART:
            yield group
            group, total = [], 0
        group.append(episode)
        total += size
    yield group


def _index(
    title: str, episodes: Sequence[EpisodeRecord], sections: Iterable[Html], thresholds: Mapping[str, float]
) -> str:
    totals = totals_of(episodes)
    links = (element("li", element("a", text, href=f"#{name}")) for name, text in _SECTIONS)
    return _document(
        f"Report on {title}",
        element("nav", element("ul", links), aria_label="Sections"),
        [
            totals_section(totals),
            plots_section(episodes),
            findings_section(totals, episodes, thresholds),
            prompts_section(totals),
            _episodes(sections),
        ],
    )


def _part(title: str, episodes: Sequence[EpisodeRecord], sections: Iterable[Html]) -> str:
    back = element("nav", element("a", "All episodes", href="index.html"), aria_label="Pages")
    return _document(
        f"Report on {title}: {episodes[0].name} to {episodes[-1].name}", back, [_episodes(sections)]
    )


def _episodes(sections: Iterable[Html]) -> Html:
    return element("section", element("h2", "Episodes"), sections, id="episodes")


def _document(title: str, navigation: Html, content: Iterable[Html]) -> str:
    style, script = _asset("page.css"), _asset("page.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    search = element(
        "form",
        element("label", "Search episodes, prompts and findings", for_="search"),
        element("input", id="search", type="search", autocomplete="off", spellcheck="false"),
        element("p", id="found", role="status"),
        id="search-form",
        role="search",
        hidden=True,
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="color-scheme", content="light dark"),
        # Without it, browsers ask the server of a page for /favicon.ico.
        element("link", rel="icon", href="data:,"),
        element("title", plain(title)),
        element("style", style),
    )
    body = element(
        "body",
        element("header", element("h1", title), navigation, search),
        element("main", content),
        element("script", script),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _asset(name: str) -> Html:
    path = resources.files("odyssey_ros.dataset.report") / name
    return Html(path.read_text(encoding="utf-8"))


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
