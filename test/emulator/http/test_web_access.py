"""A foreign web page gets nothing from the service: not its token, its sockets, its jobs or its faults."""

from __future__ import annotations

import asyncio

import httpx
import pytest
import websockets

from odyssey_ros.emulator import EmulatorConfig
from odyssey_ros.emulator.http.web_access import OriginRule

FOREIGN = "https://page.example.org"


@pytest.mark.parametrize(
    ("allowed", "accepted", "refused"),
    [
        (
            (),
            ("http://localhost:5173", "https://127.0.0.1", "http://[::1]:80"),
            (
                FOREIGN,
                "null",
                "",
                "http://localhost.example.org",
                "http://localhost@example.org",
                "http://example.org#http://localhost",
                "http://localhost/",
                "http://localhost:x",
                "chrome-extension://localhost",
                "http://[",
            ),
        ),
        ((FOREIGN, "null"), (FOREIGN, "null", "http://localhost"), ("https://page.example.org:444",)),
        (("*",), (FOREIGN, "null"), ()),
    ],
)
def test_the_origins_of_a_service(allowed, accepted, refused):
    rule = OriginRule(allowed)
    assert all(map(rule.accepts, accepted))
    assert not any(map(rule.accepts, refused))


@pytest.mark.parametrize(
    "headers", [{"Origin": FOREIGN}, {"Origin": "null"}, {"Host": "rebound.example.org"}]
)
async def test_a_foreign_page_gets_no_token_and_submits_no_job(service, headers):
    emulator, caller = service
    status = 421 if "Host" in headers else 403
    token = await caller.http.post("/auth/token", json={"api_key": caller.api_key}, headers=headers)
    assert (token.status_code, "access_token" in token.text) == (status, False)
    await caller.authenticate()  # what a page that knows a token can do
    caller.http.headers.update({"Authorization": f"Bearer {caller.token}", **headers})
    script_url = {"script_url": "http://127.0.0.1:1/"}
    for method, path, body in [
        ("POST", "/simulation-jobs", script_url),
        ("POST", "/sessions/request", {}),
        ("GET", "/stream-recordings", None),
        ("OPTIONS", "/simulation-jobs", None),
        ("GET", "/control/state", None),
        ("DELETE", "/control/faults", None),
        ("GET", "/nowhere", None),
    ]:
        answer = await caller.http.request(method, path, json=body)
        assert answer.status_code == status, (method, path)
        assert "access-control-allow-origin" not in answer.headers
    assert emulator.sessions.live() == []
    # Refused requests neither count nor use up faults.
    assert {name for name in emulator.counters if name.startswith("http.")} == {"http.auth_token.200"}


@pytest.mark.parametrize("headers", [{"Origin": FOREIGN}, {"Host": "rebound.example.org"}])
async def test_a_foreign_page_opens_no_socket_and_no_broadcast(service, headers):
    _, caller = service
    session_id, base, token = await caller.new_session()
    url = f"{base}/client/{session_id}?token={token}"
    with pytest.raises(websockets.InvalidStatus) as refused:
        # The last `Host` of websockets' own headers is replaced by that of the page.
        async with websockets.connect(
            url.replace("127.0.0.1", headers.get("Host", "127.0.0.1")),
            host="127.0.0.1",
            origin=headers.get("Origin"),
            proxy=None,
        ):
            raise AssertionError
    assert refused.value.response.status_code in {403, 421}
    whep = await caller.http.post(
        "/live/any/whep?token=x", content="v=0", headers={"Content-Type": "application/sdp", **headers}
    )
    assert whep.status_code in {403, 421}
    async with websockets.connect(url, origin="http://localhost:5173", proxy=None):
        pass


async def test_a_page_of_this_machine_may_use_the_service(service):
    emulator, caller = service
    origin = {"Origin": "http://127.0.0.1:5173"}
    preflight = await caller.http.options(
        "/sessions/request", headers={**origin, "Access-Control-Request-Method": "POST"}
    )
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == origin["Origin"]
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    refused = await caller.http.get("/regions", headers=origin)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, origin["Origin"])
    assert refused.headers["vary"] == "Origin"
    assert emulator.counters["http.regions.401"] == 1
    control = await caller.http.get("/control/state", headers=origin)
    assert (control.status_code, "access-control-allow-origin" in control.headers) == (403, False)


async def test_allowed_hosts_and_origins(running):
    config = EmulatorConfig(allow_hosts=("odyssey.example.org",), cors_origins=(FOREIGN,))
    async with running(config) as (_, caller):
        headers = {"Host": "odyssey.example.org:443", "Origin": FOREIGN}
        answer = await caller.http.post("/auth/token", json={"api_key": caller.api_key}, headers=headers)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == FOREIGN


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /config HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: page.example.org\r\n\r\n", 400),
        (b"GET /config HTTP/1.0\r\n\r\n", 400),
        (b"GET /config HTTP/1.1\r\nHost: a@127.0.0.1\r\n\r\n", 400),
        (b"GET http://page.example.org/config HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 421),
        (b"GET /config HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://localhost\r\nOrigin: x\r\n\r\n", 403),
    ],
)
async def test_ambiguous_requests_are_refused(service, head, status):
    emulator, _ = service
    url = httpx.URL(emulator.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(head)
    assert (await reader.readline()).split()[1] == str(status).encode()
    writer.close()
    await writer.wait_closed()
