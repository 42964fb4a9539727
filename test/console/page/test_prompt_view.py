"""The prompt of the page in a real Chromium, with a console, a bridge and an emulator as processes."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from playwright.sync_api import expect

from console_client import ConsoleClient
from picture_files import one_colour

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Locator, Page

    from console_graph import ConsoleGraph, ConsoleProcess
    from console_pages import PageWatch
    from probe import Probe
    from processes import EmulatorProcess, Process

MAX_PROMPT = 80

TRANSFER = """([type, name, mime, content]) => {
  const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: mime }));
  const options = { bubbles: true, cancelable: true };
  const event = type === 'paste'
    ? new ClipboardEvent('paste', { ...options, clipboardData: transfer })
    : new DragEvent(type, { ...options, dataTransfer: transfer });
  const target = type === 'paste' ? document.activeElement : document.querySelector('.live');
  return { kept: target.dispatchEvent(event), marked: document.querySelector('.takes-picture') !== null };
}"""
"""Dispatches a drag or a paste with a file; returns whether the browser would do what it does by default."""

PASTE_TEXT_WITH_PICTURE = """() => {
  const transfer = new DataTransfer();
  transfer.items.add(new File(['x'], 'text.png', { type: 'image/png' }));
  transfer.setData('text/plain', 'a text');
  const options = { bubbles: true, cancelable: true, clipboardData: transfer };
  return document.activeElement.dispatchEvent(new ClipboardEvent('paste', options));
}"""
"""Pastes a text as office programs copy it: together with a picture of it."""


@pytest.fixture(scope="module")
def emulator(graph: ConsoleGraph) -> EmulatorProcess:
    """An emulator with few frames, which nobody looks at."""
    return graph.emulator("--fps", "2")


@pytest.fixture(scope="module")
def bridge(graph: ConsoleGraph, emulator: EmulatorProcess) -> Process:
    """A bridge that waits for a start, and takes short prompts only."""
    return graph.bridge(emulator, {"max_prompt_length": MAX_PROMPT})


@pytest.fixture
def client(console: ConsoleProcess, bridge: Process) -> Iterator[ConsoleClient]:
    """Another page that watches the bridge; no stream runs at first."""
    with ConsoleClient(console.url, "/odyssey") as one:
        one.end_stream()
        yield one


@pytest.fixture
def form(client: ConsoleClient, page: Page) -> Page:
    """The page, with a form that is ready to start a stream."""
    expect(send_button(page, "Start")).to_be_enabled()
    return page


def send_button(page: Page, name: str) -> Locator:
    """Return the button that sends, which has this name."""
    return page.locator(".prompt-form").get_by_role("button", name=name, exact=True)


def newest(page: Page) -> Locator:
    """Return the newest entry of the log."""
    return page.locator(".prompt-log li").first


def send(page: Page, text: str) -> None:
    """Type a prompt, press Enter, and wait until it is acknowledged."""
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(newest(page).locator(".prompt-text")).to_have_text(text)
    expect(newest(page).get_by_text("Acknowledged")).to_be_visible()


def transfer(page: Page, kind: str, content: bytes, name: str = "sea.png", mime: str = "image/png") -> Any:
    """Drag, drop or paste a file."""
    return page.evaluate(TRANSFER, [kind, name, mime, base64.b64encode(content).decode()])


def test_prompts_by_keyboard(form: Page, open_page: Callable[..., Page]) -> None:
    """Start, send, history, a line break and the end, without the mouse; another page sees the same."""
    field = form.get_by_role("textbox", name="Prompt")
    form.keyboard.press("/")
    expect(field).to_be_focused()
    send(form, "a harbour at dawn")
    expect(send_button(form, "Send")).to_be_enabled()
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    send(form, "snow falls")
    expect(newest(form).get_by_text("snow falls, cinematic")).to_be_visible()
    form.keyboard.type("draft")
    form.keyboard.press("ArrowUp")
    expect(field).to_have_value("snow falls")
    form.keyboard.press("ArrowUp")
    expect(field).to_have_value("a harbour at dawn")
    form.keyboard.press("ArrowDown")
    form.keyboard.press("ArrowDown")
    expect(field).to_have_value("draft")
    form.keyboard.press("Shift+Enter")
    form.context.grant_permissions(["clipboard-write"])
    form.evaluate("navigator.clipboard.writeText('second line\\r\\nthird line')")
    form.keyboard.press("Control+v")
    expect(field).to_have_value("draft\nsecond line\nthird line")
    field.fill("draft\nsecond line")
    expect(field).to_have_value("draft\nsecond line")
    form.keyboard.press("ArrowUp")  # within the text
    expect(field).to_have_value("draft\nsecond line")
    other = open_page()
    expect(newest(other).locator(".prompt-text")).to_have_text("snow falls")
    newest(other).get_by_role("button", name="snow falls").press("Enter")
    expect(other.get_by_role("textbox", name="Prompt")).to_have_value("snow falls")
    expect(other.get_by_role("textbox", name="Prompt")).to_be_focused()
    form.keyboard.press("Escape")
    expect(field).not_to_be_focused()
    form.keyboard.press("e")
    expect(form.get_by_role("button", name="End stream")).to_be_focused()
    expect(send_button(form, "Send")).to_be_visible()  # the key alone ends nothing
    form.keyboard.press("Enter")
    expect(send_button(other, "Start")).to_be_visible()
    expect(send_button(form, "Start")).to_be_visible()


def test_errors_are_beside_the_field(form: Page, emulator: EmulatorProcess, watch: PageWatch) -> None:
    """What the page refuses, and what the service refuses; the text stays."""
    alert = form.locator("#prompt-error")
    field = form.get_by_role("textbox", name="Prompt")
    field.press("Enter")
    expect(alert).to_have_text("The prompt is empty: describe the scene.")
    field.fill("\N{ROCKET}" * MAX_PROMPT)
    expect(alert).to_have_text("")
    expect(form.get_by_text(f"{MAX_PROMPT} of {MAX_PROMPT} characters")).to_be_visible()
    field.press("End")
    field.press("x")
    field.press("Enter")
    expect(alert).to_contain_text(f"The prompt has {MAX_PROMPT + 1} characters, but at most {MAX_PROMPT}")
    watch.allow(r"409 POST .*/api/stream/start")
    emulator.fault(fault="stream_refusal", request="start", message="This scene is not allowed")
    field.fill("something else")
    field.press("Enter")
    expect(alert).to_have_text(
        "The service does not accept this prompt or picture. (moderation_failed: This scene is not allowed)"
    )
    expect(field).to_have_value("something else")
    expect(newest(form).get_by_text("Failed", exact=True)).to_be_visible()
    expect(newest(form).get_by_text("This scene is not allowed")).to_be_visible()
    assert form.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_start_pictures(form: Page, client: ConsoleClient, watch: PageWatch) -> None:
    """By drop, by paste and by the button; with a preview that can be removed; also into a new stream."""
    live = form.locator(".prompt-form")
    alert = form.locator("#prompt-error")
    preview = live.get_by_role("img", name="Start picture")
    remove = live.get_by_role("button", name="Remove the start picture")
    assert transfer(form, "dragover", one_colour()) == {"kept": False, "marked": True}
    assert transfer(form, "drop", one_colour()) == {"kept": False, "marked": False}
    expect(preview).to_have_attribute("alt", "Start picture sea.png")
    expect(live.get_by_text("640 x 352")).to_be_visible()
    remove.click()
    expect(preview).to_be_hidden()
    transfer(form, "drop", b"text", "notes.txt", "text/plain")
    expect(alert).to_contain_text("notes.txt is not a picture: choose a JPEG")
    watch.allow(r"400 POST .*/api/stream/picture|blob:")
    transfer(form, "drop", b"no picture", "sea.png")
    expect(alert).to_contain_text("sea.png: unsupported image type")
    with form.expect_file_chooser() as chosen:
        live.get_by_role("button", name="Start picture").click()
    chosen.value.set_files({"name": "sky.png", "mimeType": "image/png", "buffer": one_colour()})
    expect(preview).to_have_attribute("alt", "Start picture sky.png")
    form.get_by_role("textbox", name="Prompt").focus()
    send(form, "a wall")
    expect(newest(form).get_by_text("Start, picture")).to_be_visible()
    expect(preview).to_be_hidden()
    expect(send_button(form, "Send")).to_be_visible()
    form.get_by_role("textbox", name="Prompt").focus()
    assert form.evaluate(PASTE_TEXT_WITH_PICTURE)  # the browser inserts the text
    assert transfer(form, "paste", one_colour(), "") == {"kept": False, "marked": False}
    expect(preview).to_be_visible()
    expect(form.get_by_role("button", name="New stream")).to_have_attribute("aria-pressed", "true")
    first = client.wait_for(lambda state: state["status"]["streaming"] and state["status"]["stream_id"])
    form.get_by_label("Portrait").check()
    form.get_by_role("textbox", name="Prompt").fill("another wall")
    send_button(form, "End and start").click()
    expect(newest(form).get_by_text("Start, portrait, picture")).to_be_visible()
    expect(newest(form).get_by_text("Acknowledged")).to_be_visible()
    client.wait_for(lambda state: state["status"]["streaming"] and state["status"]["stream_id"] != first)
    expect(send_button(form, "Send")).to_be_visible()


def test_broadcast_says_how_to_get_the_addresses(form: Page) -> None:
    """The page has no address, because it contains a token."""
    form.get_by_label("Broadcast").check()
    form.get_by_role("textbox", name="Prompt").fill("a wall")
    form.get_by_role("textbox", name="Prompt").press("Enter")
    expect(form.get_by_text("ros2 service call /odyssey/get_broadcast")).to_be_visible()
    assert re.search(r"whep|token=", form.content()) is None


def test_inactive_node_is_explained(form: Page, probe: Probe) -> None:
    """Words and a link take the place of the form, which comes back with its text."""
    form.get_by_role("textbox", name="Prompt").fill("a wall")
    deactivate = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_DEACTIVATE))
    probe.call(ChangeState, "/odyssey/change_state", deactivate)
    expect(form.get_by_text("The node is inactive. Activate it in State.")).to_be_visible()
    expect(form.get_by_role("link", name="Open State")).to_be_visible()
    expect(send_button(form, "Start")).to_be_hidden()
    activate = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_ACTIVATE))
    probe.call(ChangeState, "/odyssey/change_state", activate)
    expect(form.get_by_role("textbox", name="Prompt")).to_have_value("a wall")


def test_modules_without_elements(page: Page) -> None:
    """What the prompt says for each kind and state of a node, and the history of prompts."""
    texts = page.evaluate(
        """async () => {
          const { typedPrompt } = await import('/static/prompt_text.js');
          const sent = [{ text: 'snow', applied: 'snow, cinematic' }, { text: 'rain', applied: '' }];
          const { readiness, refusesPictures } = await import('/static/prompt_readiness.js');
          const bridge = { kind: 'bridge', can: ['start_stream', 'interact'] };
          const connected = { connection: 3, capabilities: { image_to_video: false } };
          const of = (entry, status, state) => {
            const found = readiness({ node: '/x', entry, status, lifecycle: state && { state } });
            return [found.form, found.ready, found.text];
          };
          return {
            none: readiness({ node: '' }).text,
            gone: of(undefined),
            player: of({ kind: 'player', can: ['seek'] }),
            spectator: of({ kind: 'spectator', can: [] }, connected),
            unconfigured: of(bridge, connected, 'unconfigured'),
            failed: of(bridge, { connection: 5, message: 'The key was refused' }, 'active'),
            connecting: of(bridge, { connection: 2, connection_text: 'connecting' }, 'active'),
            ready: of(bridge, connected, 'active'),
            offline: readiness({ node: '/x', entry: bridge, status: connected, isOnline: false }).ready,
            noPictures: refusesPictures(connected),
            typed: ['snow, cinematic', 'fog'].map((applied) => typedPrompt(applied, sent)),
          };
        }"""
    )
    assert "ros2 launch odyssey_ros" in texts["none"]
    assert [texts[name][0] for name in ("gone", "player", "spectator", "unconfigured")] == [False] * 4
    assert "is not on the graph" in texts["gone"][2]
    assert "plays recordings" in texts["player"][2]
    assert "watches a broadcast and cannot prompt" in texts["spectator"][2]
    assert texts["failed"][2] == "The key was refused. Configure the node again in State."
    assert texts["connecting"][:2] == [True, False]
    assert texts["ready"] == [True, True, ""]
    assert texts["noPictures"]
    assert not texts["offline"]
    assert texts["typed"] == ["snow", "fog"]
    check_history(page)


def check_history(page: Page) -> None:
    """Anything may be in the storage of the browser, and it may be full."""
    found = page.evaluate(
        """async () => {
          const { PromptHistory } = await import('/static/prompt_history.js');
          const stored = (text) => ({ getItem: () => text, setItem() { throw new Error('full'); } });
          const all = (history) => {
            const texts = [];
            for (let text = history.older(''); text !== undefined; text = history.older('')) texts.push(text);
            return texts;
          };
          const full = new PromptHistory(stored('["a", 5, "b"]'));
          full.add('a');
          const many = new PromptHistory(undefined);
          for (let number = 0; number < 60; number += 1) many.add(String(number));
          return [
            ...['{', '{"a": 1}', 'null', null].map((text) => all(new PromptHistory(stored(text))).length),
            all(full), all(many).length,
          ];
        }"""
    )
    assert found == [0, 0, 0, 0, ["a", "b"], 50]
