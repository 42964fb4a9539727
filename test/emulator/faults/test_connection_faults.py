"""Connection faults, as a client of the running service sees them."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
import websockets

from odyssey_ros.emulator import EmulatorConfig, Schedule
from odyssey_ros.emulator.faults import (
    BadOffer,
    ChannelClose,
    ChannelText,
    ExtraTracks,
    NoChannel,
    NoOffer,
    NoTrack,
    PeerClose,
    PeerKill,
    SocketClose,
    SocketDrop,
    SocketError,
    SocketHang,
    SocketText,
    TrackEnd,
)
from waiting import eventually

CHANNELS = ("clientToStreamer", "streamerToClient")


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 4000])
async def test_the_socket_is_closed_with_a_code(service, code):
    emulator, caller = service
    connection = await caller.connect()
    emulator.faults.arm(SocketClose(code=code, reason="injected reason"))
    assert await eventually(lambda: connection.closed) == (code, "injected reason")


async def test_the_socket_is_dropped_without_a_close_frame(service):
    emulator, caller = service
    connection = await caller.connect()
    emulator.faults.arm(SocketDrop())
    assert await eventually(lambda: connection.closed) == (1006, "")


async def test_the_socket_stays_open_and_is_not_read(service):
    emulator, caller = service
    connection = await caller.connect()
    await (await connection.socket.ping())
    emulator.faults.arm(SocketHang())
    await eventually(lambda: emulator.faults.armed()[0].spent)
    pong = await connection.socket.ping()
    await connection.socket.send('{"type": "keepalive"}')
    # Media and data channels still work.
    await connection.start()
    assert (await connection.interact("it rains"))["type"] == "update_acknowledged"
    assert not pong.done()
    assert emulator.counters["keepalives"] == 0
    assert connection.closed is None
    connection.socket.transport.abort()


@pytest.mark.parametrize(
    "reason", ["streamer_not_available", "streamer_disconnected", "duration_limit_reached", "unknown"]
)
async def test_the_socket_carries_an_error(service, reason):
    emulator, caller = service
    connection = await caller.connect()
    emulator.faults.arm(SocketError(reason=reason, close=False))
    await eventually(lambda: {"type": "error", "reason": reason} in connection.socket_messages)
    assert connection.closed is None
    emulator.faults.arm(SocketError(reason=reason))
    await eventually(lambda: connection.closed)


async def test_the_socket_and_the_channel_carry_a_given_text(service):
    emulator, caller = service
    connection = await caller.connect()
    emulator.faults.arm(SocketText(text='{"type": "surprise"}'))
    await eventually(lambda: {"type": "surprise"} in connection.socket_messages)
    emulator.faults.arm(ChannelText(text='{"type": "surprise"}'))
    await eventually(lambda: {"type": "surprise"} in connection.messages)


@pytest.mark.parametrize("variant", ["garbage", "empty", "missing", "wrong_fingerprint"])
async def test_the_offer_is_unusable_once(service, variant):
    emulator, caller = service
    emulator.faults.arm(BadOffer(variant=variant))
    _, socket = await caller.open_socket()
    offer = await socket.recv()
    assert {
        "garbage": "no session description" in offer,
        "empty": '"sdp": ""' in offer,
        "missing": "sdp" not in offer,
        "wrong_fingerprint": ":".join(["00"] * 32) in offer,
    }[variant]
    await socket.close()
    # A session whose peers never connected can be connected to again, and the fault is spent.
    assert (await (await caller.connect()).start())["type"] == "stream_started"


async def test_a_wrong_fingerprint_fails_the_peer_connection(service):
    emulator, caller = service
    emulator.faults.arm(BadOffer(variant="wrong_fingerprint"))
    connection = await caller.connect(ready=False)
    await eventually(lambda: connection.peer.connectionState in {"failed", "closed"})
    assert not connection.channels


async def test_no_offer_is_sent(service):
    emulator, caller = service
    emulator.faults.arm(NoOffer())
    _, socket = await caller.open_socket()
    received = []

    async def receive():
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                received.append(await socket.recv())

    reader = asyncio.create_task(receive())
    # The service answers pings only after the point at which it sends the offer.
    await (await socket.ping())
    assert emulator.faults.armed()[0].spent
    assert received == []
    await socket.close()
    await reader


async def test_the_offer_has_no_track(service):
    emulator, caller = service
    emulator.faults.arm(NoTrack())
    connection = await caller.connect(ready=False)
    await eventually(lambda: len(connection.channels) == 2)
    assert connection.track is None


@pytest.mark.parametrize(("label", "other"), [CHANNELS, CHANNELS[::-1]])
async def test_a_channel_is_missing(service, label, other):
    emulator, caller = service
    emulator.faults.arm(NoChannel(label=label))
    connection = await caller.connect(ready=False)
    await eventually(lambda: connection.track and connection.channels)
    assert list(connection.channels) == [other]


@pytest.mark.parametrize("label", CHANNELS)
async def test_a_channel_closes(service, label):
    emulator, caller = service
    connection = await caller.connect()
    emulator.faults.arm(ChannelClose(label=label))
    await eventually(lambda: connection.channels[label].readyState == "closed")
    assert connection.closed is None


async def test_the_peer_closes_with_notice(service):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    emulator.faults.arm(PeerClose())
    await eventually(lambda: connection.peer.connectionState == "closed")
    assert connection.closed is None


async def test_the_peer_stops_sending_without_notice(service):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    await eventually(lambda: len(connection.frames) > 3)
    emulator.faults.arm(PeerKill())
    await eventually(lambda: time.monotonic() - connection.arrivals[-1] > 1)
    assert connection.peer.connectionState == "connected"
    assert connection.closed is None
    assert not connection.track_ended


async def test_the_track_ends_and_the_channels_stay_open(service):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    await connection.next_frame()
    emulator.faults.arm(TrackEnd())
    await eventually(lambda: connection.track_ended)
    assert (await connection.end())["type"] == "stream_ended"


async def test_an_act_happens_in_its_session_only(service):
    emulator, caller = service
    connection, other = await caller.connect(), await caller.connect()
    emulator.faults.arm(SocketClose(code=4001), Schedule(session_id=other.session_id, count=0))
    await eventually(lambda: other.closed)
    assert connection.closed is None
    emulator.faults.arm(SocketClose(code=4002), Schedule(since="connected", after=0.01))
    assert (await eventually(lambda: connection.closed))[0] == 4002
    # The fault is spent.
    third = await caller.connect()
    await third.start()
    assert third.closed is None


async def test_faults_of_the_configuration_are_armed_from_the_start(running):
    config = EmulatorConfig(faults=((SocketError(reason="unknown"), Schedule(since="connected", after=0.1)),))
    async with running(config) as (_, caller):
        connection = await caller.connect()
        await eventually(lambda: {"type": "error", "reason": "unknown"} in connection.socket_messages)


async def test_an_offer_has_further_video_tracks(service):
    emulator, caller = service
    emulator.faults.arm(ExtraTracks(tracks=3))
    connection = await caller.connect()
    offer = next(message for message in connection.socket_messages if message["type"] == "offer")
    assert offer["sdp"].count("m=video") == 4
    assert (await connection.start())["type"] == "stream_started"
