"""The page as a whole, in a real Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from console_pages import PageWatch


def test_page_opens(page: Page, watch: PageWatch) -> None:
    """The page shows its name and its views."""
    watch.allow(r"404|ws://")
    expect(page.get_by_role("heading", name="Odyssey console")).to_be_visible()
    expect(page.get_by_role("link", name="Recordings")).to_be_visible()
