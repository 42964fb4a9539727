"""The page as a whole, in a real Chromium with real content: accessible, narrow and complete."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from console_canvas import PictureCanvas
from console_content import make_job, make_recording

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from console_graph import ConsoleGraph, ConsoleProcess
    from console_pages import PageWatch
    from processes import EmulatorProcess, Process

TOP = Path(__file__).resolve().parents[2]
PAGE = TOP / "odyssey_ros" / "console" / "page"
SCREENSHOTS = TOP / "build" / "console_screenshots"

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1400, "height": 900}},
    "dark": {"viewport": {"width": 1400, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}

SCRIPT = [
    {"timestamp_ms": 0, "start": {"prompt": "a calm sea"}},
    {"timestamp_ms": 1000, "interact": {"prompt": "a red desert"}},
    {"timestamp_ms": 2000, "end": {}},
]

_IMPORT = re.compile(r"""import (?:\{([^}]*)\} from )?'(\./[^']+)';""")
_EXPORT = re.compile(r"^export (?:async )?(?:function|class|const|let) (\w+)", re.MULTILINE)


@pytest.fixture(scope="module")
def emulator(graph: ConsoleGraph) -> EmulatorProcess:
    """An emulator with a recording."""
    emulator = graph.emulator("--fps", "5")
    make_recording(emulator.url, ["a calm sea", "a red desert"])
    return emulator


@pytest.fixture(scope="module")
def content(graph: ConsoleGraph, emulator: EmulatorProcess, bridge: Process) -> None:
    """Everything that a page can show: a bridge that streams, a recording, and a player of a job."""
    job = make_job(emulator.url, SCRIPT)
    graph.bridge(emulator, {"job_id": job, "exit_when_finished": False, "loop": True}, name="player")


class _Visit:
    """Looks at views of a page in one of the `LOOKS`."""

    def __init__(self, page: Page, look: str) -> None:
        self.page = page
        self._look = look
        self.problems: list[str] = []

    def look(self, name: str) -> None:
        """Take a picture, and note what axe finds and whether the page is too wide."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}_{self._look}.png", full_page=self._look == "phone")
        for one in Axe().run(self.page).response["violations"]:
            where = [node["html"][:200] for node in one["nodes"][:3]]
            self.problems.append(f"{name}: {one['id']}: {one['help']}: {where}")
        self._check_width(name)
        if self._look == "phone":
            size = self.page.viewport_size
            assert size is not None
            self.page.set_viewport_size({"width": 320, "height": size["height"]})
            self._check_width(f"{name} at 320 px")
            self.page.set_viewport_size(size)

    def _check_width(self, name: str) -> None:
        width, shown = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        if width > shown:
            self.problems.append(f"{name}: {width} px wide in a window of {shown} px: {_widest(self.page)}")


def _widest(page: Page) -> list[str]:
    return list(
        page.evaluate(
            """[...document.querySelectorAll('body *')]
                .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
                .slice(0, 5).map((one) => one.outerHTML.slice(0, 120))"""
        )
    )


@pytest.mark.usefixtures("content")
@pytest.mark.parametrize("look", LOOKS)
def test_views_are_accessible_and_narrow(look: str, open_page: Callable[..., Page]) -> None:
    """Axe finds nothing in any view, and no view scrolls sideways. build/console_screenshots shows them."""
    visit = _Visit(open_page("?node=/odyssey#live", **LOOKS[look]), look)
    page = visit.page
    PictureCanvas(page).wait_for_pictures()
    _send_prompts(page)
    visit.look("live")
    _go(page, "state")
    expect(page.get_by_role("table").first).to_be_visible()
    visit.look("state")
    _go(page, "recordings")
    card = page.get_by_role("list", name="Recordings").get_by_role("link").last
    expect(card.locator("img")).to_have_js_property("complete", value=True)
    visit.look("recordings")
    card.click()
    expect(page.get_by_text("a red desert").first).to_be_visible()
    visit.look("recording")
    _go(page, "simulations")
    job = page.get_by_role("region", name="Jobs").get_by_role("link").first
    expect(job).to_be_visible()
    visit.look("simulations")
    job.click()
    expect(page.locator("video").first).to_be_visible()
    visit.look("job")
    page.get_by_role("button", name="Keyboard and appearance").click()
    visit.look("help")
    page.keyboard.press("Escape")
    _go(page, "live")
    page.get_by_label("Node").select_option("/player")
    PictureCanvas(page).wait_for_pictures()
    visit.look("player")
    assert visit.problems == []


def _go(page: Page, view: str) -> None:
    page.evaluate(f"location.hash = '{view}'")


def _send_prompts(page: Page) -> None:
    """Send a prompt, and make the page show the error of an empty one."""
    field = page.get_by_role("textbox", name="Prompt")
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    field.fill("snow falls on the quay")
    field.press("Enter")
    expect(page.get_by_role("region", name="Sent prompts")).to_contain_text("Acknowledged")
    field.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="empty")).to_be_visible()


def test_every_file_is_served_with_its_type(console: ConsoleProcess) -> None:
    """The console serves each file of the page, and the page names no file that is missing."""
    types = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
    files = [file for file in PAGE.rglob("*") if file.suffix in types and file.name != "index.html"]
    with httpx.Client(base_url=console.url) as client:
        for file in files:
            response = client.get(f"/static/{file.relative_to(PAGE).as_posix()}")
            assert response.status_code == 200, file
            assert response.headers["content-type"].startswith(types[file.suffix])
            assert response.content == file.read_bytes()
        for address in re.findall(r'(?:href|src)="(/[^"]*)"', client.get("/").text):
            assert client.get(address).status_code == 200, address


def test_modules_import_what_they_use() -> None:
    """Each import names a file and its exports, and each imported name is used."""
    for file in sorted(PAGE.rglob("*.js")):
        text = file.read_text(encoding="utf-8")
        for names, path in _IMPORT.findall(text):
            imported = file.parent / path
            assert imported.is_file(), f"{file.name} imports {path}, which does not exist"
            exported = set(_EXPORT.findall(imported.read_text(encoding="utf-8")))
            for name in filter(None, (part.strip() for part in names.split(","))):
                assert name in exported, f"{path} does not export {name}, which {file.name} imports"
                rest = _IMPORT.sub("", text)
                assert re.search(rf"\b{name}\b", rest), f"{file.name} imports {name} without using it"


def test_no_module_makes_html_of_texts() -> None:
    """Nothing parses a text as HTML, a script or a style: a prompt could contain them."""
    forbidden = re.compile(
        r"\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|parseFromString"
        r"|\beval\(|new Function|setAttribute\('style'|srcdoc"
    )
    for file in sorted(PAGE.rglob("*.js")):
        assert not forbidden.search(file.read_text(encoding="utf-8")), file


@pytest.mark.usefixtures("bridge")
def test_page_asks_only_the_console(
    open_page: Callable[..., Page], console: ConsoleProcess, watch: PageWatch
) -> None:
    """All requests of all views go to the console: robots are offline."""
    page = open_page("?node=/odyssey")
    for name in ("State", "Recordings", "Simulations", "Live"):
        page.get_by_role("link", name=name, exact=True).click()
        page.wait_for_load_state("networkidle")
    own = urlsplit(console.url).netloc
    other = [
        url
        for url in watch.requests
        if urlsplit(url).netloc != own and not url.startswith(("blob:", "data:"))
    ]
    assert other == []
