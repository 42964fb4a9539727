"""Requests with script texts: their fields, and checks one at a time."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.server.request_bodies import JsonBody
from odyssey_ros.console.server.script_requests import MAX_WAITING, ScriptChecks, ScriptRequest


def read(**fields: Any) -> ScriptRequest:
    """Read the fields of a request."""
    return ScriptRequest.read(JsonBody({"text": "script: x", **fields}))


def test_the_fields() -> None:
    assert read() == ScriptRequest("script: x", "script.yaml", portrait=False, pictures={})
    assert read(portrait=True, name="a.json", pictures={"a.png": "id"}).pictures == {"a.png": "id"}


@pytest.mark.parametrize(
    "fields",
    [
        {"text": None},
        {"name": "x" * 256},
        {"portrait": 1},
        {"pictures": ["a.png"]},
        {"pictures": {"a.png": 1}},
        {"pictures": {"": "id"}},
        {"pictures": {f"{index}.png": "id" for index in range(9)}},
    ],
)
def test_invalid_fields(fields: dict[str, Any]) -> None:
    with pytest.raises(OdysseyError) as refused:
        read(**fields)
    assert refused.value.code is ErrorCode.BAD_ARGUMENT


async def test_checks_run_one_at_a_time_beside_the_loop() -> None:
    checks, request = ScriptChecks(), read()
    started, released = threading.Event(), threading.Event()
    running = 0

    def use(_: Any) -> int:
        nonlocal running
        running += 1
        started.set()
        assert released.wait(60)
        running -= 1
        return running

    all_checks = [asyncio.ensure_future(checks.run(request, None, use)) for _ in range(MAX_WAITING)]
    await asyncio.to_thread(started.wait, 60)
    with pytest.raises(OdysseyError, match="checking other scripts"):
        await checks.run(request, None, use)
    released.set()
    assert await asyncio.gather(*all_checks) == [0] * MAX_WAITING


async def test_the_limit_of_prompts_is_that_of_the_node() -> None:
    request = ScriptRequest(
        "[{timestamp_ms: 0, start: {prompt: 'long prompt'}}, {timestamp_ms: 1, end: {}}]",
        "a.yaml",
        portrait=False,
        pictures={},
    )
    errors = await ScriptChecks().run(request, 7, lambda checked: checked.errors)
    assert "at most 7 are allowed" in errors[0].message
