"""Video faults, as a client of the running service sees them."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from odyssey_ros.emulator import read_marker
from odyssey_ros.emulator.faults import (
    PacketDelay,
    PacketLoss,
    VideoBlack,
    VideoFreeze,
    VideoJump,
    VideoResize,
    VideoStall,
)
from waiting import eventually


def counters_of(frames):
    # A frame is not readable if it refers to a lost frame.
    markers = [read_marker(frame.to_ndarray(format="rgb24")) for frame in frames]
    return [marker.counter for marker in markers if marker]


def brightness(frame):
    return frame.to_ndarray(format="rgb24").mean()


@pytest.fixture
async def streaming(service):
    """A service and a connection whose stream has sent a frame."""
    emulator, caller = service
    connection = await caller.connect()
    connection.stream_id = (await connection.start())["stream_id"]
    await connection.next_frame()
    return emulator, connection


async def test_frames_freeze_for_a_time(streaming):
    emulator, connection = streaming
    emulator.faults.arm(VideoFreeze())

    def last_frames_are_equal():
        counters = counters_of(connection.frames[-6:])
        return len(counters) == 6 and len(set(counters)) == 1

    await eventually(last_frames_are_equal)
    frozen = counters_of(connection.frames[-1:])
    emulator.faults.clear()
    await eventually(lambda: counters_of(connection.frames[-1:]) > frozen)


async def test_frames_are_black_for_a_time(streaming):
    emulator, connection = streaming
    emulator.faults.arm(VideoBlack())
    await eventually(lambda: brightness(connection.frames[-1]) < 2)
    emulator.faults.clear()
    await eventually(lambda: brightness(connection.frames[-1]) > 20)


async def test_frames_change_size_during_a_stream(service, streaming):
    emulator, connection = streaming
    emulator.faults.arm(VideoResize(width=640, height=352))
    await eventually(lambda: (connection.frames[-1].width, connection.frames[-1].height) == (640, 352))
    emulator.faults.clear()
    await eventually(lambda: connection.frames[-1].width == 1280)
    await connection.end()
    caller = service[1]
    recording = (await caller.request("GET", f"/recordings/{connection.stream_id}")).json()
    assert recording["frame_count"] > 0


async def test_frames_stop_while_the_stream_runs(streaming):
    emulator, connection = streaming
    emulator.faults.arm(VideoStall())
    await eventually(lambda: time.monotonic() - connection.arrivals[-1] > 0.6)
    emulator.faults.clear()
    await connection.next_frame()


@pytest.mark.parametrize("jump", [5.0, -5.0])
async def test_media_time_jumps(streaming, jump):
    emulator, connection = streaming
    await eventually(lambda: len(connection.frames) > 5)
    emulator.faults.arm(VideoJump(jump_seconds=jump))

    def steps():
        # aiortc treats a timestamp that decreases as wrapped, so steps are taken modulo 2**32.
        ticks = [b.pts - a.pts for a, b in itertools.pairwise(connection.frames)]
        return [((step + 2**31) % 2**32 - 2**31) / 90_000 for step in ticks]

    await eventually(lambda: any(step * jump > 0 and abs(step) > 4 for step in steps()))
    emulator.faults.clear()
    await eventually(lambda: any(step * jump < 0 and abs(step) > 4 for step in steps()))


async def test_the_stream_survives_lost_packets(service):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    emulator.faults.arm(PacketLoss(fraction=0.3))
    await eventually(lambda: len(connection.frames) > 20)
    emulator.faults.clear()
    await eventually(lambda: np.ptp(counters_of(connection.frames)) > 20)
    await connection.close()
    caller.open.remove(connection)
    await eventually(lambda: emulator.counters["packets_lost_on_purpose"] > 10)


async def test_the_stream_survives_late_packets(service):
    emulator, caller = service
    connection = await caller.connect()
    emulator.faults.arm(PacketDelay(delay_seconds=0.5, jitter_seconds=0.02))
    await connection.start()
    await eventually(lambda: len(connection.frames) > 10)
