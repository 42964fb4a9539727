"""A person operates a bridge: emulator, bridge, console and Chromium are all real."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import expect

from console_canvas import PictureCanvas

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from console_graph import ConsoleGraph
    from console_pages import PageWatch
    from processes import EmulatorProcess

pytestmark = pytest.mark.usefixtures("bridge")

LIMIT_MS = 60_000


def _send(page: Page, prompt: str) -> None:
    """Type a prompt and send it, as soon as the page can."""
    field = page.get_by_role("textbox", name="Prompt")
    expect(page.get_by_role("button", name="Send")).to_be_enabled(timeout=LIMIT_MS)
    field.fill(prompt)
    field.press("Enter")


def _expect_acknowledged(page: Page, prompt: str) -> None:
    entry = page.get_by_role("region", name="Sent prompts").get_by_role("listitem").filter(has_text=prompt)
    expect(entry.first).to_contain_text("Acknowledged", timeout=LIMIT_MS)


def test_prompt_appears_in_the_moving_picture(page: Page) -> None:
    """The pictures move; a prompt that is typed is acknowledged on the page and appears in the picture."""
    canvas = PictureCanvas(page)
    canvas.wait_for_pictures()
    _send(page, "snow falls on the quay")
    canvas.wait_for_prompt("snow falls on the quay")
    _expect_acknowledged(page, "snow falls on the quay")


def test_two_pages_operate_the_same_stream(open_page: Callable[..., Page]) -> None:
    """A prompt of either page is in the pictures and in the log of both."""
    pages = [open_page(), open_page()]
    for page, prompt in zip(pages, ("a red desert", "a calm sea"), strict=True):
        _send(page, prompt)
        for other in pages:
            PictureCanvas(other).wait_for_prompt(prompt)
            _expect_acknowledged(other, prompt)


def test_stream_starts_from_a_chosen_picture(page: Page, tmp_path: Path) -> None:
    """A file becomes the start picture; the pictures show it."""
    red = tmp_path / "red.png"
    Image.new("RGB", (640, 352), (220, 20, 30)).save(red)
    canvas = PictureCanvas(page)
    canvas.wait_for_pictures()
    page.get_by_role("button", name="New stream").click()
    page.get_by_label("Start picture").set_input_files(red)
    expect(page.get_by_text("640 x 352")).to_be_visible()
    field = page.get_by_role("textbox", name="Prompt")
    field.fill("a red wall")
    page.get_by_role("button", name="End and start").click()
    canvas.wait_for_prompt("a red wall")
    red_part, green_part, blue_part = canvas.colour()
    assert red_part > 2 * max(green_part, blue_part)


def test_stream_ends_and_starts_again(page: Page) -> None:
    """A stream ends on request; the page says so, and starts another one."""
    canvas = PictureCanvas(page)
    canvas.wait_for_pictures()
    page.get_by_role("button", name="End stream").click()
    start = page.get_by_role("button", name="Start", exact=True)
    expect(start).to_be_enabled(timeout=LIMIT_MS)
    page.get_by_role("textbox", name="Prompt").fill("a forest in fog")
    start.click()
    canvas.wait_for_prompt("a forest in fog")


def test_page_recovers_when_the_bridge_is_killed(
    page: Page, graph: ConsoleGraph, emulator: EmulatorProcess
) -> None:
    """The page shows the pictures of a bridge that replaces one that was killed, without being touched."""
    canvas = PictureCanvas(page)
    canvas.wait_for_pictures()
    for process in graph.running("bridge"):
        process.stop(signal.SIGKILL)
    graph.bridge(emulator, {"prompt": "a new world"})
    canvas.wait_for_prompt("a new world")
    _send(page, "it rains")
    canvas.wait_for_prompt("it rains")


def test_page_recovers_when_the_console_is_killed(page: Page, graph: ConsoleGraph, watch: PageWatch) -> None:
    """The page connects to a console that is started again, and operates the bridge as before."""
    watch.allow(r"ERR_CONNECTION_REFUSED|WebSocket connection to")
    canvas = PictureCanvas(page)
    canvas.wait_for_pictures()
    for process in graph.running("console"):
        process.stop(signal.SIGKILL)
    banner = page.locator(".connection")
    expect(banner).to_contain_text("The connection to the console is lost")
    expect(banner.get_by_role("timer")).to_have_text(re.compile(r"^Trying again (now|in \d+ s)$"))
    expect(page.get_by_role("status").filter(has_text="Trying again")).to_have_count(0)  # not read out
    expect(page.get_by_text("The connection to the console is lost")).to_have_count(1)
    expect(page.locator(".prompt-form")).to_contain_text("Prompts can be sent when the console is connected")
    graph.console({"port": urlsplit(page.url).port})
    canvas.wait_for_pictures()
    expect(banner.get_by_role("status")).to_be_empty()
    expect(banner.get_by_role("timer")).to_be_hidden()
    _send(page, "a storm comes up")
    canvas.wait_for_prompt("a storm comes up")


def test_browser_without_a_decoder_gets_jpeg(open_page: Callable[..., Page]) -> None:
    """Without WebCodecs, as on a page of http from another machine, the pictures are JPEG."""
    page = open_page(init_script="delete window.VideoDecoder")
    PictureCanvas(page).wait_for_pictures()
    expect(page.locator(".picture")).to_contain_text(re.compile("JPEG"))
