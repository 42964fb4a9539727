"""The frame of the page: the views and their addresses, the keyboard, the help dialog and the appearance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page, Route, WebSocketRoute

    from console_graph import ConsoleProcess
    from console_pages import PageWatch

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


def test_keys_show_views_and_the_list_of_keys(open_page: Callable[..., Page]) -> None:
    """Numbers choose a view; the question mark opens the list; Escape closes it."""
    page = open_page("#state")
    page.keyboard.press("3")
    expect(page).to_have_title("Recordings · Odyssey console")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard and appearance")
    expect(dialog).to_contain_text("Show Recordings")
    expect(dialog).to_contain_text("Previous frame of a player")
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
            shortcuts.add('x', 'x', () => false);
            const press = (target, key, more = {}) => {
                root.append(target);
                const options = { key, bubbles: true, cancelable: true, ...more };
                const isLeft = target.dispatchEvent(new KeyboardEvent('keydown', options));
                pressed.push(isLeft ? '|' : '!');
            };
            const made = (name) => document.createElement(name);
            press(made('textarea'), 'p');
            press(made('button'), ' ');
            press(made('button'), 'p');
            press(made('div'), ' ');
            press(made('div'), 'p', { ctrlKey: true });
            press(made('div'), 'x');
            return pressed.join('');
        }"""
    )
    assert pressed == "||p! !||"


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


def test_a_bridge_replaces_another_first_choice_at_first(page: Page) -> None:
    """Nodes that start together are found one after the other. A page that is used keeps its node."""
    chosen = page.evaluate(
        """async () => {
            const { createChooser } = await import('/static/chooser.js');
            const { Store } = await import('/static/store.js');
            const player = { name: '/player', kind: 'player' };
            const bridges = ['/a_bridge', '/b_bridge'].map((name) => ({ name, kind: 'bridge' }));
            const both = [...bridges, player];
            const wait = (ms) => new Promise((done) => setTimeout(done, ms));
            const found = async (settling, between) => {
                history.replaceState(null, '', '/');
                const store = new Store();
                const select = createChooser({ store }, settling).querySelector('select');
                store.set('nodes', [player]);
                await between(select);
                store.set('nodes', both);
                store.set('nodes', [...both].reverse());
                return `${store.get('node')} ${select.value} ${location.search}`;
            };
            return [
                await found(60_000, () => {}),
                await found(60_000, () => document.dispatchEvent(new Event('keydown'))),
                await found(60_000, (select) => select.dispatchEvent(new Event('change'))),
                await found(0, () => wait(50)),
            ];
        }"""
    )
    bridge, player = "/a_bridge /a_bridge ?node=/a_bridge", "/player /player ?node=/player"
    assert chosen == [bridge, player, player, player]


CLOSING = [
    (1008, "the token is not that of this console: load the page again", "Load the page again"),
    (1013, "32 pages are open, which is the limit: close one of them", "Try now"),
    (1001, "the console has been stopped", "Try now"),
]


def test_the_reason_of_a_closed_socket_is_told(open_page: Callable[..., Page]) -> None:
    """In words, with what to do; the page continues by itself when the server accepts it again."""
    closing = [CLOSING[0]]

    def refuse(socket: WebSocketRoute) -> None:
        if closing:
            socket.close(code=closing[0][0], reason=closing[0][1])
        else:
            socket.connect_to_server()

    page = open_page("?node=/nobody")
    picture = page.locator(".picture-message")
    expect(picture).to_contain_text("/nobody is not on the graph")
    banner = page.locator(".connection")
    text = banner.get_by_role("status")
    expect(text).to_be_empty()
    page.route_web_socket("**/socket/*", refuse)
    page.reload()
    for closed in CLOSING:
        closing[0] = closed
        _code, reason, action = closed
        expect(text).to_contain_text(reason[1:])
        expect(banner.get_by_role("button", name=action)).to_be_visible()
        expect(banner.get_by_role("timer")).to_contain_text("Trying again")
        expect(picture).to_be_empty()  # the reason is told once
        banner.get_by_role("button", name="Try now").dispatch_event("click")
    closing.clear()
    expect(text).to_be_empty()
    expect(banner.get_by_role("timer")).to_be_hidden()
    expect(picture).to_contain_text("/nobody is not on the graph")


def test_a_page_of_a_console_before_gets_a_new_token(page: Page, watch: PageWatch) -> None:
    """What a person asked for happens, although the token of the page was out of date."""
    watch.allow(r"answer: 40[34] POST .*/api/player/pause")
    outdated = [{"page_token": "that of the console before"}]

    def answer(route: Route) -> None:
        if outdated:
            route.fulfill(json=outdated.pop())
        else:
            route.continue_()

    page.route("**/api/session", answer)
    found = page.evaluate(
        """async () => {
            const { Api } = await import('/static/api.js');
            const api = new Api();
            await api.open();
            return api.post('/api/player/pause', { node: '/nobody' }).catch((error) => error.message);
        }"""
    )
    assert "/nobody" in found


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
