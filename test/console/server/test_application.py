"""The routes of a running console: all that the page uses, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console_graph import ConsoleProcess

CHANGES = (
    *("/api/stream/start", "/api/stream/interact", "/api/stream/end", "/api/stream/picture"),
    *("/api/lifecycle", "/api/player/pause", "/api/player/resume", "/api/player/step", "/api/player/seek"),
    *("/api/scripts/check", "/api/simulations/x/cancel", "/api/login", "/api/logout"),
)
READS = ("/", "/login", "/static/main.js", "/api/session", "/api/recordings", "/api/recordings/x")


@pytest.fixture(scope="module")
def console(lone_console: ConsoleProcess) -> ConsoleProcess:
    """A console without nodes."""
    return lone_console


@pytest.fixture(scope="module")
def client(console: ConsoleProcess) -> Iterator[httpx.Client]:
    """Sends requests as the page does."""
    with httpx.Client(base_url=console.url, trust_env=False, timeout=60) as one:
        token = one.get("/api/session").json()["page_token"]
        one.headers.update({"Origin": console.url, "X-Console-Token": token})
        yield one


@pytest.mark.parametrize("path", CHANGES)
def test_what_changes_something_is_a_post(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", READS)
def test_what_reads_is_no_post(client: httpx.Client, path: str) -> None:
    answer = client.post(path)
    assert (answer.status_code, "GET" in answer.headers["allow"]) == (405, True)


@pytest.mark.parametrize("path", ["/api", "/api/none", "/none", "/socket/none", "/media/none", "/static"])
def test_nothing_else_exists(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404
    assert client.post(path).status_code == 404
