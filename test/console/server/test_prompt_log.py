"""The log of the prompts that were sent."""

from __future__ import annotations

from typing import Any

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.server.prompt_log import MAX_CHARACTERS, MAX_NODES, MAX_PROMPTS, PromptLog

Published = list[tuple[str, list[dict[str, Any]]]]


def make_log() -> tuple[PromptLog, Published]:
    """Return a log at second 5, and what it publishes."""
    published: Published = []
    return PromptLog(lambda node, prompts: published.append((node, prompts)), lambda: 5.0), published


def test_states_are_published() -> None:
    """A prompt is pending, then acknowledged or failed."""
    log, published = make_log()
    first = log.add("/a", "sea", "start", ("portrait",))
    second = log.add("/a", "snow", "interact")
    log.acknowledge("/a", first, "sea, wide", "stream-1")
    log.fail("/a", second, OdysseyError("no stream is running", code=ErrorCode.NO_STREAM))
    assert [node for node, _ in published] == ["/a"] * 4
    assert [[one["state"] for one in prompts] for _, prompts in published] == [
        ["pending"],
        ["pending", "pending"],
        ["acknowledged", "pending"],
        ["acknowledged", "failed"],
    ]
    assert published[-1][1] == log.prompts("/a")
    assert log.prompts("/a") == [
        {
            "id": 1,
            "time": 5.0,
            "text": "sea",
            "kind": "start",
            "options": ["portrait"],
            "state": "acknowledged",
            "applied": "sea, wide",
            "stream_id": "stream-1",
            "error_code": "",
            "message": "",
        },
        {
            "id": 2,
            "time": 5.0,
            "text": "snow",
            "kind": "interact",
            "options": [],
            "state": "failed",
            "applied": "",
            "stream_id": "",
            "error_code": "NO_STREAM",
            "message": "no stream is running",
        },
    ]


def test_log_is_bounded() -> None:
    """In prompts, in characters and in nodes; the oldest are dropped."""
    log, _ = make_log()
    for number in range(MAX_PROMPTS + 5):
        log.add("/a", str(number), "interact")
    assert [one["text"] for one in log.prompts("/a")] == [str(number) for number in range(5, MAX_PROMPTS + 5)]
    long = log.add("/a", "x" * MAX_CHARACTERS, "interact")
    assert [one["id"] for one in log.prompts("/a")] == [long.id]
    for number in range(MAX_NODES):
        log.add(f"/{number}", "sea", "start")
    assert log.prompts("/a") == []
    log.acknowledge("/a", long, "")  # of a node whose log was dropped
    assert log.prompts("/a") == []
