"""What the canvas of a console page shows: the marker of the emulator's pictures, and their colour."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

from odyssey_ros.emulator.scene.marker import MARKER_HEIGHT, MARKER_WIDTH, prompt_digest, read_marker
from waiting import wait_until

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from playwright.sync_api import Page

    from odyssey_ros.emulator.scene.marker import Marker

# Any canvas can be drawn on another one, whichever context it has.
_PIXELS = """([x, y, width, height]) => {
    const canvas = document.querySelector('.picture canvas');
    if (canvas === null || canvas.width < x + width) return null;
    const top = y < 0 ? canvas.height + y : y;
    const copy = new OffscreenCanvas(width, height).getContext('2d');
    copy.drawImage(canvas, x, top, width, height, 0, 0, width, height);
    const bytes = copy.getImageData(0, 0, width, height).data;
    let text = '';
    for (let at = 0; at < bytes.length; at += 32768) {
        text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    }
    return btoa(text);
}"""


_POLL_PERIOD_MS = 50.0  # reading the canvas costs the browser more than a picture of the video does


class PictureCanvas:
    """The canvas of a page.

    Args:
        page: The page, in its live view.
    """

    def __init__(self, page: Page) -> None:
        self._page = page

    def marker(self) -> Marker | None:
        """Return the marker that the canvas shows; None without one."""
        strip = self._pixels(0, -MARKER_HEIGHT, MARKER_WIDTH, MARKER_HEIGHT)
        return None if strip is None else read_marker(strip)

    def colour(self) -> tuple[float, ...]:
        """Return the mean red, green and blue of a part in the middle of the picture."""
        part = self._pixels(480, 240, 320, 160)
        return () if part is None else tuple(part.mean(axis=(0, 1)))

    def wait_for_pictures(self, count: int = 3) -> Marker:
        """Wait until the canvas has shown several pictures, counted from now; return the last marker."""
        seen: dict[tuple[int, int], Marker] = {}

        def enough() -> bool:
            marker = self.marker()
            if marker is not None:
                seen[marker.counter, marker.stream_time_ms] = marker
            return len(seen) > count

        wait_until(enough, lambda: f"moving pictures; seen: {list(seen)}; {self._text()}", pause=self._pause)
        return list(seen.values())[-1]

    def wait_for_prompt(self, prompt: str) -> Marker:
        """Wait until the canvas shows a picture of a prompt, as it was typed."""
        digest = prompt_digest(prompt)

        def shown() -> Marker | None:
            marker = self.marker()
            return marker if marker is not None and marker.prompt_id == digest else None

        found: Marker = wait_until(
            shown, lambda: f"a picture of {prompt!r}; {self._text()}", pause=self._pause
        )
        return found

    def _pause(self) -> None:
        self._page.wait_for_timeout(_POLL_PERIOD_MS)

    def _pixels(self, x: int, y: int, width: int, height: int) -> NDArray[np.uint8] | None:
        text: Any = self._page.evaluate(_PIXELS, [x, y, width, height])
        if text is None:
            return None
        return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[:, :, :3]

    def _text(self) -> str:
        return f"the page says: {self._page.locator('body').inner_text()}"
