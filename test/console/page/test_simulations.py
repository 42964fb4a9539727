"""The view of simulations in a real Chromium: from a mistake in a script to the video of its job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from console_graph import ConsoleGraph
    from console_pages import PageWatch
    from processes import EmulatorProcess, Process

SCRIPT = """\
variables:
  weather: [rain, snow]
script:
  - {timestamp_ms: 0, start: {prompt: "a harbour in {weather}"}}
  - {timestamp_ms: 1000, interact: {prompt: "the {weather} stops"}}
  - {timestamp_ms: 2000, end: {}}
"""


@pytest.fixture(scope="module")
def bridge(graph: ConsoleGraph, emulator: EmulatorProcess) -> Process:
    """A bridge that polls jobs often."""
    return graph.bridge(emulator, {"simulation_poll_period": 0.2})


@pytest.fixture
def simulations(open_page: Callable[..., Page], bridge: Process) -> Page:
    """The view, once the bridge is chosen."""
    page = open_page("#simulations")
    expect(page.locator("#chooser select")).to_have_value("/odyssey")
    return page


def test_a_script_from_its_mistake_to_its_video(
    simulations: Page, emulator: EmulatorProcess, watch: PageWatch
) -> None:
    page = simulations
    editor = page.get_by_label("Script", exact=True)
    editor.fill(SCRIPT.replace("1000", "3000"))
    mistake = page.get_by_role("list", name="Mistakes").get_by_role("listitem")
    expect(mistake).to_contain_text("Line 6, column 20")
    expect(mistake).to_contain_text("entries must be in time order")
    expect(editor).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("alert").filter(has_text="Correct the mistakes first")).to_be_visible()

    page.get_by_role("button", name="Line 6, column 20").click()
    expect(editor).to_be_focused()
    before = editor.evaluate("field => field.value.slice(0, field.selectionStart)").split("\n")
    assert (len(before), before[-1]) == (6, "  - {timestamp_ms: ")
    editor.fill(SCRIPT)
    expect(page.get_by_text("No mistakes: 2 scripts")).to_be_visible()
    preview = page.get_by_role("region", name="Preview")
    expect(preview).to_contain_text("landscape, 1280 x 704 (chosen here)")
    expect(preview.get_by_role("row").nth(2)).to_contain_text("the snow stops")

    emulator.fault(fault="job_hold", before="processing", count=0)
    editor.press("Control+Enter")
    page.get_by_role("link", name="watch the job").click()
    badge = page.locator(".job-view .badge")
    expect(badge).to_have_text("dispatched")
    emulator.clear_faults()
    expect(badge).to_have_text("completed")

    video = page.get_by_label("Video of the script")
    expect(page.get_by_role("heading", name="Script 1 of 2")).to_be_visible()
    expect(page.get_by_role("group", name="Prompts").get_by_role("button")).to_have_count(2)
    position = video.evaluate(
        """video => new Promise((done) => {
            video.addEventListener('timeupdate', () => video.currentTime > 0.3 && done(video.currentTime));
            video.play();
        })"""
    )
    assert 0.3 < position <= 2.1
    page.get_by_role("button", name="Next script").click()
    expect(page.get_by_role("heading", name="Script 2 of 2")).to_be_visible()
    expect(page.locator(".timeline-prompt")).to_contain_text("snow")

    page.get_by_role("link", name="All jobs").click()
    expect(page.locator(".job-rows li").first).to_contain_text("completed")
    assert not any("token" in url or "signature" in url.lower() for url in watch.requests)


def test_a_job_is_cancelled_and_a_late_cancel_is_explained(
    simulations: Page, emulator: EmulatorProcess, watch: PageWatch
) -> None:
    page = simulations
    watch.allow(r"409 POST .*/cancel")
    page.get_by_label("Script", exact=True).fill(SCRIPT)
    row = page.locator(".job-rows li").first
    cancel = row.get_by_role("button", name="Cancel")

    def submit(*, held_before: str, state: str) -> None:
        emulator.fault(fault="job_hold", before=held_before, count=0)
        page.get_by_role("button", name="Submit").click()
        expect(row).to_contain_text(state)

    submit(held_before="dispatched", state="pending")
    cancel.click()
    expect(row).to_contain_text("cancelled")
    emulator.clear_faults()
    submit(held_before="processing", state="dispatched")
    page.route(
        "**/cancel?**",
        lambda route: route.fulfill(status=409, json={"message": "the job runs to its end"}),
    )
    cancel.click()  # the worker was faster
    expect(row.get_by_role("alert")).to_have_text("the job runs to its end")
    cancel.focus()
    emulator.clear_faults()
    emulator.fault(fault="job_hold", before="completed", count=0)
    expect(row).to_contain_text("processing")
    expect(cancel).to_be_hidden()
    expect(row.get_by_text("runs to its end", exact=True)).to_have_attribute(
        "title", "The videos are being generated. The job cannot be cancelled any more."
    )
    expect(row.get_by_role("link")).to_be_focused()
    row.get_by_role("link").click()
    expect(page.locator(".job-view")).to_contain_text("The job cannot be cancelled any more")
    expect(page.get_by_role("button", name="Cancel the job")).to_be_hidden()
    emulator.clear_faults()
    expect(page.locator(".job-view .badge")).to_have_text("completed")
    page.get_by_role("link", name="All jobs").click()
    page.get_by_label("Show").select_option("cancelled")
    expect(page.locator(".job-rows li")).to_have_count(1)


def test_the_keyboard_enters_and_leaves_the_editor(simulations: Page) -> None:
    """Tab indents; Escape, then Tab leaves."""
    page = simulations
    editor = page.get_by_label("Script", exact=True)
    editor.fill("")
    editor.press_sequentially("a:")
    editor.press("Enter")
    editor.press("Tab")
    editor.press_sequentially("- x")
    editor.press("Enter")
    editor.press_sequentially("- y")
    expect(editor).to_have_value("a:\n  - x\n  - y")
    editor.press("Shift+Tab")
    expect(editor).to_have_value("a:\n  - x\n- y")
    editor.press("Control+z")
    expect(editor).to_have_value("a:\n  - x\n  - y")
    editor.press("Escape")
    page.keyboard.press("Tab")
    expect(editor).not_to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(editor).to_be_focused()


def test_files_are_opened_dropped_and_kept_as_a_draft(simulations: Page, tmp_path: Path) -> None:
    page = simulations
    (tmp_path / "walk.json").write_text('{"portrait": true, "script": [}')
    page.get_by_label("Script file").set_input_files(tmp_path / "walk.json")
    expect(page.get_by_role("list", name="Mistakes")).to_contain_text("Expecting value")
    editor = page.get_by_label("Script", exact=True)
    editor.fill("")
    page.get_by_role("button", name="Example").click()
    expect(page.get_by_text("No mistakes: 2 scripts")).to_be_visible()
    text = SCRIPT.replace(
        '{weather}"}}\n  - {timestamp_ms: 1', '{weather}", image: s.png}}\n  - {timestamp_ms: 1'
    )
    page.evaluate(
        """text => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([text], 'walk.yaml'));
            transfer.items.add(new File(['x'], 's.png', { type: 'image/png' }));
            const form = document.querySelector('.simulation-form');
            const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
            form.dispatchEvent(new DragEvent('drop', options));
        }""",
        text,
    )
    expect(editor).to_have_value(text)
    expect(page.get_by_text("(from the picture s.png)").first).to_be_visible()
    page.get_by_role("button", name="Remove s.png").click()
    expect(page.get_by_role("list", name="Mistakes")).to_contain_text("no picture with the name 's.png'")
    page.reload()
    expect(editor).to_have_value(text)
