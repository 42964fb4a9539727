"""Answers are JSON that browsers can read, and errors have a status."""

from __future__ import annotations

import json
import math

import pytest
from aiohttp import ClientSession, web

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.server.answers import answer, error_answer, errors_as_json, json_text


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks_become_null(number):
    value = {"a": [number, 1.5, (number,)], "b": {"c": number}, "d": True, "e": "x"}
    assert json.loads(json_text(value)) == {"a": [None, 1.5, [None]], "b": {"c": None}, "d": True, "e": "x"}


def test_an_answer():
    made = answer({"a": "é"})
    assert (made.status, made.content_type, made.text) == (200, "application/json", '{"a":"é"}')


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (ErrorCode.BAD_ARGUMENT, 400),
        (ErrorCode.NOT_FOUND, 404),
        (ErrorCode.MESSAGE_TOO_LONG, 413),
        (ErrorCode.TOO_MANY_CALLS, 429),
        (ErrorCode.INTERNAL, 500),
        (ErrorCode.TIMEOUT, 504),
        (ErrorCode.NO_STREAM, 409),  # an error of a node
    ],
)
def test_each_error_has_a_status(code, status):
    made = error_answer(OdysseyError("a reason", code=code))
    assert made.status == status
    assert json.loads(made.text or "") == {"error_code": code.value, "message": "a reason"}


async def test_errors_of_handlers_are_answered():
    async def fail(_: web.Request) -> web.StreamResponse:
        raise OdysseyError("a reason", code=ErrorCode.NOT_FOUND)

    app = web.Application(middlewares=[errors_as_json])
    app.router.add_get("/", fail)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with ClientSession() as client, client.get(url) as response:
            assert response.status == 404
            assert (await response.json())["message"] == "a reason"
    finally:
        await runner.cleanup()
