"""The signaling socket: who may open it, what is said over it, how it ends."""

from __future__ import annotations

import asyncio
import json

import pytest
import websockets
from aiortc.sdp import SessionDescription

from odyssey_ros.emulator import EmulatorConfig, IceServer, Limits


async def refused(url):
    with pytest.raises(websockets.InvalidStatus) as error:
        await websockets.connect(url, proxy=None)
    return error.value.response.status_code


async def test_the_socket_needs_a_good_token_for_its_session(running):
    clock = [1_800_000_000.0]
    async with running(EmulatorConfig(), now=lambda: clock[0]) as (_, caller):
        session_id, base, token = await caller.new_session()
        other_id, _, other_token = await caller.new_session()
        assert await refused(f"{base}/client/{session_id}") == 401
        assert await refused(f"{base}/client/{session_id}?token=nonsense") == 401
        assert await refused(f"{base}/client/{session_id}?token={caller.token}") == 401
        assert await refused(f"{base}/client/{session_id}?token={other_token}") == 403
        clock[0] += 601
        assert await refused(f"{base}/client/{session_id}?token={token}") == 401
        del other_id


async def test_a_session_that_is_in_use_or_over_cannot_be_opened(service, until):
    _, caller = service
    connection = await caller.connect()
    grant = await caller.request("POST", "/sessions/token", json={"session_id": connection.session_id})
    base = caller.url.replace("http", "ws")
    url = f"{base}/client/{connection.session_id}?token={grant.json()['session_token']}"
    await connection.start()
    assert await refused(url) == 409
    await connection.close()
    emulator, _ = service
    await until(lambda: not emulator.sessions.live())
    assert await refused(url) == 404


async def test_a_socket_that_was_lost_before_the_peers_met_can_be_opened_again(service):
    _, caller = service
    session_id, base, token = await caller.new_session()
    url = f"{base}/client/{session_id}?token={token}"
    first = await websockets.connect(url, proxy=None)
    await first.recv()
    # The service still believes in the first socket.
    second = await websockets.connect(url, proxy=None)
    assert json.loads(await second.recv())["type"] == "offer"
    with pytest.raises(websockets.ConnectionClosed):
        await first.recv()
    assert first.close_code == 1008
    await second.close()


async def test_the_offer_has_video_both_channels_and_loopback_candidates_only(service):
    _, caller = service
    _, socket = await caller.open_socket()
    offer = json.loads(await socket.recv())
    await socket.close()
    assert set(offer) == {"type", "sdp"}
    video, data = SessionDescription.parse(offer["sdp"]).media
    assert (video.kind, video.direction) == ("video", "sendonly")
    assert video.rtp.codecs[0].mimeType == "video/H264"
    assert "VP8" in offer["sdp"]
    assert data.kind == "application"
    assert [candidate.ip for candidate in video.ice_candidates] == ["127.0.0.1"]


async def test_candidates_can_be_trickled(running):
    async with running(EmulatorConfig(trickle=True)) as (_, caller):
        _, socket = await caller.open_socket()
        offer = json.loads(await socket.recv())
        assert "a=candidate" not in offer["sdp"]
        assert "a=end-of-candidates" not in offer["sdp"]
        candidate = json.loads(await socket.recv())
        assert candidate["type"] == "ice_candidate"
        assert candidate["candidate"].startswith("candidate:")
        assert (candidate["sdpMid"], candidate["sdpMLineIndex"]) == ("0", 0)
        await socket.close()


async def test_vp8_is_offered_first_when_it_is_preferred(running):
    async with running(EmulatorConfig(codec="vp8")) as (_, caller):
        _, socket = await caller.open_socket()
        offer = json.loads(await socket.recv())
        await socket.close()
        assert SessionDescription.parse(offer["sdp"]).media[0].rtp.codecs[0].mimeType == "video/VP8"


async def test_what_cannot_be_used_is_passed_over(service):
    emulator, caller = service
    connection = await caller.connect()
    for message in (
        "{not json",
        "[]",
        '{"type": "answer"}',
        '{"type": "answer", "sdp": "nonsense"}',
        '{"type": "ice_candidate", "candidate": "nonsense"}',
        '{"type": "ice_candidate", "candidate": "nonsense", "sdpMid": "0"}',
        '{"type": "ice_candidate", "candidate": ""}',
        '{"type": "unknown"}',
        '{"type": "keepalive"}',
    ):
        await connection.socket.send(message)
    assert (await connection.start())["type"] == "stream_started"
    assert emulator.counters["keepalives"] == 1
    assert emulator.counters["socket_messages_malformed"] == 6


async def test_a_client_that_leaves_is_gone_at_once(service, until):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    await connection.close()
    await until(lambda: not emulator.sessions.live())
    assert connection.closed[0] == 1000
    assert emulator.counters["farewells"] == 1
    assert not any(message["type"] == "error" for message in connection.socket_messages)


async def test_a_client_that_vanishes_is_gone_too(service, until):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    connection.socket.transport.abort()
    await until(lambda: not emulator.sessions.live())


async def test_a_peer_that_is_lost_ends_the_session(service, until):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    await connection.peer.close()
    await until(lambda: connection.closed)
    assert connection.closed[0] == 1011
    assert {"type": "error", "reason": "streamer_disconnected"} in connection.socket_messages
    await until(lambda: not emulator.sessions.live())


async def test_a_silent_socket_is_closed(running):
    async with running(EmulatorConfig(limits=Limits(keepalive_seconds=2.0))) as (emulator, caller):
        _, socket = await caller.open_socket()
        for _ in range(30):
            await socket.send('{"type": "keepalive"}')
            await asyncio.sleep(0.1)
        assert socket.close_code is None
        await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (1008, "keepalive timeout")
        assert emulator.counters["keepalives"] == 30


async def test_unreachable_ice_servers_do_not_keep_peers_apart(running):
    servers = (IceServer(url="turn:127.0.0.1:9", username="user", credential="hidden"),)
    async with running(EmulatorConfig(ice_servers=servers)) as (_, caller):
        connection = await caller.connect()
        assert (await connection.start())["type"] == "stream_started"
