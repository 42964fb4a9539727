"""Encoded frames on their way to peers."""

from __future__ import annotations

import asyncio

import pytest
from aiortc.mediastreams import MediaStreamError

from odyssey_ros.emulator.media.encoding import EncodedFrame
from odyssey_ros.emulator.media.video_track import EncodedVideoTrack, VideoFanout


def frame(number, *, keyframe=False):
    return EncodedFrame(bytes([number]), number * 4500, keyframe)


@pytest.fixture
def requests():
    return []


@pytest.fixture
async def track(requests):
    return EncodedVideoTrack(lambda: requests.append(1))


async def test_frames_are_sent_in_order(track):
    for number in range(5):
        track.push(frame(number, keyframe=number == 0))
    packets = [await track.recv() for _ in range(5)]
    assert [bytes(packet) for packet in packets] == [bytes([number]) for number in range(5)]
    assert [packet.pts for packet in packets] == [number * 4500 for number in range(5)]


async def test_frames_before_a_keyframe_are_dropped(track, requests):
    track.push(frame(0))
    assert requests
    track.push(frame(1, keyframe=True))
    assert bytes(await track.recv()) == b"\x01"
    assert track.frames_dropped == 1


async def test_a_slow_peer_loses_its_backlog_and_continues_with_a_keyframe(track, requests):
    for number in range(30):
        track.push(frame(number, keyframe=number == 0))
    assert requests
    track.push(frame(30, keyframe=True))
    assert bytes(await track.recv()) == bytes([30])
    assert track.frames_dropped == 30


async def test_ending_a_track_ends_a_pending_read(track):
    reader = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    track.stop()
    with pytest.raises(MediaStreamError):
        await reader


async def test_a_fanout_sends_to_all_attached_tracks(requests):
    fanout = VideoFanout(lambda: requests.append(1))
    tracks = [EncodedVideoTrack(lambda: None) for _ in range(3)]
    for track in tracks:
        fanout.attach(track)
    assert len(requests) == 3
    fanout.push(frame(0, keyframe=True))
    fanout.detach(tracks[0])
    fanout.detach(tracks[0])
    fanout.push(frame(1))
    tracks[1].need_keyframe()
    assert len(requests) == 4
    for track in tracks[1:]:
        assert [bytes(await track.recv()) for _ in range(2)] == [b"\x00", b"\x01"]
    assert bytes(await tracks[0].recv()) == b"\x00"


async def test_frames_are_counted(track):
    track.push(frame(0, keyframe=True))
    await track.recv()
    assert (track.frames_sent, track.frames_dropped) == (1, 0)


async def test_an_interrupted_track_needs_a_keyframe_again(track, requests):
    track.push(frame(0, keyframe=True))
    track.interrupt()
    track.push(frame(1))
    assert (len(requests), track.frames_dropped) == (1, 1)
    track.push(frame(2, keyframe=True))
    assert bytes(await track.recv()) == b"\x02"


async def test_an_ended_track_ignores_frames(track, requests):
    track.stop()
    track.push(frame(0))
    assert (requests, track.frames_dropped) == ([], 0)
    with pytest.raises(MediaStreamError):
        await track.recv()
