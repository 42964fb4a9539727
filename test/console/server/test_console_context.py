"""Which node a request is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from console_graph import ConsoleProcess


@pytest.fixture(scope="module")
def console(lone_console: ConsoleProcess) -> ConsoleProcess:
    """A console without nodes."""
    return lone_console


@pytest.mark.parametrize("query", ["?node=/none", "?node=", "", "?node=%00", "?node=" + "x" * 5000])
def test_a_node_that_is_not_there(console: ConsoleProcess, query: str) -> None:
    with httpx.Client(base_url=console.url, trust_env=False, timeout=60) as client:
        token = client.get("/api/session").json()["page_token"]
        headers = {"Origin": console.url, "X-Console-Token": token}
        answer = client.post(f"/api/stream/end{query}", headers=headers)
    assert answer.status_code in (400, 404)
    assert answer.json()["error_code"] in ("NOT_FOUND", "BAD_ARGUMENT")
    assert len(answer.text) < 3000  # the name is shortened
