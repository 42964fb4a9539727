"""HTTP faults, as a client of the running service sees them."""

from __future__ import annotations

import asyncio

import httpx
import pytest
import websockets

from odyssey_ros.emulator import Schedule, faults
from odyssey_ros.emulator.faults import (
    ExpiredUrls,
    HttpDelay,
    HttpDrop,
    HttpEcho,
    HttpFlood,
    HttpHang,
    HttpMalformed,
    HttpRedirect,
    HttpStatus,
    HttpUsageError,
)
from waiting import eventually

ENDPOINTS = {
    "auth_token": ("POST", "/auth/token"),
    "regions": ("GET", "/regions"),
    "ping": ("GET", "/ping/local"),
    "sessions_request": ("POST", "/sessions/request"),
    "sessions_token": ("POST", "/sessions/token"),
    "config": ("GET", "/config"),
    "telemetry": ("POST", "/telemetry"),
    "recordings_get": ("GET", "/recordings/some"),
    "recordings_list": ("GET", "/stream-recordings"),
    "files": ("GET", "/files/some/video.mp4"),
    "jobs_submit": ("POST", "/simulation-jobs"),
    "jobs_list": ("GET", "/simulation-jobs"),
    "jobs_get": ("GET", "/simulation-jobs/some"),
    "jobs_cancel": ("DELETE", "/simulation-jobs/some"),
    "whep_offer": ("POST", "/live/some/whep"),
    "whep_delete": ("DELETE", "/live/some/whep/one"),
    "signaling": ("GET", "/client/some"),
}


def test_the_table_covers_all_endpoints():
    assert set(ENDPOINTS) == set(faults.ENDPOINTS)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_every_endpoint_can_answer_every_status(service, endpoint):
    emulator, caller = service
    method, path = ENDPOINTS[endpoint]
    for status in (400, 401, 402, 403, 404, 418, 422, 429, 500, 502, 503, 599):
        emulator.faults.arm(HttpStatus(endpoint=endpoint, status=status, detail="injected detail"))
        answer = await caller.http.request(method, path)
        assert (answer.status_code, answer.json()) == (status, {"detail": "injected detail"})
        assert emulator.counters[f"http.{endpoint}.{status}"] == 1
    answer = await caller.http.request(method, path)
    assert answer.text != '{"detail": "injected detail"}'


async def test_a_fault_affects_its_endpoint_as_often_as_scheduled(service):
    emulator, caller = service
    emulator.faults.arm(HttpStatus(endpoint="config", status=500), Schedule(count=2))
    statuses = [(await caller.http.get("/config")).status_code for _ in range(3)]
    assert statuses == [500, 500, 200]


async def test_a_fault_of_all_endpoints_spares_the_control_endpoint(service):
    emulator, caller = service
    emulator.faults.arm(HttpStatus(status=500), Schedule(count=0))
    assert (await caller.http.get("/config")).status_code == 500
    assert (await caller.http.get("/ping/local")).status_code == 500
    assert (await caller.http.get("/control/state")).status_code == 200


async def test_a_delayed_request_is_answered_as_usual(service):
    emulator, caller = service
    emulator.faults.arm(HttpDelay(endpoint="config", delay_seconds=0.01))
    assert (await caller.http.get("/config")).status_code == 200
    assert emulator.faults.armed()[0].spent


async def test_a_hanging_request_ends_when_the_client_disconnects(service):
    emulator, caller = service
    emulator.faults.arm(HttpHang(endpoint="config"))
    request = asyncio.create_task(caller.http.get("/config"))
    await eventually(lambda: emulator.faults.armed()[0].spent)
    assert not request.done()
    request.cancel()
    await eventually(lambda: emulator.counters["http.config.499"] == 1)


async def test_a_dropped_request_breaks_the_connection(service):
    emulator, caller = service
    emulator.faults.arm(HttpDrop(endpoint="config"))
    with pytest.raises(httpx.TransportError):
        await caller.http.get("/config")


async def test_a_malformed_answer_has_the_given_body(service):
    emulator, caller = service
    emulator.faults.arm(HttpMalformed(endpoint="auth_token"))
    answer = await caller.http.post("/auth/token", json={"api_key": "ody_local"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    with pytest.raises(ValueError):
        answer.json()
    emulator.faults.arm(HttpMalformed(endpoint="auth_token", body="[]", status=201))
    answer = await caller.http.post("/auth/token", json={"api_key": "ody_local"})
    assert (answer.status_code, answer.json()) == (201, [])


@pytest.mark.parametrize(
    ("code", "key"),
    [
        ("MONTHLY_LIMIT_REACHED", "used_hours"),
        ("CONCURRENT_LIMIT_REACHED", "active_count"),
        ("STREAM_DURATION_EXCEEDED", "max_duration_seconds"),
        ("ACCOUNT_SUSPENDED", "reason"),
        ("RATE_LIMITED", "retry_after_seconds"),
        ("SOMETHING_NEW", None),
    ],
)
async def test_a_usage_error_has_the_body_of_its_code(service, code, key):
    emulator, caller = service
    emulator.faults.arm(HttpUsageError(code=code))
    answer = await caller.request("POST", "/sessions/request", json={})
    assert answer.status_code == 429
    body = answer.json()["detail"]
    assert body["error"] == code
    assert body["message"]
    assert body["action"]
    assert key is None or key in body["details"]
    emulator.faults.arm(HttpUsageError(code=code, legacy=True))
    assert (await caller.request("POST", "/sessions/request", json={})).json()["code"] == code


async def test_presigned_urls_are_issued_expired(service):
    emulator, caller = service
    connection = await caller.connect()
    stream_id = (await connection.start())["stream_id"]
    await connection.end()
    emulator.faults.arm(ExpiredUrls())
    recording = (await caller.request("GET", f"/recordings/{stream_id}")).json()
    assert (await caller.http.get(recording["video_url"])).status_code == 403
    emulator.faults.clear()
    recording = (await caller.request("GET", f"/recordings/{stream_id}")).json()
    assert (await caller.http.get(recording["video_url"])).status_code == 200


async def test_the_signaling_handshake_is_refused(service):
    emulator, caller = service
    for status in (401, 403, 404, 503):
        emulator.faults.arm(HttpStatus(endpoint="signaling", status=status))
        with pytest.raises(websockets.InvalidStatus) as refused:
            await caller.open_socket()
        assert refused.value.response.status_code == status
    # The session survives a refusal: the same token is valid for the next attempt.
    _, socket = await caller.open_socket()
    await socket.close()


async def test_a_redirect_names_its_location_or_the_url_of_the_request(service):
    emulator, caller = service
    emulator.faults.arm(HttpRedirect())
    answer = await caller.http.post("/live/some/whep?token=x")
    assert (answer.status_code, answer.headers["location"]) == (307, "/live/some/whep?token=x")
    emulator.faults.arm(HttpRedirect(endpoint="config", status=308, location="http://example.org/config"))
    answer = await caller.http.get("/config")
    assert (answer.status_code, answer.headers["location"]) == (308, "http://example.org/config")
    assert emulator.counters["http.config.308"] == 1
    assert (await caller.http.get("/config")).status_code == 200


@pytest.mark.parametrize("wait", ["999999999", "Fri, 31 Dec 2099 23:59:59 GMT"])
async def test_a_status_can_have_a_retry_after_header(service, wait):
    emulator, caller = service
    emulator.faults.arm(HttpStatus(endpoint="config", status=503, retry_after=wait))
    assert (await caller.http.get("/config")).headers["Retry-After"] == wait
    emulator.faults.arm(HttpStatus(endpoint="config", status=503))
    assert "Retry-After" not in (await caller.http.get("/config")).headers


async def test_an_error_repeats_the_secrets_of_the_request(service):
    emulator, caller = service
    emulator.faults.arm(HttpEcho(endpoint="sessions_token", status=502))
    answer = await caller.http.post(
        "/sessions/token", headers={"Authorization": "Bearer the-token"}, content=b"the-body"
    )
    assert (answer.status_code, answer.json()) == (502, {"detail": "Bearer the-token the-body"})


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_body_is_as_large_as_requested(service, encoding):
    emulator, caller = service
    emulator.faults.arm(HttpFlood(endpoint="config", mebibytes=3, encoding=encoding))
    async with caller.http.stream("GET", "/config") as response:
        sizes = [len(chunk) async for chunk in response.aiter_bytes()]
        on_the_wire = response.num_bytes_downloaded
    assert sum(sizes) == 3 << 20
    assert (on_the_wire < 1 << 16) is (encoding == "gzip")
    assert (await caller.http.get("/config")).status_code == 200


async def test_a_body_without_end_ends_when_the_client_leaves(service):
    emulator, caller = service
    emulator.faults.arm(HttpFlood(endpoint="config"))
    async with caller.http.stream("GET", "/config") as response:
        received = 0
        async for chunk in response.aiter_raw():
            received += len(chunk)
            if received > 20 << 20:
                break
    await eventually(lambda: emulator.counters["http.config.200"] == 1)
