"""The frame of the page: the views and their addresses, the keyboard, the help dialog and the appearance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from console_graph import ConsoleProcess

VIEWS = ("Live", "State", "Recordings", "Simulations")

ACTIVE = "document.activeElement?.id ?? ''"


@pytest.fixture(scope="module")
def console(lone_console: ConsoleProcess) -> ConsoleProcess:
    """A console without nodes."""
    return lone_console


def _current(page: Page) -> str:
    return page.locator("#tabs [aria-current]").inner_text()


def test_each_tab_shows_its_view(page: Page) -> None:
    """A click shows the view, names it in the title, and moves the focus into it."""
    for name in reversed(VIEWS):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page).to_have_title(f"{name} · Odyssey console")
        assert page.evaluate("location.hash") == f"#{name.lower()}"
        assert _current(page) == name
        assert page.evaluate(ACTIVE) == "view"


def test_address_names_the_view(open_page: Callable[..., Page]) -> None:
    """The part after # opens a view; an unknown one opens the live view; Back returns to the view before."""
    page = open_page("#recordings")
    assert _current(page) == "Recordings"
    page.evaluate("location.hash = 'nothing'")
    expect(page).to_have_title("Live · Odyssey console")
    page.go_back()
    expect(page).to_have_title("Recordings · Odyssey console")


def test_text_after_the_slash_goes_to_the_view(open_page: Callable[..., Page]) -> None:
    """A view is opened with the decoded text, when it changes and when the view is shown again."""
    page = open_page()
    opened = page.evaluate(
        """async () => {
            const { createTabs } = await import('/static/tabs.js');
            const made = (name) => () => ({
                element: document.createElement('div'), show() {}, hide() {},
                open: (rest) => opened.push(`${name}: ${rest}`),
            });
            const opened = [];
            const views = ['a', 'b'].map((name) => ({ name, title: name, create: made(name) }));
            const follow = async (hash) => {
                const followed = new Promise((done) => addEventListener('hashchange', done, { once: true }));
                location.hash = hash;
                await followed;
            };
            await follow('b/one%20two/3');
            const shortcuts = { add() {} };
            createTabs({ shortcuts }, document.createElement('ul'), document.createElement('main'), views);
            for (const hash of ['b/%', 'b', 'b', 'b/x', 'a', 'b/x', 'a', 'b']) {
                if (location.hash !== `#${hash}`) await follow(hash);
            }
            return opened;
        }"""
    )
    assert opened == ["b: one two/3", "b: %", "b: ", "b: x", "b: x", "b: "]


def test_keys_show_views_and_the_list_of_keys(page: Page) -> None:
    """Numbers choose a view; the question mark opens the list; Escape closes it."""
    page.keyboard.press("3")
    expect(page).to_have_title("Recordings · Odyssey console")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard and appearance")
    expect(dialog).to_contain_text("Show Recordings")
    page.keyboard.press("1")
    expect(page).to_have_title("Recordings · Odyssey console")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_keys_can_be_switched_off(page: Page) -> None:
    """Whoever dictates or presses keys by mistake can switch them off; the choice is remembered."""
    page.get_by_role("button", name="Keyboard and appearance").click()
    page.get_by_label("Use these keys").uncheck()
    page.reload()
    page.keyboard.press("3")
    assert _current(page) == "Live"
    page.get_by_role("button", name="Keyboard and appearance").click()
    page.get_by_label("Use these keys").check()
    page.keyboard.press("Escape")
    page.keyboard.press("3")
    assert _current(page) == "Recordings"


def test_keys_leave_controls_alone(page: Page) -> None:
    """A text field gets its characters, a button its Space; other keys work on a button."""
    pressed = page.evaluate(
        """async () => {
            const { Shortcuts } = await import('/static/shortcuts.js');
            const root = document.createElement('div');
            const shortcuts = new Shortcuts(root);
            const pressed = [];
            for (const key of ['p', ' ']) shortcuts.add(key, key, () => pressed.push(key));
            const press = (target, key, more = {}) => {
                root.append(target);
                target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, ...more }));
                pressed.push('|');
            };
            const made = (name) => document.createElement(name);
            press(made('textarea'), 'p');
            press(made('button'), ' ');
            press(made('button'), 'p');
            press(made('div'), ' ');
            press(made('div'), 'p', { ctrlKey: true });
            return pressed.join('');
        }"""
    )
    assert pressed == "||p| ||"


def test_appearance_is_remembered(open_page: Callable[..., Page]) -> None:
    """The chosen appearance counts more than that of the system, also after loading the page again."""
    page = open_page(color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.keyboard.press("?")
    page.get_by_label("Dark").check()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark
    colours = page.locator('meta[name="theme-color"]').evaluate_all("(all) => all.map((one) => one.content)")
    assert len(set(colours)) == 1
    page.keyboard.press("?")
    expect(page.get_by_label("Dark")).to_be_checked()
    page.get_by_label("As the system").check()
    assert page.evaluate(background) == light


def test_first_key_reaches_the_content(page: Page) -> None:
    """The first link of the page skips the header without leaving the view."""
    page.keyboard.press("3")
    page.evaluate("document.activeElement.blur()")
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate(ACTIVE) == "view"
    assert _current(page) == "Recordings"


def test_lost_connection_is_told_once(page: Page) -> None:
    """A notice of the same kind replaces the one before."""
    texts = page.evaluate(
        """async () => {
            const { createNotice } = await import('/static/notice.js');
            const parent = document.createElement('div');
            const notice = createNotice(parent);
            notice.show('a', 'one');
            notice.show('a', 'two', 'warn');
            notice.show('b', 'three');
            const texts = [...parent.children].map((one) => `${one.dataset.level} ${one.textContent}`);
            notice.clear('a');
            return [...texts, parent.textContent];
        }"""
    )
    assert texts == ["warn two", "info three", "three"]
