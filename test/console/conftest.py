"""The processes and browser pages of console tests. One set serves a whole test file.

    def test_something(bridge, page, watch):
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_text("acknowledged")).to_be_visible()  # playwright waits, up to the given limit

| fixture | scope | what |
|---|---|---|
| `graph` | file | `ConsoleGraph`: starts emulators, bridges, players and consoles on a domain of the file |
| `emulator` | file | an emulator at 5 Hz |
| `bridge` | file | a bridge at the emulator that streams "a harbour at dawn" |
| `console` | file | a console; `console.url` |
| `lone_console` | worker | a console on a graph without nodes, for files that need a page and no node |
| `module_page` | file | a page that shows nothing, for tests that import modules of the page |
| `browser` | file | Debian's Chromium, driven by playwright; without it the test is skipped |
| `watch` | test | errors of the pages; fails the test if there are others than `watch.allow(pattern)` |
| `open_page` | test | opens further pages: `open_page("#state", viewport=..., color_scheme="dark")` |
| `page` | test | a page of the console |
| `probe` | test | a node on the file's domain that listens, calls and publishes |
| `picture_node`, `picture_thread` | test | a node on a domain of its own, and a thread of pictures |

A file that needs another bridge overrides the fixture `bridge` or calls `graph.bridge`. The tests use the
plain (not asyncio) interface of playwright. A file with browser tests cannot also have `async def` tests,
because the event loop of playwright runs as long as the browser. Files with browser tests that follow each
other share the process of the browser; with `--dist loadgroup`, they follow each other in two workers.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node

import console_pages
from console_graph import ConsoleGraph
from console_pages import PageWatch
from domain_reservation import reserved_domain
from odyssey_ros.console.graph.picture_thread import PictureThread
from probe import Probe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    from console_graph import ConsoleProcess
    from processes import EmulatorProcess, Process

PROMPT = "a harbour at dawn"
KEPT_BROWSER = console_pages.KeptBrowser()


def _uses_browser(item: pytest.Item) -> bool:
    return "browser" in getattr(item, "fixturenames", ())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """End the browser after the last of several files that use one: other tests have event loops."""
    try:
        return (yield)
    finally:
        if nextitem is None or (nextitem.path != item.path and not _uses_browser(nextitem)):
            KEPT_BROWSER.end()


@pytest.fixture(scope="module")
def graph() -> Iterator[ConsoleGraph]:
    """Starts the processes of a test file."""
    with ConsoleGraph() as one:
        yield one


@pytest.fixture(scope="module")
def emulator(graph: ConsoleGraph) -> EmulatorProcess:
    """An emulator at five frames a second: each one costs, also where nobody looks."""
    return graph.emulator("--fps", "5")


@pytest.fixture(scope="module")
def bridge(graph: ConsoleGraph, emulator: EmulatorProcess) -> Process:
    """A bridge that streams."""
    return graph.bridge(emulator, {"prompt": PROMPT})


@pytest.fixture(scope="module")
def console(graph: ConsoleGraph, emulator: EmulatorProcess) -> ConsoleProcess:
    """A console, which may read the files of the emulator although it is not on the public internet."""
    return graph.console({"media_origins": f"['{emulator.url}']"})


@pytest.fixture(scope="session")
def lone_console() -> Iterator[ConsoleProcess]:
    """A console without nodes, which many files share."""
    with ConsoleGraph() as graph:
        yield graph.console()


@pytest.fixture(scope="module")
def module_page(lone_console: ConsoleProcess, browser: Browser) -> Iterator[Page]:
    """An empty page with the origin of a console, for tests that import modules."""
    page = browser.new_page()
    page.goto(f"{lone_console.url}/static/icon.svg")
    yield page
    page.close()


@pytest.fixture(scope="module")
def browser() -> Browser:
    """A Chromium, which may be that of the file before."""
    return KEPT_BROWSER.get()


@pytest.fixture
def watch() -> Iterator[PageWatch]:
    """Collects the errors of the test's pages; fails the test if there is one that it did not allow."""
    one = PageWatch()
    yield one
    assert one.unexpected() == []


@pytest.fixture
def open_page(browser: Browser, console: ConsoleProcess, watch: PageWatch) -> Iterator[Callable[..., Page]]:
    """Opens pages, each in a context of its own: `open_page("#state", color_scheme="dark")`."""
    pages: list[Page] = []

    def open_one(address: str = "", **options: Any) -> Page:
        pages.append(console_pages.open_page(browser, f"{console.url}/{address}", watch, **options))
        return pages[-1]

    yield open_one
    for page in pages:
        page.context.close()


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """A page of the console, on a screen of 1280 x 800."""
    return open_page()


@pytest.fixture
def probe(graph: ConsoleGraph) -> Iterator[Probe]:
    """A node that subscribes, calls services and waits."""
    one = Probe(graph.domain)
    yield one
    one.close()


@pytest.fixture
def picture_node() -> Iterator[Node]:
    """A node that publishes, and whose name the thread takes for its own node."""
    with reserved_domain() as domain:
        context = Context()
        rclpy.init(context=context, domain_id=domain)
        one = Node("console", context=context)
        yield one
        one.destroy_node()
        rclpy.try_shutdown(context=context)


@pytest.fixture
def picture_thread(picture_node: Node) -> Iterator[PictureThread]:
    """The thread that takes pictures, which ends."""
    one = PictureThread(picture_node)
    yield one
    one.stop(20)
    assert "pictures" not in [running.name for running in threading.enumerate()]
