"""Who may use the console: the token of the page, and the session of somebody who has logged in."""

from __future__ import annotations

import json

import httpx
import pytest
import websockets

from guarded_server import TOKEN, guarded_server
from odyssey_ros.console.server.access import WITHOUT_SESSION
from odyssey_ros.console.server.page_files import PAGE
from waiting import eventually


@pytest.fixture
async def server():
    async with guarded_server() as running:
        yield running


@pytest.fixture
async def locked():
    """A server with a token."""
    async with guarded_server(TOKEN) as running:
        yield running


async def page_token(server, *headers):
    return json.loads((await server.send("GET /api/session", *headers))[2])["page_token"]


async def cookie(server):
    """Log in; return the header with the cookie."""
    body = json.dumps({"token": TOKEN}).encode()
    status, headers, _ = await server.send("POST /api/login", f"Origin: {server.origin}", body=body)
    assert status == 200
    return "Cookie: " + headers["set-cookie"].partition(";")[0]


async def test_requests_that_change_something_need_the_token_of_the_page(server):
    token, origin = await page_token(server), f"Origin: {server.origin}"
    for line in (
        "X-Nothing: 1",
        "X-Console-Token: ",
        f"X-Console-Token: {token}x",
        "X-Console-Token: \u00e9",
    ):
        status, _, text = await server.send("POST /api/thing", origin, line)
        assert status == 403
        assert json.loads(text)["error_code"] == "NOT_AUTHORIZED"
        assert token not in text
    twice = (f"X-Console-Token: {token}", f"X-Console-Token: {token}")
    assert (await server.send("POST /api/thing", origin, *twice))[0] == 403
    assert (await server.send("POST /api/thing", origin))[0] == 403
    assert (await server.send(f"POST /api/thing?token={token}", origin))[0] == 403
    assert server.reached == []
    assert (await server.send("POST /api/thing", origin, f"X-Console-Token: {token}"))[0] == 200
    assert server.reached == ["POST /api/thing"]


async def test_each_process_has_a_token_of_its_own(server):
    async with guarded_server() as other:
        assert await page_token(server) != await page_token(other)


async def test_sockets_need_the_origin_of_the_page(server):
    for origin in ("https://page.example.org", None, "null", "http://localhost:9"):
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(f"ws://127.0.0.1:{server.port}/socket/echo", origin=origin)
    assert server.reached == []


async def test_sockets_accept_the_token_of_the_page_only(server):
    address = f"ws://127.0.0.1:{server.port}/socket/echo"
    async with websockets.connect(address, origin=server.origin) as socket:
        for text, expected in (
            (await page_token(server), "accepted"),
            ("x", "refused"),
            ("\U0001f600", "refused"),
        ):
            await socket.send(text)
            assert await socket.recv() == expected


async def test_a_refused_request_with_a_body_ends_its_connection(server):
    body = b"POST /api/thing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"  # would be a second request
    status, headers, text = await server.send("POST /api/thing", "Origin: null", body=body)
    assert (status, headers["connection"], "HTTP/1.1" in text) == (403, "close", False)


async def test_with_a_token_nothing_is_open_but_the_login(locked):
    status, headers, _ = await locked.send("GET /")
    assert (status, headers["location"]) == (303, "/login")
    for path in ("/api/thing", "/api/session", "/socket/echo", "/media/x", "/static/main.js", "/none"):
        assert (await locked.send(f"GET {path}", f"Origin: {locked.origin}"))[0] == 401
    assert (await locked.send("POST /api/thing", f"Origin: {locked.origin}"))[0] == 401
    assert (await locked.send("POST /api/logout", f"Origin: {locked.origin}"))[0] == 401
    with pytest.raises(websockets.InvalidStatus, match="401"):
        await websockets.connect(f"ws://127.0.0.1:{locked.port}/socket/echo", origin=locked.origin)
    assert locked.reached == []
    assert (await locked.send("GET /login"))[0] == 200


def test_the_page_to_log_in_gets_all_of_its_files():
    for name in (
        "login.html",
        "login.js",
        "api.js",
        "dom.js",
        "kept_texts.js",
        "theme.js",
        "css/login.css",
        "style.css",
    ):
        text = (PAGE / name).read_text()
        for quote in "\"'":
            for part in text.split(quote)[1::2]:
                if part.startswith("/static/"):
                    assert part in WITHOUT_SESSION, name
                elif part.startswith("./") and part.endswith(".js"):
                    assert part.replace("./", "/static/") in WITHOUT_SESSION, name


async def test_each_session_has_a_page_token_of_its_own(locked):
    first, second = await cookie(locked), await cookie(locked)
    token = await page_token(locked, first)
    assert token != await page_token(locked, second)
    lines = (f"Origin: {locked.origin}", f"X-Console-Token: {token}")
    assert (await locked.send("POST /api/thing", second, *lines))[0] == 403
    assert (await locked.send("POST /api/thing", first, *lines))[0] == 200


@pytest.mark.parametrize("value", ["", "x", "%00", "a" * 3000, '"'])
async def test_other_cookies_are_no_session(locked, value):
    assert (await locked.send("GET /api/thing", f"Cookie: {locked.access.cookie}={value}"))[0] == 401


async def test_the_logout_closes_sockets_and_ends_the_session(locked):
    line = await cookie(locked)
    token = await page_token(locked, line)
    name, _, value = line.partition(": ")
    address = f"ws://127.0.0.1:{locked.port}/socket/echo"
    async with websockets.connect(address, origin=locked.origin, additional_headers={name: value}) as socket:
        await socket.send(token)
        assert await socket.recv() == "accepted"
        lines = (line, f"Origin: {locked.origin}", f"X-Console-Token: {token}")
        assert (await locked.send("POST /api/logout", *lines))[0] == 200
        with pytest.raises(websockets.ConnectionClosed):
            await socket.recv()
    await eventually(lambda: not locked.sockets, "no socket")
    assert (await locked.send("GET /api/thing", line))[0] == 401


async def test_a_link_of_another_site_loads_the_page_again_with_the_cookie(locked):
    link = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
    status, headers, _ = await locked.send("GET /", *link)
    assert (status, headers["refresh"], locked.reached) == (200, "0; url=/", [])
    assert (await locked.send("GET /login", *link))[0] == 403


async def test_the_redirect_is_for_people_only(locked):
    async with httpx.AsyncClient(base_url=locked.origin, trust_env=False) as client:
        assert (await client.get("/", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
