"""The page as a whole: complete in itself, safe with any text, and split when it is large."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from odyssey_ros.dataset.report import page
from odyssey_ros.dataset.report.page import write_pages
from odyssey_ros.dataset.report.page_episode import episode_section

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from odyssey_ros.dataset.report.episode_record import EpisodeRecord

HOSTILE = (
    "</div></article><script>alert(1)</script><img src=x onerror=alert(2)>",
    "</style><style>*{display:none}</style><link rel=stylesheet href=https://example.com/x.css>",
    "'\"><svg onload=alert(3)><iframe src=javascript:alert(4)>",
    "\u202eright to left\u202c \u2066isolate \ud800 \x00 \x1b[31m",
    "שלום עולם، مرحبا بالعالم",
    "🦊👩‍🚀🏳️‍🌈" * 20,
    "word " * 2000,
    "x" * 10_000,
    "{{7*7}} ${7*7} <%= 7*7 %> &lt;b&gt; <!-- -->",
)


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: dict[str, list[dict[str, str | None]]] = {}
        self.texts: list[str] = []
        self.inline: dict[str, str] = {}
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.setdefault(tag, []).append(dict(attrs))
        if tag not in ("br", "img", "input", "link", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] and self.open[-1] in ("style", "script"):
            self.inline[self.open[-1]] = data
        self.texts.append(data)

    def attributes(self, name: str) -> list[str]:
        """Return the values of an attribute, in all elements."""
        return [str(each[name]) for tags in self.tags.values() for each in tags if name in each]


def made(records: Sequence[EpisodeRecord], title: str = "walks") -> tuple[str, dict[str, str], list[str]]:
    """Return the page, its parts by their names, and the names in order."""
    parts: dict[str, str] = {}

    def add_part(text: str) -> str:
        name = f"pictures-{len(parts)}.html"
        parts[name] = text
        return name

    by_name = {record.name: record for record in records}
    index, names = write_pages(
        title,
        [record.without_thumbnails() for record in records],
        [len(episode_section(record)) for record in records],
        {"frozen_s": 0.3},
        load=lambda record: by_name[record.name],
        add_part=add_part,
    )
    return index, parts, names


def test_hostile_texts_add_nothing(record: Callable[..., EpisodeRecord]) -> None:
    def page_of(texts: Sequence[str]) -> Page:
        records = [
            record(
                f"episode {at}" if texts is plain else f"{text[:300]}{at}",
                [text, text],
                findings=[(2, 4, "frozen", text)],
                losses={text[:300]: 1},
                stream_id=text,
            )
            for at, text in enumerate(texts)
        ]
        records.append(record("last", [], error=f"BAG_BROKEN: {texts[0]}"))
        return Page(made(records, title=texts[0])[0])

    plain = [f"text {at}" for at in range(len(HOSTILE))]
    expected, found = page_of(plain), page_of(HOSTILE)
    extra = {"code", "details", "summary", "span", "div"}  # hidden characters, and long texts
    assert set(found.tags) - {"code"} == set(expected.tags)
    for tag in expected.tags.keys() - extra:
        assert len(found.tags[tag]) == len(expected.tags[tag]), tag
    assert found.inline == expected.inline
    names = {name for tags in found.tags.values() for each in tags for name in each}
    assert not any(name.startswith("on") or name == "style" for name in names)
    text = "".join(found.texts)
    for hostile in HOSTILE:
        if not re.search(r"[\x00-\x1f\ud800\u202e]", hostile):
            assert hostile in text


def test_the_page_needs_no_other_file(record: Callable[..., EpisodeRecord]) -> None:
    text, parts, _ = made([record("a"), record("b", findings=[(1, 1, "torn", "x")])])
    found = Page(text)
    assert parts == {}
    assert all(value.startswith("data:image/jpeg;base64,") for value in found.attributes("src"))
    assert {link for link in found.attributes("href") if not link.startswith("#")} == {"data:,"}
    assert "url(" not in found.inline["style"]
    assert "@import" not in found.inline["style"]
    assert "http" not in found.inline["script"]
    assert not {"iframe", "object", "embed", "base"} & set(found.tags)


def test_the_policy_allows_only_the_inline_style_and_script(record: Callable[..., EpisodeRecord]) -> None:
    found = Page(made([record()])[0])
    (policy,) = (each["content"] for each in found.tags["meta"] if each.get("http-equiv"))
    rules = dict(rule.strip().split(" ", 1) for rule in str(policy).split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:"
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(found.inline[kind].encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"
    names = [next(iter(each)) for each in found.tags["meta"]]
    assert names.index("http-equiv") == 1, "the policy precedes what it governs"


def test_ids_are_unique_and_links_lead_to_them(record: Callable[..., EpisodeRecord]) -> None:
    records = [record(f"walk {at}", ["a fox"], findings=[(1, 1, "torn", "x")]) for at in range(5)]
    found = Page(made(records)[0])
    identities = found.attributes("id")
    assert len(set(identities)) == len(identities)
    assert {link[1:] for link in found.attributes("href") if link.startswith("#")} <= set(identities)
    assert found.attributes("for") == ["search"]
    assert found.tags["html"][0]["lang"] == "en"
    assert all(each["alt"] for each in found.tags["img"])


def test_a_page_without_episodes() -> None:
    Page(made([])[0])


def test_equal_records_make_equal_pages(record: Callable[..., EpisodeRecord]) -> None:
    assert made([record("a"), record("b")]) == made([record("a"), record("b")])


def test_a_large_report_has_parts(record: Callable[..., EpisodeRecord], monkeypatch: Any) -> None:
    records = [record(f"walk-{at}", [f"prompt {at}"]) for at in range(7)]
    size = len(episode_section(records[0]))
    monkeypatch.setattr(page, "MAX_SINGLE_PAGE", 7 * size)
    assert made(records)[2] == []
    monkeypatch.setattr(page, "MAX_SINGLE_PAGE", 7 * size - 1)
    monkeypatch.setattr(page, "MAX_PART", 3 * size)
    text, parts, names = made(records)
    assert len(names) == 3
    index = Page(text)
    assert "img" not in index.tags
    found = {name: Page(part) for name, part in parts.items()}
    assert sum(len(part.tags["img"]) for part in found.values()) == 2 * 7
    for at in range(7):
        part = names[at // 3]
        assert f"{part}#episode-walk-{at}" in index.attributes("href")
        assert f"episode-walk-{at}" in found[part].attributes("id")
        assert f"prompt {at}" in index.texts
    assert all("index.html" in part.attributes("href") for part in found.values())


@pytest.mark.parametrize("limit", [0, 1])
def test_an_episode_that_is_larger_than_a_part_has_its_own(
    limit: int, record: Callable[..., EpisodeRecord], monkeypatch: Any
) -> None:
    monkeypatch.setattr(page, "MAX_SINGLE_PAGE", limit)
    monkeypatch.setattr(page, "MAX_PART", limit)
    assert len(made([record("a"), record("b")])[2]) == 2
