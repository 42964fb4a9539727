"""The login and what each page is told."""

from __future__ import annotations

import asyncio
import json

import pytest

from guarded_server import TOKEN, guarded_server
from odyssey_ros.console.server.login_attempts import MAX_FAILURES


@pytest.fixture
async def server():
    async with guarded_server(TOKEN) as running:
        yield running


async def log_in(server, token, *headers):
    body = token if isinstance(token, bytes) else json.dumps({"token": token}).encode()
    return await server.send("POST /api/login", *(headers or (f"Origin: {server.origin}",)), body=body)


async def test_the_token_opens_a_session(server):
    status, headers, _ = await log_in(server, TOKEN)
    assert status == 200
    cookie, *attributes = headers["set-cookie"].split("; ")
    assert cookie.startswith(f"odyssey_console_{server.port}=")
    assert len(cookie.partition("=")[2]) >= 32
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} < set(attributes)
    assert "Secure" not in attributes  # http
    status, headers, text = await server.send("GET /api/session", f"Cookie: {cookie}")
    told = json.loads(text)
    assert (status, headers["cache-control"], told["login"]) == (200, "no-store", True)
    assert told["version"].count(".") == 2
    assert TOKEN not in text


async def test_a_session_without_login():
    async with guarded_server() as server:
        assert json.loads((await server.send("GET /api/session"))[2])["login"] is False
        assert (await log_in(server, ""))[0] == 403


@pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], TOKEN.upper(), f"{TOKEN}\0"])
async def test_other_tokens_are_refused(server, token):
    status, headers, text = await log_in(server, token)
    assert (status, "set-cookie" in headers) == (403, False)
    assert json.loads(text)["message"].startswith("This is not the token")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"token": 1}', b"token=x", b"[]", b"\xff", b"[" * 4000])
async def test_other_bodies_are_refused(server, body):
    assert (await log_in(server, body))[0] == 400


async def test_a_large_body_is_refused(server):
    assert (await log_in(server, "x" * 5000))[0] == 413


@pytest.mark.parametrize("line", ["Origin: null", "Origin: http://127.0.0.1:9", "X-Nothing: 1"])
async def test_no_other_page_can_log_in(server, line):
    status, headers, _ = await log_in(server, TOKEN, line)
    assert (status, "set-cookie" in headers) == (403, False)


async def test_guesses_are_bounded(server):
    for _ in range(MAX_FAILURES):
        assert (await log_in(server, "guess"))[0] == 403
    status, headers, text = await log_in(server, TOKEN)
    assert (status, "set-cookie" in headers) == (429, False)
    assert 0 < int(headers["retry-after"]) <= 60
    assert "try again in" in json.loads(text)["message"]


async def test_guesses_at_once_are_bounded_too(server):
    answers = await asyncio.gather(*(log_in(server, "guess") for _ in range(MAX_FAILURES + 3)))
    assert sorted(status for status, *_ in answers) == [403] * MAX_FAILURES + [429] * 3


async def test_the_token_is_in_no_address(server):
    assert (await server.send(f"POST /api/login?token={TOKEN}", f"Origin: {server.origin}"))[0] == 400
