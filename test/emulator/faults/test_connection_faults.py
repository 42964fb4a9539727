"""Failing on command: each fault, as a client sees it."""

from __future__ import annotations

import asyncio
import itertools
import time

import httpx
import numpy as np
import pytest
import websockets

from odyssey_ros.emulator import EmulatorConfig
from odyssey_ros.emulator import faults as f
from odyssey_ros.emulator.faults.schedule import Schedule
from odyssey_ros.emulator.scene.marker import read_marker

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
ALWAYS = Schedule(count=0)


def marker_of(frame):
    return read_marker(frame.to_ndarray(format="rgb24"))


def counters_of(frames):
    # A picture that lacks one before it may be unreadable.
    return [marker.counter for frame in frames if (marker := marker_of(frame))]


def brightness(frame):
    return frame.to_ndarray(format="rgb24").mean()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_every_endpoint_answers_every_status(service, endpoint):
    emulator, caller = service
    method, path = ENDPOINTS[endpoint]
    for status in (400, 401, 402, 403, 404, 418, 422, 429, 500, 502, 503, 599):
        emulator.faults.arm(f.HttpStatus(endpoint=endpoint, status=status, detail="as told"))
        answer = await caller.http.request(method, path)
        assert (answer.status_code, answer.json()) == (status, {"detail": "as told"})
        assert emulator.counters[f"http.{endpoint}.{status}"] == 1
    others = await caller.http.request(method, path)
    assert others.text != '{"detail": "as told"}'


def test_no_endpoint_is_left_out():
    assert set(ENDPOINTS) == set(f.ENDPOINTS)


async def test_a_fault_spoils_its_endpoint_as_often_as_told(service):
    emulator, caller = service
    emulator.faults.arm(f.HttpStatus(endpoint="config", status=500), Schedule(count=2))
    statuses = [(await caller.http.get("/config")).status_code for _ in range(3)]
    assert statuses == [500, 500, 200]
    emulator.faults.arm(f.HttpStatus(status=500), ALWAYS)
    assert (await caller.http.get("/config")).status_code == 500
    assert (await caller.http.get("/ping/local")).status_code == 500
    assert (await caller.http.get("/control/state")).status_code == 200


async def test_answers_can_be_slow_hang_break_or_be_malformed(service):
    emulator, caller = service
    emulator.faults.arm(f.HttpDelay(endpoint="config", delay_seconds=0.3))
    began = time.monotonic()
    assert (await caller.http.get("/config")).status_code == 200
    assert time.monotonic() - began >= 0.3

    emulator.faults.arm(f.HttpHang(endpoint="config"))
    with pytest.raises(httpx.ReadTimeout):
        await caller.http.get("/config", timeout=0.3)

    emulator.faults.arm(f.HttpDrop(endpoint="config"))
    with pytest.raises(httpx.TransportError):
        await caller.http.get("/config")

    emulator.faults.arm(f.HttpMalformed(endpoint="auth_token"))
    answer = await caller.http.post("/auth/token", json={"api_key": "ody_local"})
    assert answer.status_code == 200
    with pytest.raises(ValueError):
        answer.json()
    emulator.faults.arm(f.HttpMalformed(endpoint="auth_token", body="[]"))
    assert (await caller.http.post("/auth/token", json={"api_key": "ody_local"})).json() == []


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
async def test_every_usage_error_has_its_body(service, code, key):
    emulator, caller = service
    emulator.faults.arm(f.HttpUsageError(code=code))
    answer = await caller.request("POST", "/sessions/request", json={})
    assert answer.status_code == 429
    body = answer.json()["detail"]
    assert body["error"] == code
    assert body["message"]
    assert body["action"]
    assert key is None or key in body["details"]
    emulator.faults.arm(f.HttpUsageError(code=code, legacy=True))
    assert (await caller.request("POST", "/sessions/request", json={})).json()["code"] == code


async def test_urls_are_handed_out_expired(service, until):
    emulator, caller = service
    connection = await caller.connect()
    stream_id = (await connection.start())["stream_id"]
    await connection.end()
    emulator.faults.arm(f.ExpiredUrls())
    recording = (await caller.request("GET", f"/recordings/{stream_id}")).json()
    assert (await caller.http.get(recording["video_url"])).status_code == 403
    emulator.faults.clear()
    recording = (await caller.request("GET", f"/recordings/{stream_id}")).json()
    assert (await caller.http.get(recording["video_url"])).status_code == 200


async def test_the_socket_is_refused(service):
    emulator, caller = service
    for status in (401, 403, 404, 503):
        emulator.faults.arm(f.HttpStatus(endpoint="signaling", status=status))
        with pytest.raises(websockets.InvalidStatus) as refused:
            await caller.open_socket()
        assert refused.value.response.status_code == status
    # The session outlives a refusal: the same token is good for the next attempt.
    _, socket = await caller.open_socket()
    await socket.close()


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 4000])
async def test_the_socket_is_closed_with_a_code(service, until, code):
    emulator, caller = service
    connection = await caller.connect()
    emulator.faults.arm(f.SocketClose(code=code, reason="told so"))
    assert await until(lambda: connection.closed) == (code, "told so")


async def test_the_socket_is_dropped_without_a_word(service, until):
    emulator, caller = service
    connection = await caller.connect()
    emulator.faults.arm(f.SocketDrop())
    assert await until(lambda: connection.closed) == (1006, "")


async def test_the_socket_stays_open_and_hears_nothing(service):
    emulator, caller = service
    connection = await caller.connect()
    await asyncio.wait_for(await connection.socket.ping(), 50)
    emulator.faults.arm(f.SocketHang())
    # The act is carried out by a task of the service, as soon as it runs.
    await connection.start()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(await connection.socket.ping(), 1)
    assert (await connection.interact("media and channels go on"))["type"] == "update_acknowledged"
    assert connection.closed is None
    connection.socket.transport.abort()


@pytest.mark.parametrize(
    "reason", ["streamer_not_available", "streamer_disconnected", "duration_limit_reached", "unknown"]
)
async def test_the_socket_tells_an_error(service, until, reason):
    emulator, caller = service
    connection = await caller.connect()
    emulator.faults.arm(f.SocketError(reason=reason, close=False))
    await until(lambda: {"type": "error", "reason": reason} in connection.socket_messages)
    assert connection.closed is None
    emulator.faults.arm(f.SocketError(reason=reason))
    await until(lambda: connection.closed)


async def test_the_socket_and_the_channel_talk_nonsense(service, until):
    emulator, caller = service
    connection = await caller.connect()
    emulator.faults.arm(f.SocketText(text='{"type": "surprise"}'))
    await until(lambda: {"type": "surprise"} in connection.socket_messages)
    emulator.faults.arm(f.ChannelText(text='{"type": "surprise"}'))
    await until(lambda: {"type": "surprise"} in connection.messages)


@pytest.mark.parametrize("variant", ["garbage", "empty", "missing", "wrong_fingerprint"])
async def test_the_offer_is_bad(service, until, variant):
    emulator, caller = service
    emulator.faults.arm(f.BadOffer(variant=variant))
    _, socket = await caller.open_socket()
    offer = await socket.recv()
    assert {
        "garbage": "no session description" in offer,
        "empty": '"sdp": ""' in offer,
        "missing": "sdp" not in offer,
        "wrong_fingerprint": ":".join(["00"] * 32) in offer,
    }[variant]
    await socket.close()
    # A session whose peers never met may be connected to again, and the fault is spent.
    assert (await (await caller.connect()).start())["type"] == "stream_started"


async def test_a_wrong_fingerprint_keeps_the_peers_apart(service, until):
    emulator, caller = service
    emulator.faults.arm(f.BadOffer(variant="wrong_fingerprint"))
    connection = await caller.connect(ready=False)
    await until(lambda: connection.peer.connectionState in {"failed", "closed"})
    assert not connection.channels


async def test_no_offer_comes(service):
    emulator, caller = service
    emulator.faults.arm(f.NoOffer())
    _, socket = await caller.open_socket()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(socket.recv(), 0.5)
    await socket.close()


async def test_track_and_channels_are_left_out(service, until):
    emulator, caller = service
    emulator.faults.arm(f.NoTrack())
    connection = await caller.connect(ready=False)
    await until(lambda: len(connection.channels) == 2)
    assert connection.track is None
    for label, other in itertools.permutations(("clientToStreamer", "streamerToClient")):
        emulator.faults.arm(f.NoChannel(label=label))
        connection = await caller.connect(ready=False)
        await until(lambda connection=connection: connection.track and connection.channels)
        assert list(connection.channels) == [other]


@pytest.mark.parametrize("label", ["clientToStreamer", "streamerToClient"])
async def test_a_channel_closes(service, until, label):
    emulator, caller = service
    connection = await caller.connect()
    emulator.faults.arm(f.ChannelClose(label=label))
    await until(lambda: connection.channels[label].readyState == "closed")
    assert connection.closed is None


async def test_the_peer_closes_with_notice(service, until):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    emulator.faults.arm(f.PeerClose())
    await until(lambda: connection.peer.connectionState == "closed")
    assert connection.closed is None


async def test_the_peer_falls_silent_without_notice(service, until):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    await until(lambda: len(connection.frames) > 3)
    emulator.faults.arm(f.PeerKill())
    await until(lambda: time.monotonic() - connection.arrivals[-1] > 1)
    assert connection.peer.connectionState == "connected"
    assert connection.closed is None
    assert not connection.track_ended


async def test_the_track_ends_and_the_rest_stays(service, until):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    await connection.next_frame()
    emulator.faults.arm(f.TrackEnd())
    await until(lambda: connection.track_ended)
    assert (await connection.end())["type"] == "stream_ended"


async def test_the_stream_ends_unasked(service):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    emulator.faults.arm(f.StreamEnd())
    await connection.reply("stream_ended")
    assert (await connection.start())["type"] == "stream_started"


@pytest.mark.parametrize(
    "reason", ["quota_exceeded", "concurrent_limit_exceeded", "lease_denied", "session_timeout", "anything"]
)
async def test_stream_errors_of_each_reason(service, reason):
    emulator, caller = service
    connection = await caller.connect()
    emulator.faults.arm(f.StreamRefusal(request="start", reason=reason, message="told so"))
    assert await connection.start() == {
        "type": "interactive_stream_error",
        "reason": reason,
        "message": "told so",
    }
    assert (await connection.start())["type"] == "stream_started"
    emulator.faults.arm(f.StreamRefusal(request="update", reason=reason))
    assert (await connection.interact("x"))["reason"] == reason
    emulator.faults.arm(f.StreamRefusal(request="end", reason=reason))
    connection.send(type="interactive_stream_end")
    assert (await connection.reply("interactive_stream_error", "stream_ended"))["reason"] == reason
    emulator.faults.arm(f.StreamFail(reason=reason))
    assert (await connection.reply("interactive_stream_error"))["reason"] == reason
    await connection.reply("stream_ended")


async def test_replies_are_late_or_never_come(service):
    emulator, caller = service
    connection = await caller.connect()
    for request, kind in (
        ("start", "stream_started"),
        ("update", "update_acknowledged"),
        ("end", "stream_ended"),
    ):
        emulator.faults.arm(f.ReplyDrop(request=request))
        emulator.faults.arm(f.ReplyDelay(request=request, delay_seconds=0.2), Schedule(count=2))
        messages = {
            "start": {"type": "interactive_stream_start", "prompt": "one"},
            "update": {"type": "update", "prompt": "two"},
            "end": {"type": "interactive_stream_end"},
        }
        connection.send(**messages[request])
        with pytest.raises(AssertionError):
            await connection.reply(kind, timeout=0.7)
        if request == "start":
            await connection.end()
        began = time.monotonic()
        connection.send(**messages[request])
        await connection.reply(kind)
        assert time.monotonic() - began >= 0.2


async def test_pictures_freeze_for_a_time(service, until):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    await connection.next_frame()
    emulator.faults.arm(f.VideoFreeze())
    await until(lambda: len(counters := counters_of(connection.frames[-6:])) == 6 and len(set(counters)) == 1)
    frozen = counters_of(connection.frames[-1:])
    emulator.faults.clear()
    await until(lambda: counters_of(connection.frames[-1:]) > frozen)


async def test_pictures_are_black_for_a_time(service, until):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    await connection.next_frame()
    emulator.faults.arm(f.VideoBlack())
    await until(lambda: brightness(connection.frames[-1]) < 2)
    emulator.faults.clear()
    await until(lambda: brightness(connection.frames[-1]) > 20)


async def test_pictures_change_size_in_mid_stream(service, until):
    emulator, caller = service
    connection = await caller.connect()
    stream_id = (await connection.start())["stream_id"]
    await connection.next_frame()
    emulator.faults.arm(f.VideoResize(width=640, height=352))
    await until(lambda: (connection.frames[-1].width, connection.frames[-1].height) == (640, 352))
    emulator.faults.clear()
    await until(lambda: connection.frames[-1].width == 1280)
    await connection.end()
    recording = (await caller.request("GET", f"/recordings/{stream_id}")).json()
    assert recording["frame_count"] > 0


async def test_pictures_stop_while_the_stream_runs(service, until):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    await connection.next_frame()
    emulator.faults.arm(f.VideoStall())
    await until(lambda: time.monotonic() - connection.arrivals[-1] > 0.6)
    emulator.faults.clear()
    await connection.next_frame()


@pytest.mark.parametrize("jump", [5.0, -5.0])
async def test_media_time_jumps(service, until, jump):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    await until(lambda: len(connection.frames) > 5)
    emulator.faults.arm(f.VideoJump(jump_seconds=jump))

    def steps():
        # aiortc takes a timestamp that goes back for one that has wrapped around: look at it modulo 2**32.
        ticks = [b.pts - a.pts for a, b in itertools.pairwise(connection.frames)]
        return [((step + 2**31) % 2**32 - 2**31) / 90_000 for step in ticks]

    await until(lambda: any(step * jump > 0 and abs(step) > 4 for step in steps()))
    emulator.faults.clear()
    await until(lambda: any(step * jump < 0 and abs(step) > 4 for step in steps()))


async def test_packets_are_lost(service, until):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    emulator.faults.arm(f.PacketLoss(fraction=0.3))
    await until(lambda: len(connection.frames) > 20)
    emulator.faults.clear()
    await until(lambda: np.ptp(counters_of(connection.frames)) > 20)
    await connection.close()
    caller.open.remove(connection)
    await until(lambda: emulator.counters["packets_lost_on_purpose"] > 10)


async def test_packets_are_late(service, until):
    emulator, caller = service
    connection = await caller.connect()
    began = time.monotonic()
    emulator.faults.arm(f.PacketDelay(delay_seconds=0.5, jitter_seconds=0.02))
    await connection.start()
    await until(lambda: connection.arrivals)
    assert connection.arrivals[0] - began >= 0.5
    await until(lambda: len(connection.frames) > 10)


async def test_acts_happen_at_their_moment_on_their_session(service, until):
    emulator, caller = service
    emulator.faults.arm(f.StreamEnd(), Schedule(since="started", after=0.5, count=0))
    connection = await caller.connect()
    for _ in range(2):
        began = time.monotonic()
        await connection.start()
        await connection.reply("stream_ended")
        assert time.monotonic() - began >= 0.5
    emulator.faults.clear()
    other = await caller.connect()
    emulator.faults.arm(f.SocketClose(code=4001), Schedule(session_id=other.session_id, count=0))
    await until(lambda: other.closed)
    assert connection.closed is None
    emulator.faults.arm(f.SocketClose(code=4002), Schedule(since="connected", after=0.2))
    assert (await until(lambda: connection.closed))[0] == 4002
    third = await caller.connect()
    await third.start()
    assert third.closed is None


async def test_faults_from_the_start_on(running, until):
    config = EmulatorConfig(
        faults=((f.SocketError(reason="unknown"), Schedule(since="connected", after=0.1)),)
    )
    async with running(config) as (_, caller):
        connection = await caller.connect()
        await until(lambda: {"type": "error", "reason": "unknown"} in connection.socket_messages)
