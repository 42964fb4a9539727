"""The routes of the stream, with a console, bridges and an emulator as processes."""

from __future__ import annotations

import re
import signal
import threading
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from sensor_msgs.msg import Image

from console_client import ConsoleClient
from picture_files import one_colour
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from console_graph import ConsoleGraph, ConsoleProcess
    from probe import Probe
    from processes import EmulatorProcess, Process

MAX_PROMPT = 60


@pytest.fixture(scope="module")
def emulator(graph: ConsoleGraph) -> EmulatorProcess:
    """An emulator with few frames."""
    return graph.emulator("--fps", "5")


@pytest.fixture(scope="module")
def bridge(graph: ConsoleGraph, emulator: EmulatorProcess) -> Process:
    """A bridge that waits for a start, and takes short prompts only."""
    return graph.bridge(emulator, {"max_prompt_length": MAX_PROMPT})


@pytest.fixture
def client(console: ConsoleProcess, bridge: Process) -> Iterator[ConsoleClient]:
    """A page that watches the bridge; no stream runs at first."""
    with ConsoleClient(console.url, "/odyssey") as one:
        one.end_stream()
        yield one


def colour_of(image: Image) -> NDArray[np.float64]:
    """Return the mean colour of the upper part of a picture."""
    pixels = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)
    return np.asarray(pixels[: image.height // 2].mean(axis=(0, 1)))


def test_prompts_are_acknowledged(client: ConsoleClient, console: ConsoleProcess) -> None:
    """All pages see them, with the prompt as applied."""
    status, started = client.post("/api/stream/start", prompt="a harbour\r\nat dawn", portrait=True)
    assert status == 200, started
    assert started["stream_id"]
    status, answered = client.post("/api/stream/interact", prompt="snow falls")
    assert status == 200, answered
    assert answered["applied_prompt"].startswith("snow falls")
    client.wait_for(lambda state: answered == {"applied_prompt": state["status"]["prompt"]}, "the prompt")
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


@pytest.mark.parametrize(
    ("prompt", "error_code", "reason"),
    [
        (" \n\t", "EMPTY_PROMPT", "describe the scene"),
        ("\N{ROCKET}" * (MAX_PROMPT + 1), "PROMPT_TOO_LONG", f"{MAX_PROMPT + 1} characters, but at most"),
        ("a\0b", "BAD_ARGUMENT", "U\\+0000"),
        ("a\x1b[31m", "BAD_ARGUMENT", "U\\+001B"),
        ("a\ud800", "BAD_ARGUMENT", "U\\+D800"),
    ],
    ids=["empty", "long", "zero", "escape", "surrogate"],
)
def test_unusable_prompts_are_refused_before_they_are_sent(
    client: ConsoleClient, prompt: str, error_code: str, reason: str
) -> None:
    """No node gets them, and the log does not list them."""
    before = client.state.get("prompts")
    for path in ("/api/stream/start", "/api/stream/interact"):
        status, refused = client.post(path, prompt=prompt)
        assert (status, refused["error_code"]) == (400, error_code)
        assert re.search(reason, refused["message"])
    assert client.state.get("prompts") == before


def test_requests_are_checked(client: ConsoleClient) -> None:
    """A wrong field or an unknown node is refused in words."""
    assert client.post("/api/stream/start", prompt=5) == (
        400,
        {"error_code": "BAD_ARGUMENT", "message": "prompt has to be a text"},
    )
    assert client.post("/api/stream/start", prompt="sea", portrait="yes")[1]["error_code"] == "BAD_ARGUMENT"
    client.node = "/nobody"
    assert client.post("/api/stream/interact", prompt="sea")[0] == 404


def test_refusals_of_the_node_are_recorded(
    client: ConsoleClient, emulator: EmulatorProcess, probe: Probe
) -> None:
    """The answer and the log have the reason of the service and of the node."""
    status, refused = client.post("/api/stream/interact", prompt="snow")
    assert (status, refused["error_code"]) == (409, "NO_STREAM")
    emulator.fault(fault="stream_refusal", request="start")
    status, refused = client.post("/api/stream/start", prompt="sea")
    assert (status, refused["error_code"]) == (409, "MODERATION_FAILED")
    failed = client.wait_for(
        lambda state: next(
            (one for one in state["prompts"] if one["text"] == "sea" and one["message"]), None
        ),
        "a failure",
    )
    assert (failed["state"], failed["error_code"], failed["message"]) == (
        "failed",
        refused["error_code"],
        refused["message"],
    )
    change = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_DEACTIVATE))
    probe.call(ChangeState, "/odyssey/change_state", change)
    status, refused = client.post("/api/stream/start", prompt="sea")
    assert (status, refused["error_code"]) == (409, "NOT_ACTIVE")
    assert "activate it first" in refused["message"]
    change = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_ACTIVATE))
    probe.call(ChangeState, "/odyssey/change_state", change)


def test_stream_starts_from_an_uploaded_picture(client: ConsoleClient, probe: Probe) -> None:
    """The stream shows the picture, which is then dropped; a stream that runs is ended first on request."""
    images: list[Image] = probe.listen(Image, "/odyssey/image_raw", 5)
    assert client.post("/api/stream/start", prompt="a grey wall")[0] == 200
    status, uploaded = client.post("/api/stream/picture", one_colour())
    assert (status, uploaded["width"], uploaded["height"], uploaded["format"]) == (200, 640, 352, "png")
    start = {"prompt": "", "picture": uploaded["id"]}
    assert client.post("/api/stream/start", **start)[1]["error_code"] == "STREAM_RUNNING"
    images.clear()
    status, started = client.post("/api/stream/start", **start, end_running=True)
    assert status == 200, started
    client.wait_for(lambda state: state["status"]["stream_id"] == started["stream_id"])
    wait_until(
        lambda: images and np.abs(colour_of(images[-1]) - (200, 40, 90)).max() < 40, "the start picture"
    )
    client.wait_for(lambda state: state["prompts"][-1]["options"] == ["picture"], "the start in the log")
    status, refused = client.post("/api/stream/start", **start, end_running=True)
    assert (status, refused["error_code"]) == (400, "BAD_IMAGE")
    assert "choose it again" in refused["message"]


def test_unusable_pictures_are_refused_at_the_upload(client: ConsoleClient) -> None:
    """Too many bytes, other files, damaged files and paths."""
    status, refused = client.post("/api/stream/picture", bytes(25 * 1024 * 1024 + 1))
    assert (status, refused["error_code"]) == (413, "MESSAGE_TOO_LONG")
    for content in (b"/etc/passwd", b"", one_colour()[:40], b"<svg xmlns='http://www.w3.org/2000/svg'/>"):
        status, refused = client.post("/api/stream/picture", content)
        assert (status, refused["error_code"]) == (400, "BAD_IMAGE"), content
    assert client.post("/api/stream/start", prompt="sea", picture="../x.png")[1]["error_code"] == "BAD_IMAGE"
    assert client.post("/api/stream/start", prompt="sea", image_path="/etc/passwd")[0] == 200  # not a field


def test_prompts_keep_their_order_and_outlive_their_page(
    client: ConsoleClient, console: ConsoleProcess, emulator: EmulatorProcess
) -> None:
    """The second waits for the first, all pages see both as pending, and the first page is closed."""
    assert client.post("/api/stream/start", prompt="sea")[0] == 200
    emulator.fault(fault="reply_delay", request="update", delay_seconds=1.5)
    with ConsoleClient(console.url, "/odyssey") as closed:
        closed.http.timeout = httpx.Timeout(60, read=0.1)
        with pytest.raises(httpx.ReadTimeout):
            closed.post("/api/stream/interact", prompt="first")
    second = threading.Thread(target=client.post, args=("/api/stream/interact",), kwargs={"prompt": "second"})
    second.start()
    client.wait_for(lambda state: [one["text"] for one in state["prompts"][-2:]] == ["first", "second"])
    client.wait_for(lambda state: {one["state"] for one in state["prompts"][-2:]} == {"acknowledged"})
    second.join(60)
    applied = client.wait_for(
        lambda state: [one["prompt"] for one in state["events"] if one["kind"] == "acknowledged"][-2:]
    )
    assert [text.split(",")[0] for text in applied] == ["first", "second"]


def test_prompt_fails_when_its_node_ends(
    graph: ConsoleGraph, emulator: EmulatorProcess, console: ConsoleProcess
) -> None:
    """Soon, with a reason: not at the time limit of the call."""
    bridge = graph.bridge(emulator, {"prompt": "sea"}, "-r", "__node:=leaving")
    with ConsoleClient(console.url, "/leaving") as client:
        client.wait_for(lambda state: (state.get("status") or {}).get("streaming"), "a stream")
        emulator.fault(fault="reply_drop", request="update")
        answers: list[tuple[int, dict[str, str]]] = []
        waiting = threading.Thread(
            target=lambda: answers.append(client.post("/api/stream/interact", prompt="x"))
        )
        waiting.start()
        client.wait_for(lambda state: state.get("prompts"), "a pending prompt")
        bridge.stop(signal.SIGTERM)
        failed = client.wait_for(
            lambda state: state["prompts"][-1]["state"] == "failed" and state["prompts"][-1],
            "a failed prompt",
        )
        waiting.join(60)
    assert failed["message"] == answers[0][1]["message"]
    assert failed["error_code"] in {"UNREACHABLE", "NOT_CONNECTED", "CLOSED", "NOT_ACTIVE"}
