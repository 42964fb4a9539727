"""Attacks on a running console: by requests of any kind, and by another page in the same browser."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

import console_pages
from console_graph import CONSOLE_READY, ConsoleProcess
from hostile_page import ATTACKS, POPUP, hostile_server
from odyssey_ros.console.server.console_server import MAX_CONNECTIONS
from processes import wait_for_line
from raw_requests import request, send_raw
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page
    from websockets.sync.client import ClientConnection

    from console_graph import ConsoleGraph
    from probe import Probe
    from processes import Process

PROMPT = "a harbour at dawn"
SECRETS = {"ODYSSEY_API_KEY": "ody_planted_key", "ODYSSEY_SPECTATOR_TOKEN": "planted_spectator_token"}
CHANGES = (
    *("/api/stream/start", "/api/stream/interact", "/api/stream/end", "/api/stream/picture"),
    *("/api/lifecycle", "/api/player/pause", "/api/player/resume", "/api/player/step", "/api/player/seek"),
    "/api/player/rate",
    *("/api/scripts/check", "/api/simulations", "/api/simulations/x/cancel", "/api/logout", "/api/none"),
)
READS = (
    *("/", "/static/main.js", "/api/session", "/api/recordings", "/api/recordings/x", "/api/simulations"),
    *(
        "/media/recordings/x/video",
        "/media/simulations/x/0/video",
        "/socket/state",
        "/socket/pictures",
        "/none",
    ),
)


@pytest.fixture(scope="module")
def console(graph: ConsoleGraph) -> ConsoleProcess:
    """A console whose environment has secrets that it must not use."""
    process = graph.node("console", {"port": 0}, environment=SECRETS)
    line = wait_for_line(process, lambda line: CONSOLE_READY in line)
    return ConsoleProcess(process, line.partition(CONSOLE_READY)[2].split()[0])


@pytest.fixture(scope="module")
def port(console: ConsoleProcess) -> int:
    """The port of the console."""
    return urlsplit(console.url).port or 0


@pytest.fixture(scope="module")
def page_token(port: int) -> str:
    """The token of the page."""
    text = send_raw(port, request("GET /api/session", f"Host: 127.0.0.1:{port}"))[1]
    return str(json.loads(text.rpartition("\r\n\r\n")[2])["page_token"])


def test_no_route_answers_another_site(port: int, page_token: str) -> None:
    """Not even with the token of the page."""
    own, token = f"Host: 127.0.0.1:{port}", f"X-Console-Token: {page_token}"
    right = f"Origin: http://127.0.0.1:{port}"
    attempts = (
        (421, "Host: rebound.example", right),
        (421, f"Host: rebound.example:{port}", f"Origin: http://rebound.example:{port}"),
        (403, own, "Origin: https://page.example.org"),
        (403, own, "Origin: null"),
        (403, own, f"Origin: http://127.0.0.1:{port + 1}"),
        (403, own, f"Origin: http://localhost:{port}"),
        (403, own, right, "Sec-Fetch-Site: cross-site"),
        (403, own, right, "Sec-Fetch-Site: same-site"),
    )
    for path in (*CHANGES, *READS):
        for status, *headers in attempts:
            head = f"{'POST' if path in CHANGES else 'GET'} {path}"
            assert send_raw(port, request(head, *headers, token))[0] == status, (head, headers)


def test_changes_need_an_origin_and_the_token_of_the_page(port: int, page_token: str) -> None:
    own = (f"Host: 127.0.0.1:{port}", f"Origin: http://127.0.0.1:{port}")
    for path in CHANGES:
        for headers in (
            own,
            (*own, "X-Console-Token: "),
            (*own, f"X-Console-Token: {page_token[:-1]}"),
            (own[0], f"X-Console-Token: {page_token}"),
        ):
            assert send_raw(port, request(f"POST {path}", *headers, body=b"{}"))[0] == 403, (path, headers)


@pytest.mark.parametrize("path", ["state", "pictures"])
def test_sockets_send_nothing_without_the_token(console: ConsoleProcess, path: str) -> None:
    address = f"{console.url.replace('http', 'ws')}/socket/{path}"
    for origin in (None, "https://page.example.org", "null", "http://127.0.0.1:9"):
        with pytest.raises(InvalidStatus):
            connect(address, origin=origin)
    for hello in (
        {"type": "hello", "token": "x"},
        {"type": "hello"},
        {"type": "watch", "node": "/odyssey"},
        [],
    ):
        with connect(address, origin=console.url) as one:
            one.send(json.dumps(hello))
            with pytest.raises(ConnectionClosed):
                one.recv(timeout=60)


def test_silent_sockets_are_closed(console: ConsoleProcess) -> None:
    """Without a hello, after a few seconds."""
    address = f"{console.url.replace('http', 'ws')}/socket"
    with (
        connect(f"{address}/state", origin=console.url) as state,
        connect(f"{address}/pictures", origin=console.url) as pictures,
    ):
        for silent in (state, pictures):
            with pytest.raises(ConnectionClosed):
                silent.recv(timeout=60)


def receive_all(one: ClientConnection) -> None:
    """Receive until a socket closes."""
    while True:
        one.recv(timeout=60)


@pytest.mark.parametrize("path", ["state", "pictures"])
def test_oversized_messages_close_a_socket(console: ConsoleProcess, page_token: str, path: str) -> None:
    address = f"{console.url.replace('http', 'ws')}/socket/{path}"
    with connect(address, origin=console.url) as one:
        one.send(json.dumps({"type": "hello", "token": page_token}))
        one.send("x" * 1_000_000)
        with pytest.raises(ConnectionClosed, match="1009"):
            receive_all(one)


def test_oversized_requests_are_refused(port: int, page_token: str) -> None:
    own = (
        *(f"Host: 127.0.0.1:{port}", f"Origin: http://127.0.0.1:{port}"),
        f"X-Console-Token: {page_token}",
    )
    assert send_raw(port, request("GET /" + "x" * 100_000, *own))[0] in (0, 400)
    assert send_raw(port, request("GET /", *own, "X-Large: " + "x" * 100_000))[0] in (0, 400)
    assert send_raw(port, request("GET /", *own, *(f"X-{n}: x" for n in range(1000))))[0] in (0, 400)
    paths = ("/api/stream/interact", "/api/stream/picture", "/api/scripts/check", "/api/simulations")
    requests = [request(f"POST {path}", *own, length=10**12) for path in paths]
    with ThreadPoolExecutor(len(paths)) as pool:  # each answer closes its connection after some seconds
        answers = list(pool.map(partial(send_raw, port), requests))
    for path, (status, _) in zip(paths, answers, strict=True):
        assert status in (404, 413), path  # without waiting for the body


@pytest.mark.parametrize(
    "path",
    [
        "/static/../console_node.py",
        "/static/%2e%2e/console_node.py",
        "/static/..%2fconsole_node.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/..\\..\\etc",
        "/static/%00",
        "//etc/passwd",
        "/static/",
        "/static",
        "/page/index.html",
        "/media/recordings/../../api/session",
    ],
)
def test_no_other_file_can_be_read(port: int, path: str) -> None:
    status, text = send_raw(port, request(f"GET {path}", f"Host: 127.0.0.1:{port}"))
    assert status in (400, 404)
    assert "root:" not in text
    assert "import" not in text


def test_a_header_cannot_be_injected(port: int) -> None:
    for path in ("/%0d%0aX-Injected:1", "/?x=%0d%0aX-Injected:%201", "/api/recordings/%0d%0aX-Injected:1"):
        _, text = send_raw(port, request(f"GET {path}", f"Host: 127.0.0.1:{port}"))
        assert "\nX-Injected" not in text
    smuggled = request("GET /", f"Host: 127.0.0.1:{port}", "Transfer-Encoding: chunked", body=b"0\r\n\r\n")
    assert send_raw(port, smuggled)[0] == 400


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT"])
def test_other_methods_are_refused(port: int, method: str) -> None:
    own = (f"Host: 127.0.0.1:{port}", f"Origin: http://127.0.0.1:{port}")
    status, text = send_raw(port, request(f"{method} /api/session", *own))
    assert status in (400, 405)
    assert "access-control" not in text.lower()


def received(one: socket.socket) -> bytes:
    """Return what a connection receives; nothing if it is closed."""
    try:
        return one.recv(1)
    except ConnectionError:
        return b""


def test_connections_are_bounded(port: int) -> None:
    """Those above the bound are closed, and the console serves again when the others have gone."""
    opened = [socket.create_connection(("127.0.0.1", port), 60) for _ in range(MAX_CONNECTIONS + 20)]
    try:
        for one in opened[MAX_CONNECTIONS:]:
            assert received(one) == b""
    finally:
        for one in opened:
            one.close()
    ask = request("GET /", f"Host: 127.0.0.1:{port}")
    wait_until(lambda: send_raw(port, ask)[0] == 200, "an answer")


def prompts(probe: Probe) -> Callable[[], set[str]]:
    """Wait for the prompt of the bridge; return what returns all prompts since then."""
    statuses, events = probe.statuses(), probe.events()
    wait_until(lambda: statuses and statuses[-1].prompt.startswith(PROMPT), "the prompt of the bridge")
    return lambda: {one.prompt for one in (*statuses, *events) if one.prompt}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "attacker.localhost"])
def test_another_page_reads_and_changes_nothing(
    host: str, browser: Browser, console: ConsoleProcess, bridge: Process, probe: Probe, port: int
) -> None:
    """Of another port of the same host, of another name of this machine, and of another site."""
    seen = prompts(probe)
    before = seen()
    with hostile_server() as hostile_port:
        context = browser.new_context()
        try:
            own = context.new_page()
            own.goto(f"{console.url}/#state")  # the console is open in the same browser
            expect(own.locator("#node")).to_have_value("/odyssey", timeout=console_pages.TIMEOUT_MS)
            page = context.new_page()
            page.goto(f"http://{host}:{hostile_port}/")
            results = page.evaluate(ATTACKS, {"target": console.url, "limit": 30_000})
            assert {name: result for name, result in results.items() if result != "refused"} == {}
            assert len(results) >= 17
            for frame in page.frames[1:]:
                assert "Odyssey" not in frame.content()
            with page.expect_popup() as popup:
                read = page.evaluate(POPUP, console.url)
            assert read in ("refused", "severed", "")
            # The page itself opens, out of reach of the page that opened it.
            expect(popup.value.locator("#node")).to_have_value("/odyssey", timeout=console_pages.TIMEOUT_MS)
            assert popup.value.evaluate("window.opener === null && location.hash === ''")
            # The name of the attacker now leads to the console (DNS rebinding).
            rebound = context.new_page()
            if host == "attacker.localhost":
                rebound.goto(f"http://{host}:{port}/")
                assert "does not answer to this host name" in rebound.content()
                assert rebound.evaluate("fetch('/api/session').then((answer) => answer.status)") == 421
        finally:
            context.close()
    probe.wait_for_taking()
    assert seen() == before
    assert len(before) == 1


def test_no_secret_is_in_the_page_the_log_or_an_address(
    console: ConsoleProcess, page: Page, watch: Any, bridge: Process, page_token: str
) -> None:
    expect(page.locator("#node")).to_have_value("/odyssey", timeout=console_pages.TIMEOUT_MS)
    for name in ("State", "Recordings", "Simulations", "Live"):
        page.evaluate(f"location.hash = '{name.lower()}'")
        expect(page).to_have_title(f"{name} · Odyssey console")
        text = page.content()
        assert not any(secret in text for secret in (*SECRETS.values(), page_token, "ody_test_key"))
    assert watch.requests
    stored = page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])")
    for text in (*watch.requests, stored, console.process.text):
        assert not any(secret in text for secret in (*SECRETS.values(), page_token, "ody_test_key"))
