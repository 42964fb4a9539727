"""Only the page of the console itself may send requests; all others are refused before a handler runs."""

from __future__ import annotations

import pytest

from guarded_server import guarded_server

SITE = "Sec-Fetch-Site: "
OPENED = ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")


@pytest.fixture
async def server():
    async with guarded_server() as running:
        yield running


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("Host: 127.0.0.1:{port}", 200),
        ("Host: LOCALHOST:{port}", 200),
        ("Host: [::1]:{port}", 200),
        ("Host: robot.example", 200),
        ("Host: 127.0.0.1:9", 200),  # a forwarded port
        ("Host: rebound.example:{port}", 421),
        ("Host: 127.0.0.1.rebound.example", 421),
        ("Host: localhost.rebound.example", 421),
        ("Host: 192.0.2.7:{port}", 421),
        ("Host: 0.0.0.0:{port}", 421),
        ("Host: user@127.0.0.1", 400),
        ("Host: 127.0.0.1/x", 400),
        ("Host: 127.0.0.1, rebound.example", 400),
        ("Host: 127.0.0.1:99999", 400),
        ("Host:", 400),
        ("Host: 127.0.0.1\r\nHost: rebound.example", 400),
        ("Host: 127.0.0.1\r\nHost: 127.0.0.1", 400),
    ],
)
async def test_hosts(server, host, status):
    assert (await server.send("GET /api/thing", host.format(port=server.port)))[0] == status
    assert len(server.reached) == (status == 200)


async def test_a_request_without_host_is_refused(server):
    assert (await server.send_bytes(b"GET /api/thing HTTP/1.0\r\n\r\n"))[0] == 400
    assert server.reached == []


@pytest.mark.parametrize("target", ["http://rebound.example/api/thing", "http://127.0.0.1/api/thing"])
async def test_a_whole_url_is_no_target(server, target):
    assert (await server.send(f"GET {target}"))[0] == 400
    assert server.reached == []


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
async def test_other_methods_are_refused(server, method):
    status, headers, _ = await server.send(f"{method} /api/thing", f"Origin: {server.origin}")
    assert (status, server.reached) == (405, [])
    assert not any(name.startswith("access-control") for name in headers)


@pytest.mark.parametrize(
    "origin",
    [
        "https://page.example.org",
        "null",
        "http://127.0.0.1:9",
        "http://localhost:{port}",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1",
        "http://127.0.0.1:{port}.example.org",
        "http://127.0.0.1:{port}/",
        "",
        "http://127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}",
    ],
)
async def test_origins_of_others_are_refused(server, origin):
    line = "Origin: " + origin.format(port=server.port)
    for head in ("GET /api/thing", "POST /api/thing", "GET /"):
        assert (await server.send(head, line))[0] == 403
    assert server.reached == []


async def test_the_own_origin_may_read(server):
    assert (await server.send("GET /api/thing", f"Origin: {server.origin}"))[0] == 200


async def test_requests_that_change_something_need_an_origin(server):
    token = (await server.send("GET /api/session"))[2].split('"')[3]
    assert (await server.send("POST /api/thing", f"X-Console-Token: {token}"))[0] == 403
    assert server.reached == []


@pytest.mark.parametrize(
    ("head", "headers", "status"),
    [
        ("GET /api/thing", ("same-origin",), 200),
        ("GET /api/thing", ("same-site",), 403),  # another port of the same host
        ("GET /api/thing", ("cross-site",), 403),
        ("GET /api/thing", ("none",), 403),
        ("GET /api/thing", ("none", *OPENED), 403),
        ("GET /", ("none", *OPENED), 200),
        ("GET /?x=1", ("none", *OPENED), 200),
        ("GET /", ("none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"), 403),
        ("GET /", ("none", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"), 403),
        ("GET /", ("cross-site", *OPENED), 200),  # a link
        ("GET /", ("same-site", *OPENED), 200),
        ("HEAD /", ("cross-site", *OPENED), 403),
        ("POST /", ("cross-site", *OPENED), 403),
        ("GET /login", ("cross-site", *OPENED), 403),
        ("GET /api/thing", ("cross-site", *OPENED), 403),
        ("GET /", ("cross-site",), 403),
        ("GET /", ("cross-site", "Sec-Fetch-Mode: navigate"), 403),
        ("GET /", ("cross-site", "Sec-Fetch-Dest: document"), 403),
        ("GET /", ("cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"), 403),
        ("GET /", ("cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: object"), 403),
        ("GET /", ("cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: document"), 403),
        ("GET /", ("cross-site", *OPENED, "Sec-Fetch-Dest: iframe"), 403),
        ("GET /", ("cross-site\r\nSec-Fetch-Site: none", *OPENED), 403),
        ("GET /", ("elsewhere", *OPENED), 403),
        ("GET /", ("Same-Origin",), 403),
        ("GET /", ("same-origin\r\nSec-Fetch-Site: cross-site",), 403),
    ],
)
async def test_sites(server, head, headers, status):
    site, *others = headers
    assert (await server.send(head, f"{SITE}{site}", *others))[0] == status
    assert len(server.reached) == (status == 200)
