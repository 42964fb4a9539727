"""Every response has the headers that keep other sites out, also errors."""

from __future__ import annotations

import json

import pytest

from guarded_server import TOKEN, guarded_server

GARBAGE = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"


@pytest.fixture
async def answers():
    """The headers of answers of every kind, by status."""
    async with guarded_server(TOKEN) as server:
        login = json.dumps({"token": TOKEN}).encode()
        logged_in = await server.send("POST /api/login", f"Origin: {server.origin}", body=login)
        line = "Cookie: " + logged_in[1]["set-cookie"].partition(";")[0]
        yield [
            logged_in,
            await server.send("GET /"),
            await server.send("GET /login"),
            await server.send("GET /api/session"),
            await server.send("GET /api/session", line),
            await server.send("GET /none", line),
            await server.send("GET /fails", line),
            await server.send("GET /", "Host: rebound.example"),
            await server.send("GET /", "Origin: null"),
            await server.send("OPTIONS /"),
            await server.send("POST /", line, f"Origin: {server.origin}"),
            await server.send("GET /" + "x" * 20000),
            await server.send_bytes(GARBAGE),
        ]


async def test_all_answers_have_the_headers(answers):
    assert [status for status, *_ in answers] == [
        *(200, 303, 200, 401, 200, 404, 500, 421, 403, 405, 403),
        *(400, 400),
    ]
    for status, headers, text in answers:
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["media-src"] == "'self'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-embedder-policy"] == "require-corp"
        assert "camera=()" in headers["permissions-policy"]
        assert headers["cache-control"] in ("no-store", "no-cache"), status
        assert headers.get("server", "console") == "console"
        assert not any(name.startswith("access-control") for name in headers)
        assert "secret" not in text
        assert TOKEN not in text + str(headers)
        assert "aiohttp" not in str(headers)


async def test_a_foreign_host_is_not_repeated(answers):
    assert not any("rebound" in str(headers) + text for _, headers, text in answers)
