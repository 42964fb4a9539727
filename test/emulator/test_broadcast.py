"""Spectators watch a broadcast over WHEP."""

from __future__ import annotations

import asyncio

import pytest

from odyssey_ros.emulator import EmulatorConfig
from odyssey_ros.emulator.broadcast import BroadcastRegistry, UnknownBroadcastError
from odyssey_ros.emulator.media.video_track import VideoFanout
from odyssey_ros.emulator.scene.marker import read_marker


def no_faults(track, transport):
    raise AssertionError("faults of a spectator that was not admitted")


async def broadcast(caller):
    connection = await caller.connect()
    await connection.start("a carnival", broadcast=True)
    return connection, await connection.reply("broadcast_ready")


async def test_several_spectators_watch_one_encoded_stream(service, until):
    emulator, caller = service
    _, ready = await broadcast(caller)
    assert ready["broadcast_url"] is None
    watching = [caller.new_spectator() for _ in range(3)]
    for spectator in watching:
        await spectator.join(ready)
    await until(lambda: all(len(spectator.frames) > 10 for spectator in watching))
    for spectator in watching:
        markers = [
            marker for frame in spectator.frames if (marker := read_marker(frame.to_ndarray(format="rgb24")))
        ]
        counters = [marker.counter for marker in markers]
        assert len(counters) > 5
        assert counters == sorted(set(counters))
        # One frame in each period: the stream renders once, whatever the number of spectators.
        period_ms = 1000 / emulator.config.fps
        assert all(marker.stream_time_ms >= marker.counter * period_ms for marker in markers)
    [session] = (await caller.http.get("/control/state")).json()["sessions"]
    assert session["stream"]["spectators"] == 3


async def test_a_spectator_leaves_with_delete(service, until):
    _, caller = service
    _, ready = await broadcast(caller)
    spectator = caller.new_spectator()
    location = await spectator.join(ready)
    await until(lambda: spectator.frames)
    assert (await caller.http.delete(location)).status_code == 200
    await until(lambda: spectator.ended)
    assert (await caller.http.delete(location)).status_code == 404
    [session] = (await caller.http.get("/control/state")).json()["sessions"]
    assert session["stream"]["spectators"] == 0


async def test_the_end_of_the_stream_disconnects_its_spectators(service, until):
    _, caller = service
    connection, ready = await broadcast(caller)
    spectator = caller.new_spectator()
    await spectator.join(ready)
    await until(lambda: spectator.frames)
    await connection.end()
    await until(lambda: spectator.ended)
    late = await caller.http.post(
        f"{ready['webrtc_url']}/whep",
        params={"token": ready["spectator_token"]},
        content="v=0",
        headers={"Content-Type": "application/sdp"},
    )
    assert (late.status_code, late.json()) == (404, {"detail": "Stream not found"})


async def test_a_spectator_is_refused_when_the_stream_ends_during_the_negotiation(service):
    registry = BroadcastRegistry((), lambda _: ["127.0.0.1"])
    registry.open("one", VideoFanout(lambda: None), "h264", no_faults)
    peer = service[1].new_spectator().peer
    peer.addTransceiver("video", direction="recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    joining = asyncio.create_task(registry.join("one", peer.localDescription.sdp))
    await asyncio.sleep(0)  # run the task until it gathers candidates
    assert not joining.done()
    await registry.close("one")
    with pytest.raises(UnknownBroadcastError):
        await joining


async def test_broadcast_ready_is_sent_after_the_configured_time(running):
    async with running(EmulatorConfig(broadcast_seconds=0.05)) as (_, caller):
        connection = await caller.connect()
        await connection.start(broadcast=True)
        ready = await connection.reply("broadcast_ready")
        assert set(ready) == {"type", "broadcast_url", "webrtc_url", "spectator_token"}


async def test_the_number_of_spectators_is_bounded(service, monkeypatch):
    monkeypatch.setattr("odyssey_ros.emulator.broadcast.MAX_SPECTATORS", 1)
    _, caller = service
    _, ready = await broadcast(caller)
    first, second = caller.new_spectator(), caller.new_spectator()
    await first.join(ready)
    with pytest.raises(AssertionError, match="spectators; try again later"):
        await second.join(ready)
