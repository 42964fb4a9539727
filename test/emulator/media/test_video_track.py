"""The way of coded pictures to peers."""

from __future__ import annotations

import asyncio

import pytest
from aiortc.mediastreams import MediaStreamError

from odyssey_ros.emulator.media.encoding import EncodedFrame
from odyssey_ros.emulator.media.video_track import EncodedVideoTrack, VideoFanout


def frame(number, *, keyframe=False):
    return EncodedFrame(bytes([number]), number * 4500, keyframe)


@pytest.fixture
def asked():
    return []


@pytest.fixture
async def track(asked):
    return EncodedVideoTrack(lambda: asked.append(1))


async def test_pictures_come_in_order(track):
    for number in range(5):
        track.push(frame(number, keyframe=number == 0))
    packets = [await track.recv() for _ in range(5)]
    assert [bytes(packet) for packet in packets] == [bytes([number]) for number in range(5)]
    assert [packet.pts for packet in packets] == [number * 4500 for number in range(5)]


async def test_nothing_comes_before_a_keyframe(track, asked):
    track.push(frame(0))
    assert asked
    track.push(frame(1, keyframe=True))
    assert bytes(await track.recv()) == b"\x01"
    assert track.frames_dropped == 1


async def test_a_slow_peer_loses_its_backlog_and_goes_on_from_a_keyframe(track, asked):
    for number in range(30):
        track.push(frame(number, keyframe=number == 0))
    assert asked
    track.push(frame(30, keyframe=True))
    assert bytes(await track.recv()) == bytes([30])
    assert track.frames_dropped == 30


async def test_a_track_that_ends_wakes_its_reader(track):
    reader = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    track.stop()
    with pytest.raises(MediaStreamError):
        await reader


async def test_a_fanout_serves_all_that_are_attached(asked):
    fanout = VideoFanout(lambda: asked.append(1))
    tracks = [EncodedVideoTrack(lambda: None) for _ in range(3)]
    for track in tracks:
        fanout.attach(track)
    assert len(asked) == 3
    fanout.push(frame(0, keyframe=True))
    fanout.detach(tracks[0])
    fanout.detach(tracks[0])
    fanout.push(frame(1))
    tracks[1].need_keyframe()
    assert len(asked) == 4
    for track in tracks[1:]:
        assert [bytes(await track.recv()) for _ in range(2)] == [b"\x00", b"\x01"]
    assert bytes(await tracks[0].recv()) == b"\x00"
