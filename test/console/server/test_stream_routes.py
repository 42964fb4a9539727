"""The routes of the stream, with a console, bridges and an emulator as processes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image as Picture

from console_client import ConsoleClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console_graph import ConsoleGraph, ConsoleProcess
    from processes import EmulatorProcess, Process

MAX_PROMPT = 60


@pytest.fixture(scope="module")
def bridge(graph: ConsoleGraph, emulator: EmulatorProcess) -> Process:
    """A bridge that waits for a start, and takes short prompts only."""
    return graph.bridge(emulator, {"max_prompt_length": MAX_PROMPT})


@pytest.fixture
def client(console: ConsoleProcess, bridge: Process) -> Iterator[ConsoleClient]:
    """A page that watches the bridge; no stream runs at first."""
    with ConsoleClient(console.url, "/odyssey") as one:
        one.wait_for(lambda state: (state.get("status") or {}).get("connection_text"), "the status")
        one.wait_for(lambda state: state["status"]["connection"] == 3, "a connection")
        one.post("/api/stream/end")
        one.wait_for(lambda state: not state["status"]["streaming"], "no stream")
        yield one


def picture(colour: tuple[int, int, int] = (200, 40, 90), kind: str = "PNG") -> bytes:
    """Return a picture file of one colour."""
    file = io.BytesIO()
    Picture.new("RGB", (640, 352), colour).save(file, kind)
    return file.getvalue()


def last_prompt(state: dict[str, Any]) -> dict[str, Any]:
    """Return the newest entry of the log."""
    return dict(state["prompts"][-1])


def test_prompts_are_acknowledged(client: ConsoleClient, console: ConsoleProcess) -> None:
    """All pages see them, with the prompt as applied."""
    status, started = client.post("/api/stream/start", prompt="a harbour\r\nat dawn", portrait=True)
    assert status == 200, started
    assert started["stream_id"]
    status, answered = client.post("/api/stream/interact", prompt="snow falls")
    assert (status, answered) == (200, {"applied_prompt": client.state["status"]["prompt"]}), answered
    with ConsoleClient(console.url, "/odyssey") as other:
        other.wait_for(lambda state: len(state.get("prompts") or []) > 1)
        first, second = other.state["prompts"][-2:]
    assert first["text"] == "a harbour\nat dawn"
    assert (first["kind"], first["options"], first["stream_id"]) == (
        "start",
        ["portrait"],
        started["stream_id"],
    )
    assert (second["kind"], second["state"], second["applied"]) == (
        "interact",
        "acknowledged",
        answered["applied_prompt"],
    )
    status, ended = client.post("/api/stream/end")
    assert (status, ended) == (200, {"stream_id": started["stream_id"]})
    assert client.post("/api/stream/end")[1]["error_code"] == "NO_STREAM"
