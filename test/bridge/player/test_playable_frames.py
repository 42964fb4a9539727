"""The frames of real files, read as packets, as pictures and as both."""

from __future__ import annotations

from dataclasses import replace

import av
import pytest

from odyssey_ros.bridge.player import group_encoder
from odyssey_ros.bridge.player.frame_demand import FrameDemand, FrameStart
from odyssey_ros.bridge.player.playable_frames import playable_frames
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.videos.video import Video
from video_kinds import KINDS, PASSED_THROUGH, index_in, turned_from, write_kind, write_sizes

PACKETS = FrameDemand(pictures=False, packets=True)
BOTH = replace(PACKETS, pictures=True)


@pytest.fixture
def read(tmp_path):
    """Reads the frames of a kind of video."""

    def frames(kind, start, demand, change=lambda frame: None):
        path = tmp_path / "video"
        if not path.exists():
            write_kind(path, kind)
        with Video(path) as video:
            index = video.index()
        current = [demand]
        found = []
        for frame in playable_frames(Episode("a", path), index, start, lambda: current[0]):
            found.append(frame)
            current[0] = change(frame) or current[0]
        return found

    return frames


def own_packets(path):
    with Video(path) as video:
        return list(video.packets())


def shown(frames):
    """Return the indexes that the packets show, decoded one by one."""
    context = av.CodecContext.create(frames[0].packet.codec, "r")
    pictures = [picture for frame in frames for picture in context.decode(av.Packet(frame.packet.data))]
    return [index_in(picture.to_ndarray(format="rgb24")) for picture in (*pictures, *context.decode(None))]


@pytest.mark.parametrize("name", ["mp4, H.264", "webm, VP8"])
def test_packets_alone_are_not_decoded(name, read, tmp_path):
    frames = read(PASSED_THROUGH[name], FrameStart(pictures=False), PACKETS)
    assert [frame.packet for frame in frames] == own_packets(tmp_path / "video")
    assert {(frame.picture, frame.is_decoded, frame.refusal) for frame in frames} == {(None, False, None)}
    assert {(frame.width, frame.height) for frame in frames} == {(192, 48)}


def test_packets_and_pictures(read, tmp_path):
    frames = read(PASSED_THROUGH["mp4, H.264"], FrameStart(5), BOTH)
    assert [frame.packet for frame in frames] == own_packets(tmp_path / "video")[5:]
    assert [index_in(frame.picture.to_ndarray(format="rgb24")) for frame in frames] == list(range(5, 28))
    assert all(frame.is_decoded for frame in frames)


def test_decoding_ends_with_the_last_subscriber_of_pictures(read):
    frames = read(
        PASSED_THROUGH["mp4, H.264"],
        FrameStart(),
        BOTH,
        lambda frame: PACKETS if frame.index == 9 else BOTH if frame.index == 15 else None,
    )
    assert [frame.is_decoded for frame in frames] == [True] * 10 + [False] * 18


@pytest.mark.parametrize(("name", "following"), [("mp4, H.264", 16), ("webm, VP8", 12)])
def test_pictures_up_to_the_next_key_frame_are_encoded_again(name, following, read, tmp_path):
    frames = read(PASSED_THROUGH[name], FrameStart(9, pictures=False, key_frame=True), PACKETS)
    own = own_packets(tmp_path / "video")
    assert [frame.packet.index for frame in frames if frame.packet.is_key_frame][:2] == [9, following]
    assert [frame.index for frame in frames if frame.packet == own[frame.index]] == list(range(following, 28))
    assert shown(frames) == list(range(9, 28))
    assert [frame.index for frame in frames if frame.is_decoded] == list(range(9, following))


def test_a_key_frame_of_the_file_is_not_encoded_again(read, tmp_path):
    frames = read(PASSED_THROUGH["mp4, H.264"], FrameStart(8, pictures=False, key_frame=True), PACKETS)
    assert [frame.packet for frame in frames] == own_packets(tmp_path / "video")[8:]
    assert not any(frame.is_decoded for frame in frames)


def test_nothing_is_encoded_again_when_nobody_subscribes_any_more(read):
    frames = read(
        PASSED_THROUGH["mp4, H.264 with one key frame"],
        FrameStart(9, pictures=False, key_frame=True),
        PACKETS,
        lambda frame: FrameDemand(pictures=False) if frame.index == 20 else None,
    )
    assert [frame.index for frame in frames if frame.is_decoded] == list(range(9, 21))


def test_without_an_encoder_packets_are_withheld_until_the_next_key_frame(read, monkeypatch):
    monkeypatch.setitem(group_encoder._ENCODERS, "h264", "an encoder that is not installed")
    frames = read(PASSED_THROUGH["mp4, H.264"], FrameStart(9, pictures=False, key_frame=True), PACKETS)
    assert [frame.index for frame in frames if frame.packet_missing] == list(range(9, 16))
    assert shown(frames[7:]) == list(range(16, 28))


def test_a_file_that_cannot_be_passed_through_is_decoded(read):
    frames = read(KINDS["mp4"], FrameStart(9, pictures=False, key_frame=True), PACKETS)
    assert {(frame.packet, frame.is_decoded, frame.refusal) for frame in frames} == {
        (None, True, "a video with B frames")
    }
    assert [index_in(frame.picture.to_ndarray(format="rgb24")) for frame in frames] == list(range(9, 28))


def test_a_file_whose_packets_end_is_decoded_from_there_on(tmp_path):
    """The pictures are shown turned from number 14 on, which the index does not know."""
    plain = write_sizes(tmp_path / "plain.mp4", [(160, 48), (96, 64)], 14)
    path = turned_from(plain, tmp_path / "video.mp4", 14)
    with Video(path) as video:
        index = video.index()
    frames = list(playable_frames(Episode("a", path), index, FrameStart(pictures=False), lambda: PACKETS))
    assert [frame.index for frame in frames] == list(range(28))
    assert [frame.packet is None for frame in frames] == [False] * 14 + [True] * 14
    assert {frame.refusal for frame in frames[14:]} == {"a video that is shown turned or mirrored"}
    assert (frames[14].width, frames[14].height) == (64, 96)
