"""Losses beyond repair and missing parameter sets, as receivers of the running service see them."""

from __future__ import annotations

import av
import pytest

from odyssey_ros.emulator import EmulatorConfig, Schedule, read_marker
from odyssey_ros.emulator.faults import FrameLoss, PacketLoss, ParameterSetsOnce
from odyssey_ros.emulator.media.parameter_sets import split_parameter_sets


def counters(frames):
    markers = [read_marker(frame.to_ndarray(format="rgb24")) for frame in frames]
    return [marker.counter for marker in markers if marker]


def config(**settings):
    # Many packets a second: aiortc waits for 512 packets before it gives up a lost one.
    return EmulatorConfig(
        fps=30, bitrate=12_000_000, record=False, broadcast_seconds=0.01, key_frame_interval=0.5, **settings
    )


@pytest.mark.parametrize(
    ("codec", "fault", "count"),
    [
        ("h264", FrameLoss(), 2),
        ("vp8", FrameLoss(packets="last"), 1),
        ("h264", FrameLoss(frames="key", packets="first", receiver="spectators"), 1),
    ],
)
async def test_a_lost_frame_stays_lost_and_frames_go_on(running, until, codec, fault, count):
    async with running(config(codec=codec)) as (emulator, caller):
        connection = await caller.connect()
        await connection.start(broadcast=True)
        spectator = caller.new_spectator()
        await spectator.join(await connection.reply("broadcast_ready"))
        receivers = {"client": connection, "spectators": spectator}
        await until(lambda: all(len(receiver.frames) > 3 for receiver in receivers.values()))
        armed = emulator.faults.arm(fault, Schedule(count=count))
        loser, other = receivers.pop(fault.receiver), next(iter(receivers.values()))
        await until(lambda: armed.fired == count)
        seen = len(loser.frames)

        def has_gap():
            found = counters(loser.frames[seen - 1 :])
            return len(found) > 5 and found[-1] - found[0] >= len(found) - 1 + count

        await until(has_gap)
        found = counters(other.frames)
        assert len(found) == found[-1] - found[0] + 1  # the other receiver lost nothing
        await connection.close()
        caller.open.remove(connection)
        # More than what was lost at first: retransmissions were requested, and are lost too.
        await until(lambda: emulator.counters["packets_lost_on_purpose"] > count)


async def test_packets_of_spectators_are_lost(running, until):
    async with running(config()) as (emulator, caller):
        connection = await caller.connect()
        await connection.start(broadcast=True)
        spectator = caller.new_spectator()
        await spectator.join(await connection.reply("broadcast_ready"))
        await until(lambda: spectator.frames)
        emulator.faults.arm(PacketLoss(fraction=1, receiver="spectators"))
        seen = len(connection.frames)
        await until(lambda: len(connection.frames) > seen + 20)
        assert len(spectator.frames) < 20
        emulator.faults.clear()
        await spectator.close()
        await until(lambda: emulator.counters["packets_lost_on_purpose"] > 20)


async def test_parameter_sets_come_with_the_first_key_frame_and_with_another_size(running, until):
    async with running(config()) as (emulator, caller):
        emulator.faults.arm(ParameterSetsOnce())
        connection = await caller.connect(ready=False)
        await until(lambda: connection.track is not None)
        units = tap(connection.peer)
        await until(lambda: len(connection.channels) == 2)
        await connection.start()

        def key_frames():
            return [unit for unit in units if b"\x00\x00\x01\x65" in unit]

        await until(lambda: len(key_frames()) > 2)
        await connection.end()
        await connection.start(portrait=True)
        started = len(key_frames())
        await until(lambda: len(key_frames()) > started + 1)
        with_sets = [bool(split_parameter_sets(unit)[0]) for unit in key_frames()]
        assert sum(with_sets) == 2
        assert with_sets[0]
        # The decoder keeps the parameter sets, and the whole stream can be decoded with them.
        decoder = av.CodecContext.create("h264", "r")
        decoder.thread_count = 1
        decoded = [frame for unit in units for frame in decoder.decode(av.Packet(unit))]
        assert {(frame.width, frame.height) for frame in decoded} == {(1280, 704), (704, 1280)}


def tap(peer):
    """Return a list to which all access units that the peer receives from now on are added."""
    [receiver] = [t.receiver for t in peer.getTransceivers() if t.kind == "video"]
    decoder_queue = receiver._RTCRtpReceiver__decoder_queue
    put, units = decoder_queue.put, []

    def noted(task, *arguments):
        if task is not None:
            units.append(bytes(task[1].data))
        put(task, *arguments)

    decoder_queue.put = noted
    return units
