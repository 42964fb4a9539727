"""The live picture in Chromium, read back from the canvas: H.264, JPEG, errors of the decoder."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from odyssey_ros.srv import EndStream, StartStream
from playwright.sync_api import expect

from odyssey_ros.emulator.scene.marker import Marker, read_marker
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from console_graph import ConsoleGraph
    from console_pages import PageWatch
    from probe import Probe
    from processes import EmulatorProcess, Process

FPS = 5
VIDEO_TOPIC = "/odyssey/image_raw/foxglove"

PIXELS = """() => {
    const canvas = document.querySelector('canvas');
    if (canvas === null) return null;
    const strip = canvas.getContext('2d').getImageData(0, canvas.height - 32, canvas.width, 32);
    let text = '';
    for (const value of strip.data) text += String.fromCharCode(value);
    return [canvas.width, canvas.height, btoa(text)];
}"""

WITHOUT_WEBCODECS = "delete window.VideoDecoder;"

DECODER_THAT_FAILS_ONCE = """
    const Real = window.VideoDecoder;
    let isFirst = true;
    window.VideoDecoder = class {
        constructor(callbacks) {
            this.callbacks = callbacks;
            this.failing = isFirst;
            isFirst = false;
            this.real = new Real(callbacks);
        }
        get state() { return this.real.state; }
        get decodeQueueSize() { return this.real.decodeQueueSize; }
        configure(config) { this.real.configure(config); }
        close() { this.real.close(); }
        decode(chunk) {
            if (this.failing && chunk.type === 'delta') {
                this.real.close();
                this.callbacks.error(new DOMException('damaged', 'EncodingError'));
            } else this.real.decode(chunk);
        }
    };
"""

DECODER_THAT_ALWAYS_FAILS = """
    window.VideoDecoder = class {
        constructor(callbacks) {
            this.callbacks = callbacks;
            this.state = 'unconfigured';
            this.decodeQueueSize = 0;
        }
        configure() { this.state = 'configured'; }
        close() { this.state = 'closed'; }
        decode() { this.callbacks.error(new DOMException('damaged', 'EncodingError')); }
    };
"""


@pytest.fixture(autouse=True)
def _allow_reading_pixels(watch: PageWatch) -> None:
    """Allow the warning of Chromium about a page that reads pixels of a canvas. Only tests read them."""
    watch.allow("willReadFrequently")


@pytest.fixture(scope="module")
def emulator(graph: ConsoleGraph) -> EmulatorProcess:
    return graph.emulator("--fps", str(FPS))


def marker_of(page: Page) -> Marker | None:
    """Read the marker from the pixels of the canvas; None without a canvas or a picture."""
    pixels = page.evaluate(PIXELS)
    if pixels is None:
        return None
    width, height, text = pixels
    strip = np.frombuffer(base64.b64decode(text), np.uint8).reshape(32, width, 4)
    return read_marker(strip[..., :3]) if height >= 32 else None


def wait_for_marker(page: Page, condition: Callable[[Marker], bool] = lambda _: True) -> Marker:
    """Wait until the canvas shows a picture; return its marker."""

    def found() -> Marker | None:
        marker = marker_of(page)
        return marker if marker is not None and condition(marker) else None

    marker: Marker = wait_until(
        found,
        lambda: f"a picture; {page.inner_text('.picture')}",
        pause=lambda: page.wait_for_timeout(50),
    )
    return marker


def expect_moving(page: Page) -> None:
    """Wait until the canvas has shown a picture, and a later one."""
    first = wait_for_marker(page)
    wait_for_marker(page, lambda marker: marker.counter > first.counter)


def encoding(page: Page) -> Any:
    return page.locator(".picture-hud-source dd")


def test_the_picture_moves_and_its_figures_are_shown(bridge: Process, page: Page) -> None:
    expect_moving(page)
    expect(encoding(page)).to_contain_text("H.264 · 1280 × 704")
    expect(page.locator(".picture-prompt")).to_contain_text("a harbour at dawn")
    hud = page.locator(".picture-hud")
    expect(hud).to_contain_text("Hz")
    expect(hud).to_contain_text(" ms")
    expect(page.get_by_role("img", name="Live picture of /odyssey, prompt: a harbour")).to_be_visible()
    expect(page.locator(".picture-message")).to_be_hidden()


def test_a_second_page_has_its_picture_at_once_and_takes_nothing_from_the_first(
    bridge: Process, page: Page, open_page: Callable[..., Page]
) -> None:
    expect_moving(page)
    expect_moving(open_page())
    expect_moving(page)


def test_the_page_shows_jpeg_where_the_browser_has_no_webcodecs(
    bridge: Process, open_page: Callable[..., Page]
) -> None:
    page = open_page(init_script=WITHOUT_WEBCODECS)
    expect_moving(page)
    expect(encoding(page)).to_contain_text("JPEG: this browser cannot decode H.264")


def test_a_decoder_that_fails_goes_on_with_the_next_key_frame(
    bridge: Process, open_page: Callable[..., Page]
) -> None:
    page = open_page(init_script=DECODER_THAT_FAILS_ONCE)
    expect_moving(page)
    expect(encoding(page)).to_contain_text("H.264")


def test_a_decoder_that_fails_again_and_again_is_replaced_by_jpeg(
    bridge: Process, open_page: Callable[..., Page]
) -> None:
    page = open_page(init_script=DECODER_THAT_ALWAYS_FAILS)
    expect_moving(page)
    expect(encoding(page)).to_contain_text("JPEG: the browser failed to decode H.264")


def test_nothing_is_subscribed_while_the_picture_is_not_shown(
    bridge: Process, page: Page, probe: Probe
) -> None:
    def watched() -> bool:
        return probe.node.count_subscribers(VIDEO_TOPIC) > 0

    expect_moving(page)
    wait_until(watched)
    page.get_by_role("link", name="State", exact=True).click()
    wait_until(lambda: not watched())
    page.get_by_role("link", name="Live", exact=True).click()
    expect_moving(page)


def test_a_change_to_portrait_is_shown(bridge: Process, page: Page, probe: Probe) -> None:
    expect_moving(page)
    probe.call(EndStream, "/odyssey/end_stream")
    expect(page.locator(".picture-message")).to_contain_text("No stream is running")
    probe.call(
        StartStream, "/odyssey/start_stream", StartStream.Request(prompt="a red desert", portrait=True)
    )
    wait_until(lambda: page.evaluate("document.querySelector('canvas').height") == 1280)
    expect(page.locator(".picture-message")).to_be_hidden()
    expect_moving(page)
    expect(encoding(page)).to_contain_text("704 × 1280")
