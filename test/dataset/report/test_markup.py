"""Elements whose texts are always escaped."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from odyssey_ros.dataset.report.markup import Html, anchor, element, escaped, plain


def test_texts_and_attributes_are_escaped() -> None:
    made = element("p", "<b>&\"'", title="\"><script>'")
    assert made == ('<p title="&quot;&gt;&lt;script&gt;&#x27;">&lt;b&gt;&amp;&quot;&#x27;</p>')


def test_elements_contain_elements_and_iterables() -> None:
    made = element("ul", (element("li", text) for text in ("a", "<")), ["b", Html("<br>")], class_="x")
    assert made == '<ul class="x"><li>a</li><li>&lt;</li>b<br></ul>'


def test_attributes_without_a_value() -> None:
    made = element("input", hidden=True, open=False, id=None, aria_label="x", for_="y", name="z")
    assert made == '<input hidden aria-label="x" for="y" name="z">'


@pytest.mark.parametrize("character", "\u202e\u2066\u2069\u200f\u0000\u0085\ufeff\ud800\uffff\U000e0041")
def test_hidden_characters_are_shown_by_their_numbers(character: str) -> None:
    number = f"U+{ord(character):04X}"
    assert escaped(f"a{character}<") == f'a<code class="hidden-character">{number}</code>&lt;'
    assert plain(f"a{character}<") == f"a[{number}]<"
    element("p", character, title=character).encode("utf-8")


def test_scripts_and_emojis_stay() -> None:
    text = "雨 שלום می‌خواهم 👩‍🚀 🏳️‍🌈\tnew\nline"
    assert escaped(text) == text


def test_anchors_of_any_name_are_ids() -> None:
    names = ["walk-1", "walk 1", "walk/1", "../x", "\ud800", "<b>", "a" * 300]
    anchors = [anchor(name) for name in names]
    assert anchors[0] == "episode-walk-1"
    assert len(set(anchors)) == len(names)
    assert all(text.isascii() and text.replace("-", "").replace("_", "").isalnum() for text in anchors)


def test_a_text_is_never_markup() -> None:
    class Seen(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.tags: list[str] = []
            self.text = ""

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.tags.append(tag)

        def handle_data(self, data: str) -> None:
            self.text += data

    hostile = "</p><script>alert(1)</script><!-- <img src=x onerror=alert(1)> ]]> &lt; &#60;"
    seen = Seen()
    seen.feed(element("p", hostile, title=hostile))
    assert (seen.tags, seen.text) == (["p"], hostile)
