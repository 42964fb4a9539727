"""Positions, indentation and texts of the script editor, run in Chromium."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture(scope="module")
def page(module_page: Page) -> Page:
    """A page that the tests of the file share: none of them changes it."""
    return module_page


def run(page: Page, module: str, expression: str) -> Any:
    """Return the value of an expression with a module of the page as `m`."""
    return page.evaluate(
        f"async () => {{ const m = await import('/static/{module}'); return {expression}; }}"
    )


def edited(page: Page, call: str, text: str) -> str:
    """Return a text after an edit, with the selection in brackets."""
    start = text.index("[")
    end = text.index("]") - 1
    plain = text.replace("[", "").replace("]", "")
    edit = run(page, "script_text.js", f"m.{call}({plain!r}, {start}, {end})")
    changed = plain[: edit["start"]] + edit["text"] + plain[edit["end"] :]
    first, last = edit["selectionStart"], edit["selectionEnd"]
    return f"{changed[:first]}[{changed[first:last]}]{changed[last:]}"


def test_positions_count_characters_as_the_server_does(page: Page) -> None:
    text = "'a\\n\\u{1F600}b\\nc'"
    assert run(page, "script_text.js", f"m.lineCount({text})") == 3
    positions = "[[1,1],[1,2],[2,1],[2,2],[2,3],[3,1],[9,9]]"
    found = run(
        page, "script_text.js", f"{positions}.map(([line, column]) => m.positionOf({text}, line, column))"
    )
    assert found == [0, 1, 2, 4, 5, 6, 7]


def test_tab_indents_and_outdents(page: Page) -> None:
    assert edited(page, "indented", "a[]b") == "a []b"
    assert edited(page, "indented", "ab[]") == "ab  []"
    assert edited(page, "indented", "[a\n\nb]") == "  [a\n\n  b]"
    assert edited(page, "indented", "[a\n]b") == "  [a\n]b"
    assert edited(page, "outdented", "x\n   a[]") == "x\n a[]"
    assert edited(page, "outdented", "  [a\n b]") == "[a\nb]"
    assert edited(page, "outdented", "a[]") == "a[]"
    assert edited(page, "newLine", "x\n  a[]b") == "x\n  a\n  []b"
    assert edited(page, "newLine", " [] a") == " \n [] a"


def test_texts(page: Page) -> None:
    durations = run(page, "script_texts.js", "[0.8, 9, 59.94, 65, 600].map(m.durationText)")
    assert durations == ["0.8 s", "9 s", "59.9 s", "1:05 min", "10:00 min"]
    summary = (
        "{scripts: 2, prompts: 1, duration_s: [4, 5], portrait: false, portrait_in_text: false, "
        "bypass_prompt_expansion: true}"
    )
    assert run(page, "script_texts.js", f"m.summaryText({summary})") == (
        "2 scripts · 1 prompt · 9 s of video · landscape, 1280 x 704 (chosen here) · prompts as they are"
    )
    assert run(page, "job_texts.js", "m.pageText(20, 5, 25)") == "21 to 25 of 25 jobs"
    assert run(page, "job_texts.js", "m.pageText(0, 0, 0)") == "0 jobs"
    assert run(page, "job_texts.js", "m.clockText(null)") == "–"
    assert run(page, "job_texts.js", "m.shortId('01234567-89ab-cdef-0123-456789abcdef')") == "01234567…cdef"


def test_an_older_state_does_not_replace_a_newer_one(page: Page) -> None:
    rows, newer = (
        json.dumps([{"job_id": name, "status": status} for name, status in zip("abc", states, strict=True)])
        for states in (("processing", "completed", "pending"), ("pending", "cancelled", "failed"))
    )
    merged = run(page, "job_texts.js", f"m.mergedRows({rows}, {newer})")
    assert [row["status"] for row in merged] == ["processing", "completed", "failed"]


def test_checks_follow_the_typing(page: Page) -> None:
    """One request at a time; the result of a text that has changed meanwhile is dropped."""
    seen = page.evaluate(
        """async () => {
            const { ScriptChecker } = await import('/static/script_checker.js');
            const sent = [], results = [], waiting = [];
            let text = 'a';
            const send = (request) => new Promise((done) => { sent.push(request); waiting.push(done); });
            const next = async () => {
                while (waiting.length === 0) await new Promise((done) => setTimeout(done, 1));
                waiting.shift()(sent.at(-1));
            };
            const checker = new ScriptChecker(send, () => text, (one) => results.push(one), () => {}, 0);
            checker.schedule();
            while (waiting.length === 0) await new Promise((done) => setTimeout(done, 1));
            for (text of ['ab', 'abc']) checker.schedule();
            await new Promise((done) => setTimeout(done, 20));
            const during = sent.length;
            await next();
            await next();
            while (results.length === 0) await new Promise((done) => setTimeout(done, 1));
            return { during, sent, results };
        }"""
    )
    assert seen == {"during": 1, "sent": ["a", "abc"], "results": ["abc"]}
