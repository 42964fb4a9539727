"""When a frame is read again for subscribers of pictures, and of packets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from odyssey_ros.bridge.player.frame_demand import FrameDemand, FrameStart
from odyssey_ros.bridge.player.playable_frames import PlayableFrame
from odyssey_ros.bridge.player.start_decision import StartDecision, limit_of, time_to_key_frame_ns
from odyssey_ros.dataset.videos.video import EncodedPicture

MS = 1_000_000
TIMES_NS = [index * 50 * MS for index in range(40)]
KEY_FRAMES = (0, 20)


def frame(index, *, is_decoded=False, codec="h264"):
    packet = EncodedPicture(index, 0, 0, codec, 64, 48, index in KEY_FRAMES, b"")
    return PlayableFrame(index, 0, 0, "", 64, 48, packet=packet, is_decoded=is_decoded)


@pytest.fixture
def start_for():
    decision = StartDecision()

    def decide(frame, demand, rate=1.0):
        return decision.start_for(frame, demand, TIMES_NS, KEY_FRAMES, rate)

    return decide


def test_pictures_are_read_when_somebody_subscribes_to_them(start_for):
    assert start_for(frame(3), FrameDemand(pictures=False)) is None
    assert start_for(frame(3), FrameDemand(pictures=True)) == FrameStart(3, pictures=True)
    assert start_for(frame(3, is_decoded=True), FrameDemand(pictures=True)) is None


def test_a_subscriber_that_joins_gets_a_key_frame_once(start_for):
    joined = FrameDemand(pictures=False, packets=True, joined=1)
    assert start_for(frame(5), joined) == FrameStart(5, pictures=False, key_frame=True)
    assert start_for(frame(5), joined) is None
    assert start_for(frame(6), replace(joined, joined=2)) == FrameStart(6, pictures=False, key_frame=True)


def test_a_subscriber_from_the_start_has_the_key_frame_of_the_file(start_for):
    joined = FrameDemand(pictures=False, packets=True, joined=1)
    assert [start_for(frame(index), joined) for index in range(3)] == [None] * 3


@pytest.mark.parametrize(("rate", "first"), [(1.0, 10), (0.0, 10), (2.0, 0), (0.5, 15)])
def test_a_key_frame_of_the_file_within_half_a_second_is_awaited(start_for, rate, first):
    joined = FrameDemand(pictures=False, packets=True, joined=1)
    waits = [
        index
        for index in range(1, 20)
        if start_for(frame(index), replace(joined, joined=index), rate) is None
    ]
    assert waits == list(range(max(1, first), 20))
    assert start_for(frame(20), replace(joined, joined=99), rate) is None
    assert start_for(frame(21), replace(joined, joined=99), rate) is None


def test_what_cannot_be_encoded_again_is_not_read_again(start_for):
    joined = FrameDemand(pictures=False, packets=True, joined=1)
    odd = replace(frame(5), packet=replace(frame(5).packet, width=63))
    assert start_for(odd, joined) is None
    assert "waits for a key frame of the file" in limit_of(odd)
    assert limit_of(frame(5)) is None


def test_withheld_packets_stay_withheld_when_pictures_are_read(start_for):
    withheld = replace(frame(5), packet=None)
    assert withheld.packet_missing
    both = FrameDemand(pictures=True, packets=True, joined=1)
    assert start_for(withheld, both) == FrameStart(5, pictures=True, key_frame=True)


def test_a_refused_file_is_played_and_explained(start_for):
    refused = PlayableFrame(0, 0, 0, "", 64, 48, is_decoded=True, refusal="a video with B frames")
    assert start_for(refused, FrameDemand(pictures=True, packets=True, joined=1)) is None
    assert limit_of(refused).startswith(
        "a video with B frames cannot be passed through, so nothing is published"
    )


def test_the_time_to_a_key_frame():
    assert [time_to_key_frame_ns(index, TIMES_NS, KEY_FRAMES) / MS for index in (0, 1, 19, 20)] == [
        0,
        950,
        50,
        0,
    ]
    assert time_to_key_frame_ns(21, TIMES_NS, KEY_FRAMES) == float("inf")
