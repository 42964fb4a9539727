"""The time line with prompts, and the texts about recordings, in a real Chromium without a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from console_graph import ConsoleProcess

PROMPTS = [
    {"position": 0, "prompt": "a sea"},
    {"position": 4, "prompt": "a desert"},
    {"position": 8, "prompt": ""},
]


@pytest.fixture(scope="module")
def console(lone_console: ConsoleProcess) -> ConsoleProcess:
    """A console without nodes."""
    return lone_console


@pytest.fixture
def script(module_page: Page) -> Callable[..., Any]:
    """Calls functions of a module of the page: `script("timeline_layout", "timeText(5)")`."""

    def call(module: str, expression: str) -> Any:
        return module_page.evaluate(f"async () => (await import('/static/{module}.js')).{expression}")

    return call


def test_marks_are_where_their_prompts_begin(script: Callable[..., Any]) -> None:
    """Each mark reaches to the next one; a prompt after the end is at the end."""
    marks = script("timeline_layout", "layoutMarks([{position: 0}, {position: 5}, {position: 30}], 20, 400)")
    assert [(mark["start"], mark["end"], mark["position"]) for mark in marks] == [
        (0, 0.25, 0), (0.25, 1, 5), (1, 1, 20),
    ]  # fmt: skip


def test_marks_that_are_too_close_become_one(script: Callable[..., Any]) -> None:
    """However many prompts there are, each mark has room for a finger."""
    marks = script(
        "timeline_layout",
        "layoutMarks(Array.from({length: 10000}, (_, index) => ({position: index / 100})), 100, 480)",
    )
    assert len(marks) == 20
    assert sum(mark["count"] for mark in marks) == 10000
    assert script("timeline_layout", "layoutMarks([{position: 0}], 0, 480)") == []
    assert script("timeline_layout", "layoutMarks([{position: 0}], null, 480)") == []
    assert script("timeline_layout", "layoutMarks([{position: 0}], 10, 0)") == []


@pytest.mark.parametrize(("position", "index"), [(-1, 0), (0, 0), (3.9, 0), (3.9999, 1), (4, 1), (99, 2)])
def test_prompt_in_force(script: Callable[..., Any], position: float, index: int) -> None:
    """Before the first prompt the first one is in force, as for the frames of a dataset."""
    prompts = "[{position: 0}, {position: 4}, {position: 8}]"
    assert script("timeline_layout", f"promptAt({prompts}, {position})") == index
    assert script("timeline_layout", f"promptAt([], {position})") == -1


@pytest.mark.parametrize(
    ("module", "call", "text"),
    [
        ("timeline_layout", "timeText(5.9)", "0:05"),
        ("timeline_layout", "timeText(3725)", "1:02:05"),
        ("timeline_layout", "timeText(null)", "–"),
        ("timeline_layout", "timeText(-3)", "0:00"),
        ("recording_texts", "startText(0, {locale: 'en-GB', timeZone: 'UTC'})", "1 Jan 1970, 00:00:00"),
        ("recording_texts", "startText(null)", "Start unknown"),
        (
            "recording_texts",
            "extentText({width: 1280, height: 704, duration: 65, ended_at: 9})",
            "1:05 · 1280 × 704",
        ),
        (
            "recording_texts",
            "extentText({width: null, height: null, duration: null, ended_at: null})",
            "size unknown",
        ),
        ("recording_texts", "rangeText(12, 5, 17)", "13–17 of 17"),
        ("recording_texts", "rangeText(0, 0, 0)", "No recordings"),
        ("recording_texts", "rangeText(24, 0, 17)", "None of 17"),
        ("recording_texts", "lossText({count: 3, text: 'entries were lost'})", "3 times: entries were lost"),
        ("recording_texts", "adviceText('SOMETHING')", ""),
    ],
)
def test_texts(script: Callable[..., Any], module: str, call: str, text: str) -> None:
    """Times, sizes and counts in words."""
    assert script(module, call) == text


@pytest.fixture
def line(page: Page) -> Page:
    """A page with a time line of ten seconds; `seeks` are the positions that were asked for."""
    page.evaluate(
        """async (prompts) => {
            const { createTimeline } = await import('/static/timeline.js');
            window.seeks = [];
            window.line = createTimeline({ label: 'Position', onSeek: (seconds) => seeks.push(seconds) });
            document.getElementById('view').replaceChildren(line.element);
            line.update({ duration: 10, position: 5, prompts });
        }""",
        PROMPTS,
    )
    expect(page.locator(".timeline-mark")).to_have_count(3)
    return page


def _seeks(page: Page) -> list[float]:
    return list(page.evaluate("window.seeks"))


def test_marks_seek_to_their_prompts(line: Page) -> None:
    """By mouse, and by the keys; one of the marks is reached with Tab."""
    line.get_by_role("button", name="0:04 a desert").click()
    line.keyboard.press("ArrowRight")
    expect(line.get_by_role("button", name="0:08 (empty prompt)")).to_be_focused()
    line.keyboard.press("Enter")
    line.keyboard.press("Home")
    expect(line.get_by_role("button", name="0:00 a sea")).to_be_focused()
    line.keyboard.press("Space")
    assert _seeks(line) == [4, 8, 0]
    assert line.locator('.timeline-mark[tabindex="0"]').count() == 1


def test_the_slider_steps_by_seconds_and_prompts(line: Page) -> None:
    """Screen readers hear the time and the prompt."""
    slider = line.get_by_role("slider", name="Position")
    expect(slider).to_have_attribute("aria-valuetext", "0:05 of 0:10, a desert")
    slider.focus()
    for key in ("ArrowRight", "ArrowLeft", "PageUp", "PageDown", "End", "Home", "Shift+ArrowRight"):
        line.keyboard.press(key)
    assert _seeks(line) == [6, 5, 8, 4, 10, 0, 5]


def test_the_current_prompt_is_marked(line: Page) -> None:
    """While the position moves."""
    current = line.locator(".timeline-mark[aria-current]")
    expect(current).to_have_accessible_name("0:04 a desert")
    line.evaluate("window.line.update({ position: 8.5 })")
    expect(current).to_have_accessible_name("0:08 (empty prompt)")
    expect(line.locator(".timeline-now")).to_contain_text("0:08 / 0:10")


def test_dragging_is_not_disturbed(line: Page) -> None:
    """The position of the player does not move the slider while a person holds it; it seeks when released."""
    box = line.get_by_role("slider").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    line.mouse.move(box["x"] + box["width"] * 0.5, middle)
    line.mouse.down()
    line.mouse.move(box["x"] + box["width"] * 0.8, middle)
    line.evaluate("window.line.update({ position: 1 })")
    assert line.get_by_role("slider").input_value() != "1"
    assert _seeks(line) == []
    line.mouse.up()
    (sought,) = _seeks(line)
    assert 7.5 < sought < 8.5


def test_a_line_that_cannot_seek(line: Page) -> None:
    """Without a duration, or when the player does not take commands."""
    line.evaluate("window.line.update({ disabled: true })")
    expect(line.get_by_role("slider")).to_be_disabled()
    expect(line.locator(".timeline-mark").first).to_be_disabled()
    line.evaluate("window.line.update({ disabled: false, duration: null, prompts: [] })")
    expect(line.get_by_role("slider")).to_be_disabled()
    expect(line.locator(".timeline-mark")).to_have_count(0)
