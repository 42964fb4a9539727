"""The runner of acts, with a session, a streamer and a socket that record calls."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest

from odyssey_ros.emulator.faults import (
    ChannelClose,
    ChannelText,
    PeerClose,
    PeerKill,
    SocketClose,
    SocketDrop,
    SocketError,
    SocketHang,
    SocketText,
    StreamEnd,
    StreamFail,
    TrackEnd,
    VideoBlack,
)
from odyssey_ros.emulator.faults.act_runner import ActRunner
from odyssey_ros.emulator.faults.fault_registry import FaultRegistry
from odyssey_ros.emulator.faults.schedule import Schedule, SessionMoments
from odyssey_ros.emulator.sessions import Ending
from waiting import eventually


class Recorder:
    """Records calls of any method as (name, arguments); methods in `awaited` are coroutines."""

    def __init__(self, calls, *awaited, error=None):
        self._calls = calls
        self._awaited = awaited
        self._error = error

    def __getattr__(self, name):
        def call(*arguments):
            self._calls.append((name, *arguments))
            if self._error is not None:
                raise self._error

        async def awaited_call(*arguments):
            call(*arguments)

        return awaited_call if name in self._awaited else call


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def registry(clock):
    return FaultRegistry(clock)


@pytest.fixture
def calls():
    return []


@pytest.fixture
def moments():
    return SessionMoments("one", opened=90.0)


@pytest.fixture
def start(registry, calls, moments):
    """Starts a runner as a task; the tasks are cancelled at the end."""
    tasks = []

    def start_runner(*, transport=True, socket_error=None):
        streamer = Recorder(calls)
        streamer.peer = Recorder(calls, "close", "stop_responding", "end_track")
        runner = ActRunner(
            registry=registry,
            session=SimpleNamespace(moments=moments, end=lambda ending: calls.append(("end", ending))),
            streamer=streamer,
            socket=Recorder(calls, "send_str", error=socket_error),
            transport=Recorder(calls) if transport else None,
        )
        tasks.append(asyncio.create_task(runner.run()))
        return tasks[-1]

    yield start_runner
    for task in tasks:
        task.cancel()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (SocketHang(), ("pause_reading",)),
        (SocketClose(code=4000, reason="why"), ("end", Ending(4000, "why"))),
        (SocketDrop(), ("end", Ending(abort=True))),
        (SocketError(reason="why"), ("end", Ending(error="why"))),
        (SocketText(text="text"), ("send_str", "text")),
        (ChannelClose(label="streamerToClient"), ("close_channel", "streamerToClient")),
        (ChannelText(text="text"), ("send", "text")),
        (PeerClose(), ("close",)),
        (PeerKill(), ("stop_responding",)),
        (TrackEnd(), ("end_track",)),
        (StreamEnd(), ("end_stream",)),
        (StreamFail(reason="why", message="text"), ("end_stream", "why", "text")),
    ],
)
async def test_every_act_has_its_effect(start, registry, calls, fault, expected):
    start()
    registry.arm(fault)
    await eventually(lambda: calls)
    assert calls == [expected]


async def test_an_error_without_close_is_sent_only(start, registry, calls):
    start()
    registry.arm(SocketError(reason="why", close=False))
    await eventually(lambda: calls)
    [(name, text)] = calls
    assert (name, json.loads(text)) == ("send_str", {"type": "error", "reason": "why"})


async def test_a_socket_that_closes_meanwhile_is_no_error(start, registry, calls):
    task = start(socket_error=ConnectionResetError())
    registry.arm(SocketText(text="one"))
    registry.arm(SocketText(text="two"))
    await eventually(lambda: len(calls) == 2)
    assert not task.done()


async def test_a_closed_transport_cannot_hang(start, registry, calls):
    start(transport=False)
    registry.arm(SocketHang())
    registry.arm(StreamEnd())
    await eventually(lambda: calls)
    assert calls == [("end_stream",)]


async def test_an_act_waits_for_its_time(start, registry, calls, clock):
    start()
    registry.arm(StreamEnd(), Schedule(after=3600))
    registry.arm(ChannelText(text="now"))
    await eventually(lambda: calls)
    assert calls == [("send", "now")]
    clock.now += 3600
    registry.notify()
    await eventually(lambda: len(calls) == 2)
    assert calls[1] == ("end_stream",)


async def test_an_act_happens_at_its_time_without_a_notification(start, registry, calls, clock):
    registry.arm(StreamEnd(), Schedule(after=0.01))
    start()
    await asyncio.sleep(0)
    clock.now += 0.01
    await eventually(lambda: calls)


async def test_states_are_not_run(start, registry, calls):
    start()
    registry.arm(VideoBlack())
    registry.arm(StreamEnd())
    await eventually(lambda: calls)
    assert calls == [("end_stream",)]


async def test_a_cancelled_runner_no_longer_listens(start, registry, calls):
    task = start()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert registry._listeners == []
