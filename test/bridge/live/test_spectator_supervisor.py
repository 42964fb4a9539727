"""The supervisor of a spectator, with the real WHEP client and a real emulator; only waits are shortened."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest

from odyssey_ros.bridge.live.spectator_supervisor import SpectatorSupervisor
from odyssey_ros.bridge.live.stream_state import EventKind
from odyssey_ros.client import (
    AdvancedConfig,
    ConnectionStatus,
    Odyssey,
    OdysseyAuthError,
    OdysseyConnectionError,
)
from odyssey_ros.emulator import Emulator, EmulatorConfig
from odyssey_ros.emulator.faults.fault_parsing import parse_fault_option
from waiting import eventually

CONFIG = AdvancedConfig(max_retries=None, max_retry_delay_ms=30_000, frame_timeout_s=3.0)


class Observer:
    """Stores what it receives."""

    def __init__(self):
        self.frames, self.pictures, self.waits = [], [], []
        self.states, self.events, self.errors = [], [], []
        self.frame_arrived = self.frames.append
        self.frame_decoded = self.pictures.append
        self.state_changed = self.states.append
        self.event_happened = self.events.append
        self.gave_up = self.errors.append

    async def sleep(self, seconds):
        self.waits.append(seconds)
        await asyncio.sleep(0.05)

    def kinds(self, *wanted):
        return [event.kind for event in self.events if event.kind in wanted]


@pytest.fixture
async def emulator():
    async with Emulator(EmulatorConfig(fps=10, broadcast_seconds=0.1)) as one:
        yield one


@asynccontextmanager
async def broadcast(service):
    """Yield a client whose stream is broadcast, and the addresses."""
    ready = asyncio.get_running_loop().create_future()
    async with Odyssey("ody_local", api_url=service.url) as client:
        await client.connect(on_broadcast_ready=lambda info: ready.done() or ready.set_result(info))
        await client.start_stream("a calm sea", portrait=False, broadcast=True)
        yield client, await asyncio.wait_for(ready, 20)


@asynccontextmanager
async def watching(url, token, config=CONFIG):
    observer = Observer()
    session = SpectatorSupervisor(
        url, token, observer, config, sleep=observer.sleep, uniform=lambda low, high: high
    )
    running = asyncio.get_running_loop().create_task(session.run())
    try:
        yield session, observer
    finally:
        await session.close()
        await asyncio.gather(running, return_exceptions=True)


async def test_frames_arrive(emulator):
    async with (
        broadcast(emulator) as (_, info),
        watching(info.webrtc_url, info.spectator_token) as (session, seen),
    ):
        await eventually(lambda: len(seen.frames) > 5, "frames")
        assert seen.frames[0].is_key_frame
        assert (seen.frames[0].width, seen.frames[0].height) == (1280, 704)
        assert [frame.index for frame in seen.frames[:3]] == [0, 1, 2]
        assert not seen.pictures
        assert session.state.connection is ConnectionStatus.CONNECTED
        assert session.state.streaming
        assert seen.kinds(EventKind.CONNECTED, EventKind.ERROR) == [EventKind.CONNECTED]
        await session.close()
        assert seen.states[-1].connection is ConnectionStatus.DISCONNECTED
        assert await spectators(emulator) == 0  # the session was deleted on the server
        assert not seen.errors


async def test_decoding_and_key_frames_on_demand(emulator):
    """The demand holds for later connections, and numbers and counts go on."""
    async with (
        broadcast(emulator) as (_, info),
        watching(info.webrtc_url, info.spectator_token) as (session, seen),
    ):
        session.set_decoding(True)
        await eventually(lambda: len(seen.pictures) > 3, "pictures")
        assert seen.pictures[0].frame.width == 1280
        requested = session.statistics.key_frames_requested
        session.request_key_frame()
        await eventually(lambda: session.statistics.key_frames_requested > requested, "the request")

        stall = emulator.faults.arm(*parse_fault_option("video_stall,duration=600"))
        await eventually(lambda: session.state.connection is ConnectionStatus.RECONNECTING, "the loss")
        emulator.faults.disarm(stall.number)
        before = session.statistics
        seen.pictures.clear()
        await eventually(lambda: len(seen.pictures) > 3, "pictures of the next connection")
        session.set_decoding(False)
        seen.pictures.clear()
        count = len(seen.frames)
        await eventually(lambda: len(seen.frames) > count + 3, "frames")
        assert not seen.pictures
        numbers = [frame.number for frame in seen.frames]
        assert numbers == sorted(set(numbers))
        after = session.statistics
        assert after.frames_passed == len(seen.frames) > before.frames_passed
        assert after.frames_received == after.frames_passed + after.frames_withheld
        assert after.frames_decoded > before.frames_decoded


async def test_after_the_end_of_a_broadcast_the_supervisor_keeps_trying(emulator):
    async with (
        broadcast(emulator) as (client, info),
        watching(info.webrtc_url, info.spectator_token) as (session, seen),
    ):
        await eventually(lambda: seen.frames, "frames")
        await client.end_stream()
        await eventually(lambda: len(seen.waits) >= 7, "seven attempts")
        assert session.state.connection is ConnectionStatus.RECONNECTING
        assert "Stream not found; trying again in" in session.state.message
        assert (session.state.error_code, session.state.streaming) == ("NOT_FOUND", False)
        assert seen.waits[:7] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
        assert not seen.errors


async def test_a_standstill_is_reported_once_and_ends_with_a_new_connection(emulator):
    async with (
        broadcast(emulator) as (_, info),
        watching(info.webrtc_url, info.spectator_token) as (session, seen),
    ):
        await eventually(lambda: seen.frames, "frames")
        stall = emulator.faults.arm(*parse_fault_option("video_stall,duration=600"))
        await eventually(lambda: any(event.error_code == "FROZEN" for event in seen.events), "the stall")
        emulator.faults.disarm(stall.number)
        seen.frames.clear()
        await eventually(lambda: seen.frames, "frames again")
        assert session.state.reconnects >= 1
        assert session.state.error_code is None
        assert seen.frames[0].index == 0
        frozen = [event for event in seen.events if event.error_code == "FROZEN"]
        assert len(frozen) == len(seen.kinds(EventKind.DISCONNECTED))  # one for each lost connection
        assert "FROZEN" in {state.error_code for state in seen.states}


async def test_a_wrong_token_is_fatal(emulator):
    async with broadcast(emulator) as (_, info), watching(info.webrtc_url, "not-it") as (session, seen):
        await eventually(lambda: seen.errors, "giving up")
        assert isinstance(seen.errors[0], OdysseyAuthError)
        assert session.state.connection is ConnectionStatus.FAILED
        assert [state.message for state in seen.states if state.connection is ConnectionStatus.FAILED] == [
            "Invalid spectator token"
        ]
        assert seen.events[-1].fatal
        assert not seen.waits
        assert "not-it" not in repr(seen.events) + repr(seen.states)
        assert not session.stream_wanted


async def test_a_defect_gives_up_with_a_reason(monkeypatch):
    async def broken(*_, **__):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("odyssey_ros.bridge.live.spectator_supervisor.connect_to_stream", broken)
    async with watching("http://127.0.0.1:9/live/x", "token") as (session, seen):
        await eventually(lambda: seen.errors, "giving up")
        assert session.state.connection is ConnectionStatus.FAILED
        assert session.state.error_code == "INTERNAL"
        assert "ZeroDivisionError: a defect" in session.state.message


async def test_retries_can_be_limited():
    config = AdvancedConfig(max_retries=2, max_retry_delay_ms=30_000, request_timeout_s=2)
    async with watching("http://127.0.0.1:9/live/x", "token", config) as (_, seen):
        await eventually(lambda: seen.errors, "giving up")
        assert isinstance(seen.errors[0], OdysseyConnectionError)
        assert seen.waits == [1.0, 2.0]


async def test_attempts_that_fail_slowly_count_as_retries(monkeypatch):
    """An attempt can fail after `stable_after_s`; that does not make it a connection that lasted."""

    async def slow(*_, **__):
        await asyncio.sleep(0.05)
        raise OdysseyConnectionError("no answer")

    monkeypatch.setattr("odyssey_ros.bridge.live.spectator_supervisor.connect_to_stream", slow)
    config = AdvancedConfig(max_retries=3, max_retry_delay_ms=30_000, stable_after_s=0.01)
    async with watching("http://127.0.0.1:9/live/x", "token", config) as (_, seen):
        await eventually(lambda: seen.errors, "giving up")
    assert seen.waits == [1.0, 2.0, 4.0]


async def test_the_wait_that_the_service_asks_for_is_respected(monkeypatch):
    async def refused(*_, **__):
        raise OdysseyConnectionError("too busy", status_code=503, details={"retry_after_seconds": 3})

    monkeypatch.setattr("odyssey_ros.bridge.live.spectator_supervisor.connect_to_stream", refused)
    config = AdvancedConfig(max_retries=3, max_retry_delay_ms=30_000)
    async with watching("http://127.0.0.1:9/live/x", "token", config) as (_, seen):
        await eventually(lambda: seen.errors, "giving up")
    assert seen.waits == [4.0, 4.0, 4.0]  # 3 s, and the most of the random share


async def test_a_connection_that_lasts_restarts_the_retries(emulator):
    config = AdvancedConfig(max_retries=1, stable_after_s=0.1, frame_timeout_s=3.0)
    async with (
        broadcast(emulator) as (_, info),
        watching(info.webrtc_url, info.spectator_token, config) as (session, seen),
    ):
        for reconnects in range(3):
            seen.frames.clear()
            await eventually(lambda: len(seen.frames) > 3, "frames")
            await eventually(lambda count=reconnects: session.state.reconnects == count, "the count")
            session.disconnected(None)
        await eventually(lambda: session.state.reconnects == 3, "the last connection")
        assert not seen.errors


async def test_closing_at_any_time_leaves_no_task(emulator):
    async with broadcast(emulator) as (_, info):
        for delay in (0.0, 0.01, 0.1, 0.3, 1.5):
            before = asyncio.all_tasks()
            async with watching(info.webrtc_url, info.spectator_token):
                await asyncio.sleep(delay)  # the test varies this time
            await eventually(
                lambda before=before: not {t for t in asyncio.all_tasks() - before if "spectator" in repr(t)},
                "no task",
            )


async def spectators(service):
    async with httpx.AsyncClient() as http:
        sessions = (await http.get(f"{service.url}/control/state")).json()["sessions"]
    return sum(session["stream"]["spectators"] for session in sessions)
