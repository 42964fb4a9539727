"""The endpoints of accounts, regions, sessions and telemetry."""

from __future__ import annotations

import json

import jwt
import pytest

from odyssey_ros.emulator import Account, EmulatorConfig, IceServer, Limits


async def test_a_key_is_exchanged_for_a_token(service):
    _, caller = service
    answer = await caller.http.post("/auth/token", json={"api_key": "ody_local"})
    assert answer.status_code == 200
    assert answer.json()["expires_in"] == 3600
    assert answer.json()["access_token"].count(".") == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"api_key": "ody_wrong_key"}', 401),
        (b'{"api_key": "wrong format"}', 422),
        (b'{"api_key": 5}', 422),
        (b"{}", 422),
        (b"[]", 422),
        (b"{not json", 422),
        (b"", 422),
        (b"[" * 60_000, 422),
    ],
)
async def test_an_invalid_key_is_refused(service, body, status):
    _, caller = service
    answer = await caller.http.post("/auth/token", content=body)
    assert answer.status_code == status
    assert "ody_wrong_key" not in answer.text
    if status == 422:
        assert {"type", "loc", "msg"} <= set(answer.json()["detail"][0])
    else:
        assert answer.json() == {"detail": "Invalid API key"}


async def test_a_disabled_key_is_forbidden_with_its_reason(running):
    account = Account(api_key="ody_local", disabled="Account disabled")
    async with running(EmulatorConfig(accounts=(account,))) as (_, caller):
        answer = await caller.http.post("/auth/token", json={"api_key": "ody_local"})
        assert (answer.status_code, answer.json()) == (403, {"detail": "Account disabled"})


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x.y.z", "Basic abc"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/regions"),
        ("POST", "/sessions/request"),
        ("POST", "/sessions/token"),
        ("GET", "/recordings/some"),
        ("GET", "/stream-recordings"),
        ("POST", "/simulation-jobs"),
        ("GET", "/simulation-jobs"),
        ("GET", "/simulation-jobs/some"),
        ("DELETE", "/simulation-jobs/some"),
    ],
)
async def test_every_endpoint_of_an_account_needs_a_token(service, method, path, header):
    _, caller = service
    headers = {} if header is None else {"Authorization": header}
    answer = await caller.http.request(method, path, headers=headers)
    assert answer.status_code == 401
    assert isinstance(answer.json()["detail"], str)


async def test_a_token_expires(running):
    clock = [1_800_000_000.0]
    async with running(EmulatorConfig(), now=lambda: clock[0]) as (_, caller):
        assert (await caller.request("GET", "/regions")).status_code == 200
        clock[0] += 3601
        answer = await caller.request("GET", "/regions")
        assert (answer.status_code, answer.json()) == (401, {"detail": "Token has expired"})


async def test_regions_are_pinged_and_chosen_by_latency(running):
    async with running(EmulatorConfig(regions=("us-east", "eu-west"))) as (_, caller):
        regions = (await caller.request("GET", "/regions")).json()["regions"]
        assert [region["id"] for region in regions] == ["us-east", "eu-west"]
        for region in regions:
            assert (await caller.http.get(region["ping_url"])).status_code == 200
        latencies = {"us-east": 90, "eu-west": 12}
        session = await caller.request("POST", "/sessions/request", json={"region_latencies": latencies})
        assert session.json()["region"] == "eu-west"
        session = await caller.request("POST", "/sessions/request", json={})
        assert session.json()["region"] == "us-east"
        assert (await caller.http.get("/ping/nowhere")).status_code == 404


async def test_a_session_is_provisioned(service):
    emulator, caller = service
    session = (await caller.request("POST", "/sessions/request", json={})).json()
    assert session["signalling_url"] == emulator.url.replace("http:", "ws:")
    assert session["capabilities"] == {"image_to_video": True}
    grant = (
        await caller.request("POST", "/sessions/token", json={"session_id": session["session_id"]})
    ).json()
    assert grant["expires_in"] == 600
    claims = jwt.decode(grant["session_token"], options={"verify_signature": False})
    assert claims["session_id"] == session["session_id"]
    assert jwt.get_unverified_header(grant["session_token"])["alg"] == "HS256"


async def test_urls_have_the_secure_scheme_behind_a_tls_proxy(running):
    async with running(EmulatorConfig(allow_hosts=("odyssey.example.org",))) as (_, caller):
        caller.http.headers.update({"X-Forwarded-Proto": "https", "Host": "odyssey.example.org"})
        session = (await caller.request("POST", "/sessions/request", json={})).json()
        assert session["signalling_url"] == "wss://odyssey.example.org"
        [region] = (await caller.request("GET", "/regions")).json()["regions"]
        assert region["ping_url"] == "https://odyssey.example.org/ping/local"


async def test_the_body_of_a_session_request_is_optional_and_checked(service):
    _, caller = service
    assert (await caller.request("POST", "/sessions/request")).status_code == 200
    for body in (b"{", b"[]", b'{"region_latencies": 3}', b'{"region_latencies": {"local": "fast"}}'):
        assert (await caller.request("POST", "/sessions/request", content=body)).status_code == 422


async def test_an_account_gets_tokens_only_for_its_own_sessions(running, new_caller):
    accounts = (Account(api_key="ody_local"), Account(api_key="ody_other", name="other"))
    async with running(EmulatorConfig(accounts=accounts)) as (emulator, caller):
        session_id, _, _ = await caller.new_session()
        other = new_caller(emulator.url, "ody_other")
        for name in (session_id, "unknown"):
            answer = await other.request("POST", "/sessions/token", json={"session_id": name})
            assert (answer.status_code, answer.json()["detail"]) == (
                404,
                "Session not found or not authorized",
            )
        await other.close()


async def test_config_returns_the_ice_servers(running):
    async with running(EmulatorConfig()) as (_, caller):
        assert (await caller.http.get("/config")).json() == {"iceServers": []}
    servers = (
        IceServer(url="stun:127.0.0.1:3478"),
        IceServer(url="turn:127.0.0.1:3478", username="user", credential="hidden"),
    )
    config = EmulatorConfig(ice_servers=servers)
    assert "hidden" not in repr(config)
    async with running(config) as (_, caller):
        assert (await caller.http.get("/config")).json() == {
            "iceServers": [
                {"urls": "stun:127.0.0.1:3478"},
                {"urls": "turn:127.0.0.1:3478", "username": "user", "credential": "hidden"},
            ]
        }


async def test_telemetry_is_accepted_and_discarded(service):
    emulator, caller = service
    for body in (b'{"events": []}', b"anything"):
        assert (await caller.http.post("/telemetry", content=body)).status_code == 202
    assert emulator.counters["telemetry_posts"] == 2


async def test_unknown_endpoints_and_methods_are_json_errors(service):
    _, caller = service
    unknown = await caller.http.get("/nothing/here")
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "Not Found"})
    wrong = await caller.http.put("/auth/token")
    assert (wrong.status_code, wrong.json()) == (405, {"detail": "Method Not Allowed"})


async def test_secrets_are_left_out_of_logs_and_representations(running, caplog):
    caplog.set_level("DEBUG")
    async with running(EmulatorConfig(accounts=(Account(api_key="ody_topsecret"),))) as (emulator, caller):
        connection = await caller.connect()
        await connection.start()
        _, _, token = await caller.new_session()
        text = (
            caplog.text + repr(emulator.config) + json.dumps((await caller.http.get("/control/state")).json())
        )
        for secret in ("ody_topsecret", caller.token, token):
            assert secret not in text


async def test_disabled_limits_have_no_effect(running):
    limits = Limits(
        stream_seconds=None, connection_seconds=None, idle_seconds=None, concurrent_sessions=None,
        queued_jobs=None, keepalive_seconds=None,
    )  # fmt: skip
    async with running(EmulatorConfig(limits=limits)) as (_, caller):
        for _ in range(8):
            assert (await caller.request("POST", "/sessions/request", json={})).status_code == 200
        connection = await caller.connect()
        assert (await connection.start())["type"] == "stream_started"
