"""The control endpoint returns the state and arms faults, for this machine only."""

from __future__ import annotations

import socket

import psutil
import pytest

from odyssey_ros.emulator import EmulatorConfig
from odyssey_ros.emulator.faults import FAULTS


async def test_the_state_describes_sessions_streams_and_counters(service, until):
    _, caller = service
    connection = await caller.connect()
    started = await connection.start("a comet")
    await until(lambda: len(connection.frames) > 5)
    state = (await caller.http.get("/control/state")).json()
    [session] = state["sessions"]
    assert (session["session_id"], session["state"], session["codec"]) == (
        connection.session_id,
        "connected",
        "h264",
    )
    assert session["stream"]["stream_id"] == started["stream_id"]
    assert session["stream"]["prompt"] == "a comet"
    assert session["stream"]["frames_made"] > 5
    assert session["stream"]["spectators"] == 0
    assert session["frames_sent"] > 5
    assert state["jobs"] == []
    assert state["counters"]["starts"] == 1
    assert state["counters"]["http.auth_token.200"] == 1
    await connection.close()
    caller.open.remove(connection)

    async def state_without_sessions():
        state = (await caller.http.get("/control/state")).json()
        return None if state["sessions"] else state

    state = await until(state_without_sessions)
    assert state["counters"]["streams_ended"] == 1
    assert state["counters"]["frames_made"] >= state["counters"]["frames_sent"] > 5


async def test_faults_are_armed_listed_and_disarmed(service):
    _, caller = service
    answer = await caller.http.post(
        "/control/faults",
        json=[
            {"fault": "http_status", "endpoint": "config", "status": 500, "count": 2},
            {"fault": "packet_loss", "fraction": 0.1, "after": 60, "duration": 5, "since": "started"},
        ],
    )
    assert answer.status_code == 201
    first, second = answer.json()["faults"]
    assert (first["fault"], first["status"], first["count"], first["fired"]) == ("http_status", 500, 2, 0)
    assert (second["fraction"], second["since"], second["spent"]) == (0.1, "started", False)
    assert (await caller.http.get("/config")).status_code == 500
    [listed, _] = (await caller.http.get("/control/faults")).json()["faults"]
    assert (listed["id"], listed["fired"]) == (first["id"], 1)
    assert (await caller.http.delete(f"/control/faults/{first['id']}")).status_code == 204
    assert (await caller.http.get("/config")).status_code == 200
    assert (await caller.http.delete(f"/control/faults/{first['id']}")).status_code == 404
    assert (await caller.http.delete("/control/faults")).status_code == 204
    assert (await caller.http.get("/control/state")).json()["faults"] == []


@pytest.mark.parametrize(
    "body",
    [
        "nonsense",
        {},
        {"fault": "no such fault"},
        {"fault": "http_status"},
        {"fault": "http_status", "status": "500"},
        {"fault": "http_status", "status": 42},
        {"fault": "http_status", "status": 500, "surprise": 1},
        {"fault": "http_delay", "delay_seconds": -1},
        {"fault": "packet_loss", "fraction": 2},
        {"fault": "video_resize", "width": 641},
        {"fault": "socket_close", "code": 1006},
        {"fault": "bad_offer", "variant": "nice"},
        {"fault": "track_end", "since": "yesterday"},
        {"fault": "track_end", "after": -1},
        {"fault": "track_end", "duration": 0},
        {"fault": "track_end", "count": -1},
        {"fault": "http_status", "status": 500, "endpoint": "no such endpoint"},
        {"fault": "http_status", "status": 500, "since": "started"},
        {"fault": "bad_offer", "since": "connected"},
        {"fault": "job_fail", "session_id": "one"},
        {"fault": "video_black", "count": 3},
    ],
)
async def test_an_invalid_fault_refuses_the_whole_request(service, body):
    _, caller = service
    answer = await caller.http.post("/control/faults", json=[{"fault": "track_end"}, body])
    assert answer.status_code == 422
    assert (await caller.http.get("/control/faults")).json()["faults"] == []


async def test_a_page_of_another_origin_cannot_arm_faults(service):
    _, caller = service
    answer = await caller.http.post(
        "/control/faults", content='{"fault": "track_end"}', headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 415
    for origin in ("https://page.example.org", "http://localhost:5173", "null"):
        answer = await caller.http.post(
            "/control/faults", json={"fault": "track_end"}, headers={"Origin": origin}
        )
        assert answer.status_code == 403
    assert (await caller.http.get("/control/faults")).json()["faults"] == []


async def test_a_host_that_is_allowed_for_a_proxy_does_not_reach_the_control_endpoint(running):
    async with running(EmulatorConfig(allow_hosts=("odyssey.example.org",))) as (_, caller):
        answer = await caller.http.get("/control/state", headers={"Host": "odyssey.example.org"})
        assert answer.status_code == 403


async def test_the_number_of_armed_faults_is_bounded(service):
    _, caller = service
    many = [{"fault": "track_end"}] * 600
    assert (await caller.http.post("/control/faults", json=many)).status_code == 201
    refused = await caller.http.post("/control/faults", json=many)
    assert (refused.status_code, refused.json()["detail"]) == (
        429,
        "At most 1000 faults can be armed; disarm others first",
    )
    deep = await caller.http.post(
        "/control/faults", content="[" * 200_000, headers={"Content-Type": "application/json"}
    )
    assert deep.status_code == 422


async def test_control_stays_on_this_machine_when_the_service_does_not(running, new_caller):
    addresses = [
        entry.address
        for interface in psutil.net_if_addrs().values()
        for entry in interface
        if entry.family is socket.AF_INET and not entry.address.startswith("127.")
    ]
    if not addresses:
        pytest.skip("this machine has no address but loopback")
    async with running(EmulatorConfig(host="0.0.0.0")) as (emulator, caller):
        assert (await caller.http.get("/control/state")).status_code == 200
        outside = new_caller(emulator.url.replace("127.0.0.1", addresses[0]))
        assert (await outside.http.get("/config")).status_code == 200
        for method, path in (("GET", "/control/state"), ("DELETE", "/control/faults")):
            assert (await outside.http.request(method, path)).status_code == 403
        # The address of the client counts, not the name of the host.
        answer = await outside.http.get("/control/state", headers={"Host": "localhost"})
        assert answer.status_code == 403
        await outside.close()


async def test_control_can_be_turned_off(running):
    async with running(EmulatorConfig(control=False)) as (_, caller):
        for method, path in (("GET", "/control/state"), ("POST", "/control/faults")):
            assert (await caller.http.request(method, path)).status_code == 404


async def test_every_fault_can_be_armed_by_its_name(service):
    _, caller = service
    needed = {"http_status": {"status": 500}, "http_delay": {"delay_seconds": 0}}
    needed["reply_delay"] = {"delay_seconds": 0}
    for name in FAULTS:
        body = {"fault": name, "after": 1000, **needed.get(name, {})}
        assert (await caller.http.post("/control/faults", json=body)).status_code == 201
