"""The signaling socket: its authorization, its messages, and its end."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
import websockets
from aiortc.sdp import SessionDescription

from odyssey_ros.emulator import EmulatorConfig, IceServer, Limits


async def refused(url):
    with pytest.raises(websockets.InvalidStatus) as error:
        await websockets.connect(url, proxy=None)
    return error.value.response.status_code


async def test_the_socket_needs_a_valid_token_for_its_session(running):
    clock = [1_800_000_000.0]
    async with running(EmulatorConfig(), now=lambda: clock[0]) as (_, caller):
        session_id, base, token = await caller.new_session()
        _, _, other_token = await caller.new_session()
        assert await refused(f"{base}/client/{session_id}") == 401
        assert await refused(f"{base}/client/{session_id}?token=nonsense") == 401
        assert await refused(f"{base}/client/{session_id}?token={caller.token}") == 401
        assert await refused(f"{base}/client/{session_id}?token={other_token}") == 403
        clock[0] += 601
        assert await refused(f"{base}/client/{session_id}?token={token}") == 401


async def test_a_connected_or_ended_session_cannot_be_opened(service, until):
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


async def test_a_socket_that_is_lost_before_the_peers_connect_can_be_replaced(service):
    _, caller = service
    session_id, base, token = await caller.new_session()
    url = f"{base}/client/{session_id}?token={token}"
    first = await websockets.connect(url, proxy=None)
    await first.recv()
    # The first socket is still open.
    second = await websockets.connect(url, proxy=None)
    assert json.loads(await second.recv())["type"] == "offer"
    with pytest.raises(websockets.ConnectionClosed):
        await first.recv()
    assert first.close_code == 1008
    await second.close()


async def test_the_offer_has_video_channels_and_only_loopback_candidates(service):
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


async def test_malformed_messages_are_ignored_and_counted(service):
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


async def test_a_client_that_disconnects_ends_its_session_at_once(service, until):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    await connection.close()
    await until(lambda: not emulator.sessions.live())
    assert connection.closed[0] == 1000
    assert emulator.counters["farewells"] == 1
    assert not any(message["type"] == "error" for message in connection.socket_messages)


async def test_an_aborted_connection_ends_the_session(service, until):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    connection.socket.transport.abort()
    await until(lambda: not emulator.sessions.live())


async def test_a_lost_peer_ends_the_session(service, until):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    await connection.peer.close()
    await until(lambda: connection.closed)
    assert connection.closed[0] == 1011
    assert {"type": "error", "reason": "streamer_disconnected"} in connection.socket_messages
    await until(lambda: not emulator.sessions.live())


async def test_a_lost_peer_does_not_end_a_later_connection_of_the_session(service):
    emulator, caller = service
    session_id, base, token = await caller.new_session()
    url = f"{base}/client/{session_id}?token={token}"
    first = await websockets.connect(url, proxy=None)
    await first.recv()
    streamer = emulator.sessions.find(session_id).streamer
    streamer._peer_lost()
    second = await websockets.connect(url, proxy=None)
    assert json.loads(await second.recv())["type"] == "offer"
    assert streamer._peer_lost_timer.cancelled()
    await first.close()
    await second.close()


async def test_a_socket_without_messages_is_closed(running, until):
    async with running(EmulatorConfig(limits=Limits(keepalive_seconds=2.0))) as (emulator, caller):
        _, socket = await caller.open_socket()
        deadline, sent = time.monotonic() + 3.0, 0
        while time.monotonic() < deadline:
            await socket.send('{"type": "keepalive"}')
            sent += 1
            await until(lambda: emulator.counters["keepalives"] == sent)  # noqa: B023
        assert socket.close_code is None
        await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (1008, "keepalive timeout")


async def test_peers_connect_in_spite_of_unreachable_ice_servers(running):
    servers = (IceServer(url="turn:127.0.0.1:9", username="user", credential="hidden"),)
    async with running(EmulatorConfig(ice_servers=servers)) as (_, caller):
        connection = await caller.connect()
        assert (await connection.start())["type"] == "stream_started"


async def test_a_flood_of_candidates_is_ignored(service, until):
    emulator, caller = service
    connection = await caller.connect()
    line = {"type": "ice_candidate", "sdpMid": "0", "sdpMLineIndex": 0}
    for number in range(300):
        candidate = f"candidate:{number} 1 udp 2122260223 127.0.0.1 {1024 + number} typ host"
        await connection.socket.send(json.dumps({**line, "candidate": candidate}))
    await until(lambda: emulator.counters["socket_messages_malformed"] == 300 - 256)
    assert (await connection.start())["type"] == "stream_started"


async def test_a_message_above_the_limit_closes_the_socket(service, until):
    _, caller = service
    _, socket = await caller.open_socket()
    await socket.recv()
    with contextlib.suppress(websockets.ConnectionClosed):
        await socket.send("x" * (37 * 1024 * 1024))
    await socket.wait_closed()
    assert socket.close_code == 1009
