"""Pages of a real Chromium, and everything that went wrong in them."""

from __future__ import annotations

import re
import shutil
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

TIMEOUT_MS: Final = 60_000.0
"""Limit of all waits of playwright: generous, because other tests run beside it."""

_DISABLED_FEATURES: Final = (
    # Chromium makes these pages of its address bar for each context, which costs a second of CPU time.
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"),
    # What playwright disables; Chromium uses only the last list.
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades"),
    *("HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding"),
    *("ThirdPartyStoragePartitioning", "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints"),
    *("NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch"),
)
_ARGUMENTS: Final = (
    f"--disable-features={','.join(_DISABLED_FEATURES)}",
    *(
        "--no-sandbox",
        "--disable-gpu",
        "--no-proxy-server",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
    ),
    "--autoplay-policy=no-user-gesture-required",
)
_OFTEN_ABORTED: Final = "net::ERR_ABORTED"
"""A video or a fetch whose element has left the page."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium; skip the test where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium")
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


class KeptBrowser:
    """A Chromium that starts when a test needs it, and remains for the tests after it."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._browser: Browser | None = None

    def get(self) -> Browser:
        """Return the browser; start it if it does not run. Without Chromium the test is skipped."""
        if self._browser is None:
            self._browser = self._stack.enter_context(chromium())
        return self._browser

    def end(self) -> None:
        """End the browser, if it runs."""
        self._browser = None
        self._stack.close()


class PageWatch:
    """Collects the errors of pages: exceptions, messages of the level error (as of the CSP), failed requests.

    Attributes:
        errors: The errors so far.
        requests: The URLs of all requests so far.
    """

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._allowed: list[re.Pattern[str]] = []

    def allow(self, pattern: str) -> None:
        """Expect errors that match a regular expression, such as `r"409 .*/api/stream/start"`."""
        self._allowed.append(re.compile(pattern))

    def unexpected(self) -> list[str]:
        """Return the errors that nobody expected."""
        return [error for error in self.errors if not any(one.search(error) for one in self._allowed)]

    def follow(self, page: Page) -> Page:
        """Collect the errors of a page; return the page."""
        page.on("pageerror", lambda error: self.errors.append(f"exception: {error}"))
        page.on("console", self._message)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", self._failed)
        page.on("response", self._response)
        return page

    def _message(self, message: ConsoleMessage) -> None:
        # The text of a failed request lacks its address; `_response` and `_failed` report these.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            self.errors.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _failed(self, request: Request) -> None:
        if request.failure != _OFTEN_ABORTED:
            self.errors.append(f"failed request: {request.failure} {request.method} {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.errors.append(f"answer: {response.status} {response.request.method} {response.url}")


def open_page(browser: Browser, url: str, watch: PageWatch, **options: Any) -> Page:
    """Open a page in a context of its own.

    Args:
        browser: The browser.
        url: The address.
        watch: Collects the errors.
        **options: For the context, such as `viewport` and `color_scheme`; `init_script` is a JavaScript text
            that runs before the page's own scripts.
    """
    script = options.pop("init_script", None)
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    context.set_default_timeout(TIMEOUT_MS)
    if script is not None:
        context.add_init_script(script)
    page = watch.follow(context.new_page())
    page.goto(url)
    return page
