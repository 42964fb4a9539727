"""Makes docs/console.png: the live view of a console that operates a bridge.

. scripts/activate && python test/support/photograph_console.py docs/console.png
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from playwright.sync_api import Page, expect

from console_canvas import PictureCanvas
from console_graph import ConsoleGraph
from console_pages import TIMEOUT_MS, PageWatch, chromium, open_page
from processes import tell

PROMPTS = ("a harbour at dawn", "fishing boats come in", "snow falls on the quay")
SETTLING_MS = 6000


def main(path: Path) -> None:
    """Start everything, send the prompts, and take the picture."""
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    expect.set_options(timeout=TIMEOUT_MS)
    watch = PageWatch()
    with ConsoleGraph() as graph, chromium() as browser:
        graph.bridge(graph.emulator("--fps", "20"), {"prompt": PROMPTS[0]})
        page = open_page(browser, graph.console().url, watch, viewport={"width": 1400, "height": 900})
        canvas = PictureCanvas(page)
        canvas.wait_for_pictures()
        for prompt in PROMPTS[1:]:
            _send(page, prompt)
        canvas.wait_for_prompt(PROMPTS[-1])
        page.wait_for_timeout(SETTLING_MS)  # the figures are means of some seconds
        page.screenshot(path=path)
    tell(f"{path}: {path.stat().st_size / 1000:.0f} kB; errors of the page: {watch.errors}")


def _send(page: Page, prompt: str) -> None:
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    field = page.get_by_role("textbox", name="Prompt")
    field.fill(prompt)
    field.press("Enter")
    entry = page.get_by_role("region", name="Sent prompts").get_by_role("listitem").filter(has_text=prompt)
    expect(entry.first).to_contain_text("Acknowledged")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
