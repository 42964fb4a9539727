"""The state of a real bridge in Chromium: lifecycle, diagnostics, events, and the node that is chosen."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING

import pytest
from lifecycle_msgs.srv import GetState
from playwright.sync_api import expect
from std_msgs.msg import String

from console_pages import PageWatch, open_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page

    from console_graph import ConsoleGraph, ConsoleProcess
    from probe import Probe
    from processes import EmulatorProcess, Process

PROMPT = "a harbour at dawn"


@pytest.fixture(scope="module")
def watching(console: ConsoleProcess, bridge: Process, browser: Browser) -> Iterator[Page]:
    """A page that shows the state of the bridge."""
    watch = PageWatch()
    page = open_page(browser, f"{console.url}/#state", watch)
    yield page
    page.context.close()
    assert watch.unexpected() == []


@pytest.fixture
def page(watching: Page) -> Page:
    """A page that shows the state of the bridge, which streams."""
    watching.get_by_role("link", name="State", exact=True).click()
    expect(panel(watching, "Stream").locator("header .badge")).to_have_text("Streaming")
    return watching


def panel(page: Page, name: str) -> Locator:
    """Return a part of the view."""
    return page.locator(".state").get_by_role("region", name=name, exact=True)


def test_the_connection_and_the_stream_are_described(page: Page) -> None:
    """Facts of the session and the stream, and counters that rise."""
    expect(panel(page, "Connection").locator(".badge")).to_have_text("Connected")
    expect(panel(page, "Stream")).to_contain_text(PROMPT)
    expect(panel(page, "Stream")).to_contain_text("1280 × 704")
    received = panel(page, "Stream").locator("dt", has_text="Received").locator("+ dd")
    before = received.inner_text()
    expect(received).not_to_have_text(before)


def test_the_address_remembers_the_node(page: Page) -> None:
    """A page that is loaded again shows the same node."""
    assert "?node=/odyssey" in page.evaluate("location.href")
    expect(page.get_by_role("combobox", name="Node")).to_have_value("/odyssey")


def test_diagnostics_have_levels_and_values(page: Page) -> None:
    """The level is a word; the values open, and stay open while they change."""
    row = panel(page, "Diagnostics").get_by_role("listitem").filter(has_text="connection")
    expect(row.locator(".level")).to_have_text("✓OK")
    expect(row.locator("dd").first).to_be_hidden()
    row.locator("summary").click()
    expect(row.locator("dd").first).to_be_visible()
    frames = panel(page, "Diagnostics").get_by_role("listitem").filter(has_text="frames")
    frames.locator("summary").click()
    received = frames.locator("dt", has_text=re.compile("received")).first.locator("+ dd")
    before = received.inner_text()
    expect(received).not_to_have_text(before)
    expect(row.locator("dd").first).to_be_visible()


def test_a_bridge_is_deactivated_and_activated(page: Page, probe: Probe) -> None:
    """The page asks before a running stream is ended; the buttons are those of the state."""
    lifecycle = panel(page, "Lifecycle")
    expect(lifecycle.locator(".badge")).to_have_text("Active")
    lifecycle.get_by_role("button", name="Deactivate").click()
    dialog = page.get_by_role("dialog", name="Deactivate /odyssey?")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert probe.call(GetState, "/odyssey/get_state").current_state.label == "active"
    lifecycle.get_by_role("button", name="Deactivate").click()
    dialog.get_by_role("button", name="Deactivate").click()
    expect(lifecycle.locator(".badge")).to_have_text("Inactive")
    expect(lifecycle.get_by_role("button")).to_have_text(["Activate", "Clean up", "Shut down"])
    expect(panel(page, "Stream").locator("header .badge")).to_have_text("No stream")
    assert probe.call(GetState, "/odyssey/get_state").current_state.label == "inactive"
    lifecycle.get_by_role("button", name="Activate").click()
    expect(lifecycle.locator(".badge")).to_have_text("Active")
    expect(lifecycle.get_by_role("button")).to_have_text(["Deactivate", "Shut down"])


def test_the_log_shows_events_and_errors(page: Page, probe: Probe) -> None:
    """Errors have their code with its meaning, can be shown alone, and are told beside the picture."""
    rows = panel(page, "Events").locator("tbody tr")
    prompts = probe.publisher(String, "/odyssey/prompt")
    prompts.publish(String(data="the sun rises"))
    acknowledged = rows.filter(has_text="the sun rises")
    expect(acknowledged).to_contain_text("Acknowledged")
    expect(acknowledged.locator("time")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d[.,]\d{3}$"))
    prompts.publish(String(data=" "))
    refused = rows.filter(has_text="EMPTY_PROMPT The prompt is empty.")
    expect(refused).to_have_count(1)
    panel(page, "Events").get_by_label("Show").select_option("errors")
    expect(acknowledged).to_have_count(0)
    expect(refused).to_have_count(1)
    panel(page, "Events").get_by_label("Show").select_option("all")
    expect(acknowledged).to_have_count(1)
    page.get_by_role("link", name="Live", exact=True).click()
    expect(page.locator(".summary > .message[data-level=error]")).to_contain_text(
        re.compile("[A-Z]+_[A-Z]+|FROZEN")
    )


def test_a_node_that_reports_nothing_is_told(page: Page, bridge: Process) -> None:
    """A process that hangs, or that was killed and is not missed by the graph yet."""
    expect(panel(page, "Connection").locator("header .badge")).to_have_text("Connected")
    os.kill(bridge.popen.pid, signal.SIGSTOP)
    try:
        expect(page.locator("#notice")).to_contain_text("No state has come from /odyssey since")
    finally:
        os.kill(bridge.popen.pid, signal.SIGCONT)
    expect(page.locator("#notice")).to_be_empty()


def test_the_chosen_node_stays_chosen_while_it_is_away(
    page: Page, graph: ConsoleGraph, emulator: EmulatorProcess, bridge: Process, probe: Probe
) -> None:
    """The page says that the node has left, keeps its events, and continues when it returns."""
    probe.publisher(String, "/odyssey/prompt").publish(String(data="fog comes in"))
    expect(panel(page, "Events")).to_contain_text("fog comes in")
    bridge.end()
    absent = page.locator(".state > .message")
    expect(absent).to_contain_text("The node /odyssey is not on the graph")
    expect(page.locator(".chooser .badge")).to_have_text("not on the graph")
    expect(page.get_by_role("combobox", name="Node")).to_have_value("/odyssey")
    expect(panel(page, "Connection")).to_be_hidden()
    assert panel(page, "Events").locator("tbody tr").count() > 0
    graph.bridge(emulator, {"prompt": PROMPT})
    expect(panel(page, "Stream").locator("header .badge")).to_have_text("Streaming")
    expect(absent).to_be_empty()
    expect(page.locator(".chooser .badge")).to_be_hidden()
