"""Recordings in a real Chromium: list, pages, playback, prompts and the way back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from console_content import make_recording

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

    from console_graph import ConsoleGraph
    from console_pages import PageWatch
    from processes import EmulatorProcess, Process

PROMPTS = ("a calm sea", "a red desert", "a dark forest")
PAGE_SIZE = 12
VIDEO = "document.querySelector('video')"
HAS_PICTURE = f"() => {VIDEO}.readyState >= 2 && {VIDEO}.videoWidth > 0"


@pytest.fixture(scope="module")
def emulator(graph: ConsoleGraph) -> EmulatorProcess:
    """An emulator at five frames a second."""
    return graph.emulator("--fps", "5")


@pytest.fixture(scope="module")
def bridge(graph: ConsoleGraph, emulator: EmulatorProcess) -> Process:
    """A bridge that streams: its recording is listed as running."""
    return graph.bridge(emulator, {"prompt": "a harbour"})


@pytest.fixture(scope="module")
def stream_id(emulator: EmulatorProcess) -> str:
    """The id of a recording with three prompts."""
    return make_recording(emulator.url, PROMPTS)


@pytest.fixture
def recordings(stream_id: str, bridge: Process, open_page: Callable[..., Page]) -> Page:
    """A page that shows the list, with the recording and the running stream.

    The service ends a stream after some time, and the bridge starts another one: there can be further ones.
    """
    page = open_page("#recordings")
    expect(_card(page, stream_id)).to_be_visible()
    return page


def _card(page: Page, stream_id: str) -> Locator:
    return page.locator(f'[data-stream="{stream_id}"] a')


def _shown(page: Page) -> dict[str, Any]:
    return dict(page.evaluate(f"(({{currentTime, videoWidth}}) => ({{currentTime, videoWidth}}))({VIDEO})"))


def test_list_shows_thumbnails_and_what_is_running(
    recordings: Page, watch: PageWatch, stream_id: str
) -> None:
    """Each card tells start, duration and size; a stream that is running has no picture yet."""
    expect(_card(recordings, stream_id)).to_contain_text("1280 × 704")
    recordings.wait_for_function("() => document.querySelector('.recording-card img').naturalWidth > 0")
    expect(recordings.locator(".recording-card", has_text="Running").first).to_be_visible()
    expect(recordings.get_by_text(re.compile(r"^1–\d+ of \d+$"))).to_be_visible()
    expect(recordings.get_by_role("button", name="Older")).to_be_hidden()
    assert not [url for url in watch.requests if "signature" in url]


def test_a_recording_plays_and_seeks_to_its_prompts(
    recordings: Page, watch: PageWatch, stream_id: str
) -> None:
    """The video comes from the console alone; a mark, a time and the slider move it."""
    _card(recordings, stream_id).click()
    recordings.wait_for_function(HAS_PICTURE)
    assert recordings.evaluate("location.hash") == f"#recordings/{stream_id}"
    expect(recordings.get_by_role("heading", level=2)).to_be_focused()
    recordings.evaluate(f"{VIDEO}.play()")
    recordings.wait_for_function(f"() => {VIDEO}.currentTime > 0.2")
    assert _shown(recordings)["videoWidth"] == 1280
    recordings.evaluate(f"{VIDEO}.pause()")
    marks = recordings.locator(".timeline-mark")
    expect(marks).to_have_count(len(PROMPTS))
    marks.nth(1).click()
    second = float(recordings.evaluate(f"{VIDEO}.currentTime"))
    expect(marks.nth(1)).to_have_attribute("aria-current", "true")
    rows = recordings.locator(".recording-prompts li")
    expect(rows.nth(1)).to_have_attribute("aria-current", "true")
    rows.nth(2).get_by_role("button", name="Show").click()
    recordings.wait_for_function(f"() => !{VIDEO}.seeking && {VIDEO}.currentTime > {second}")
    expect(recordings.locator(".timeline-prompt")).to_contain_text(PROMPTS[2])
    recordings.get_by_role("slider", name="Position in the recording").press("Home")
    recordings.wait_for_function(f"() => !{VIDEO}.seeking && {VIDEO}.currentTime === 0")
    own = recordings.evaluate("location.origin")
    assert not [url for url in watch.requests if not url.startswith((own, "blob:", "data:"))]


def test_a_prompt_is_copied_to_the_prompt_box(recordings: Page, stream_id: str) -> None:
    """The person is told where it is, and can go there."""
    _card(recordings, stream_id).click()
    recordings.get_by_role("button", name=f"Use this prompt: {PROMPTS[1]}").click()
    expect(recordings.locator(".recording-player [role=status]")).to_contain_text(
        "in the prompt box of the Live view"
    )
    recordings.locator(".recording-player").get_by_role("link", name="Live view").click()
    expect(recordings.locator(".prompt textarea")).to_have_value(re.compile(PROMPTS[1]))


def test_escape_returns_to_the_card(recordings: Page, stream_id: str) -> None:
    """The way back by key, by link and by the browser; the card has the focus again, and the video ends."""
    card = _card(recordings, stream_id)
    card.click()
    recordings.wait_for_function(HAS_PICTURE)
    recordings.keyboard.press("Escape")
    expect(card).to_be_focused()
    assert not recordings.evaluate(f"{VIDEO}.hasAttribute('src')")
    recordings.keyboard.press("Enter")
    recordings.wait_for_function(HAS_PICTURE)
    recordings.get_by_role("link", name="All recordings").click()
    expect(card).to_be_focused()
    recordings.go_back()
    recordings.wait_for_function(HAS_PICTURE)
    recordings.get_by_role("link", name="State", exact=True).click()
    recordings.get_by_role("link", name="Recordings", exact=True).click()
    expect(card).to_be_visible()


def test_an_address_opens_a_recording(
    open_page: Callable[..., Page], bridge: Process, stream_id: str
) -> None:
    """A link can be sent to somebody else."""
    page = open_page(f"#recordings/{stream_id}")
    page.wait_for_function(HAS_PICTURE)
    expect(page.locator(".recording-player")).to_contain_text(stream_id)


def test_errors_are_shown_in_words(open_page: Callable[..., Page], bridge: Process, watch: PageWatch) -> None:
    """A recording that does not exist, and an invalid id."""
    watch.allow(r"answer: 40[04] GET .*/api/recordings/")
    page = open_page("#recordings/nobody-has-it")
    expect(page.locator(".recording-player [role=alert]")).to_contain_text("not found", ignore_case=True)
    page.evaluate("location.hash = '#recordings/..%2Fx'")
    expect(page.locator(".recording-player [role=alert]")).to_contain_text(
        "the id of the recording is not valid"
    )
    page.keyboard.press("Escape")
    expect(page.locator(".recording-card").first).to_be_visible()


def _long_list(page: Page, total: int) -> None:
    """Answer requests for the list as a service with many recordings does."""

    def answer(route: Any) -> None:
        query = dict(part.split("=") for part in route.request.url.partition("?")[2].split("&"))
        offset, limit = int(query["offset"]), int(query["limit"])
        rows = [
            {
                "stream_id": f"stream-{number}", "width": 1280, "height": 704, "started_at": 1.7e9 - number,
                "ended_at": None, "duration": None,
            }
            for number in range(offset, min(total, offset + limit))
        ]  # fmt: skip
        route.fulfill(json={"recordings": rows, "total": total, "ignored": 0})

    page.route("**/api/recordings?**", answer)


def test_pages_turn_by_buttons_and_keys(recordings: Page) -> None:
    """The buttons keep the focus; with the keys, the first card of the new page gets it."""
    total = 2 * PAGE_SIZE + 3
    _long_list(recordings, total)
    recordings.get_by_role("button", name="Refresh").click()
    expect(recordings.get_by_text(f"1–12 of {total}")).to_be_visible()
    older, newer = (recordings.get_by_role("button", name=name) for name in ("Older", "Newer"))
    expect(newer).to_have_attribute("aria-disabled", "true")
    older.click()
    expect(recordings.get_by_text(f"13–24 of {total}")).to_be_visible()
    older.click()
    expect(recordings.get_by_text(f"25–27 of {total}")).to_be_visible()
    expect(older).to_be_focused()
    older.click(force=True)
    expect(recordings.locator('[data-stream="stream-24"]')).to_be_visible()
    recordings.locator('[data-stream="stream-25"] a').focus()
    recordings.keyboard.press("PageUp")
    expect(recordings.locator('[data-stream="stream-12"] a')).to_be_focused()
    recordings.keyboard.press("ArrowRight")
    recordings.keyboard.press("ArrowDown")
    expect(recordings.locator('[data-stream="stream-13"] a')).not_to_be_focused()
    recordings.keyboard.press("ArrowUp")
    expect(recordings.locator('[data-stream="stream-13"] a')).to_be_focused()


def test_a_list_that_cannot_be_read(recordings: Page, watch: PageWatch, stream_id: str) -> None:
    """The error and what to do are where the list was; a refresh tries again."""
    watch.allow(r"answer: 409 .*/api/recordings")
    recordings.route(
        "**/api/recordings?**",
        lambda route: route.fulfill(
            status=409, json={"error_code": "NO_API_KEY", "message": "There is no API key."}
        ),
    )
    recordings.get_by_role("button", name="Refresh").click()
    problem = recordings.locator(".recordings-list [role=alert]")
    expect(problem).to_have_text(
        "There is no API key. Recordings belong to an account: start the bridge with an API key, then "
        "refresh the list."
    )
    expect(recordings.locator(".recording-card")).to_have_count(0)
    recordings.unroute("**/api/recordings?**")
    recordings.get_by_role("button", name="Refresh").click()
    expect(_card(recordings, stream_id)).to_be_visible()
    expect(problem).to_be_hidden()
