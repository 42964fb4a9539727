"""Logging in and out in a real Chromium, over https with a certificate that the browser does not know."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from certificate_authority import CertificateAuthority
from hostile_page import hostile_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from console_graph import ConsoleGraph, ConsoleProcess
    from console_pages import PageWatch

TOKEN = "0123456789abcdef-token"


@pytest.fixture(scope="module")
def console(graph: ConsoleGraph, tmp_path_factory: pytest.TempPathFactory) -> ConsoleProcess:
    """A console with a token and a certificate."""
    folder = tmp_path_factory.mktemp("console")
    token_file = folder / "token"
    token_file.touch(mode=0o600)
    token_file.write_text(f"{TOKEN}\n")
    certificate = CertificateAuthority(folder).server_file("127.0.0.1")
    return graph.console({"token_file": token_file, "certificate_file": certificate})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_person_logs_in_and_out(
    open_page: Callable[..., Page], console: ConsoleProcess, watch: PageWatch, scheme: str
) -> None:
    watch.allow(r"40[13] .*/(api/login|api/session|socket/\w+)")
    page = open_page("#state", ignore_https_errors=True, color_scheme=scheme)
    expect(page).to_have_url(re.compile(r"/login(#state)?$"))
    field = page.get_by_label("Token")
    expect(field).to_be_focused()
    violations = Axe().run(page).response["violations"]
    assert violations == [], violations
    field.fill("guess")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This is not the token of this console")
    expect(page.get_by_role("button", name="Log in")).to_be_enabled()
    field.fill(f"  {TOKEN} ")
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{console.url}/")
    expect(page.locator("#view")).not_to_be_empty()
    expect(page.locator("#notice")).to_be_empty()  # the socket is open, over wss
    [cookie] = page.context.cookies()
    assert cookie["name"] == f"__Host-odyssey_console_{urlsplit(console.url).port}"
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
    assert TOKEN not in page.content() + str(watch.requests)
    page.evaluate("for (const key of ['prompts', 'script']) localStorage[`odyssey_console_${key}`] = '[]'")
    other = page.context.new_page()
    with hostile_server() as port:
        other.goto(f"http://localhost:{port}/")
        other.evaluate("(address) => { location.href = address; }", f"{console.url}/#state")
        expect(other).to_have_url(f"{console.url}/")  # a link of another site opens the page
        expect(other.locator("#view")).not_to_be_empty()
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{console.url}/login")
    expect(other).to_have_url(f"{console.url}/login")  # its session has ended too
    assert page.evaluate("Object.keys(localStorage)") == []  # the next person sees no prompt
    page.evaluate("localStorage.odyssey_console_prompts = '[]'")
    page.goto(console.url)
    expect(page).to_have_url(f"{console.url}/login")
    assert page.evaluate("Object.keys(localStorage)") == []
    with hostile_server() as port:
        page.goto(f"http://localhost:{port}/")
        page.evaluate("(address) => { location.href = address; }", console.url)
        expect(page).to_have_url(f"{console.url}/login")
    assert TOKEN not in console.process.text
