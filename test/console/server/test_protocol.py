"""What is no HTTP, and handlers that fail, are answered without telling anything."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from guarded_server import guarded_server
from odyssey_ros.console.server.protocol import MAX_HEADER_BYTES, MAX_LINE_BYTES
from waiting import eventually


@pytest.fixture
async def server():
    async with guarded_server() as running:
        yield running


@pytest.mark.parametrize(
    "content",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"HELLO\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: b\rc\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /" + b"x" * (MAX_LINE_BYTES + 100) + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * (MAX_HEADER_BYTES + 100) + b"\r\n\r\n",
    ],
)
async def test_what_is_no_request(server, content, caplog):
    with caplog.at_level(logging.WARNING):
        status, headers, text = await server.send_bytes(content)
    assert status == 400
    assert headers["connection" if "connection" in headers else "server"] in ("close", "console")
    assert server.reached == []
    assert caplog.text == ""  # whoever sends rubbish cannot fill the log
    assert "aiohttp" not in text + str(headers)


async def test_a_failure_is_logged_and_told_without_its_text(server, caplog):
    status, headers, text = await server.send("GET /fails?secret=1")
    assert status == 500
    assert json.loads(text) == {
        "error_code": "INTERNAL",
        "message": "The console could not handle the request; its log has the reason",
    }
    assert "server" not in headers
    assert "The request GET /fails failed" in caplog.text
    assert "secret=1" not in caplog.text


async def test_a_browser_that_has_gone_is_no_failure(server, caplog):
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET /late HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
    writer.close()
    await eventually(lambda: server.reached == ["late"])
    status, *_ = await server.send("GET /api/thing")
    assert status == 200
    assert caplog.text == ""


async def test_compressed_bodies_are_not_expanded(server):
    import zlib

    body = zlib.compress(b'{"token": "' + b"x" * 4_000_000 + b'"}')
    status, *_ = await server.send(
        "POST /api/login", f"Origin: {server.origin}", "Content-Encoding: deflate", body=body
    )
    assert status in (400, 413)
