"""Pictures that are encoded again as one group, and decoded."""

from __future__ import annotations

from dataclasses import replace

import av
import numpy as np
import pytest

from odyssey_ros.bridge.player.group_encoder import GroupEncoder, can_encode, has_encoder
from odyssey_ros.client.h264_headers import lacks_parameters
from odyssey_ros.dataset.videos.video import EncodedPicture, Video
from video_kinds import PASSED_THROUGH, write_kind


@pytest.mark.parametrize(
    ("name", "codec"), [("mp4, H.264", "h264"), ("mp4, H.264 in full range", "h264"), ("webm, VP8", "vp8")]
)
def test_each_picture_gives_one_packet_of_one_group(name, codec, tmp_path):
    encoder = GroupEncoder(codec)
    with Video(write_kind(tmp_path / "video", PASSED_THROUGH[name])) as video:
        replaced = list(video.packets(3))
        pictures = list(video.pictures(3))
    packets = [encoder.encode(old, picture.frame) for old, picture in zip(replaced, pictures, strict=True)]
    assert [(one.index, one.media_time_ns, one.stream_time_ns) for one in packets] == [
        (one.index, one.media_time_ns, one.stream_time_ns) for one in replaced
    ]
    assert {(one.codec, one.width, one.height) for one in packets} == {(codec, 192, 48)}
    assert [one.is_key_frame for one in packets] == [True] + [False] * 24
    if codec == "h264":
        assert not lacks_parameters(packets[0].data, is_first=True)
    context = av.CodecContext.create(codec, "r")
    shown = []
    for packet in packets:
        frames = context.decode(av.Packet(packet.data))
        assert len(frames) == 1  # without a delay
        shown += frames
    for frame, picture in zip(shown, pictures, strict=True):
        difference = frame.to_ndarray().astype(int) - picture.frame.to_ndarray().astype(int)
        assert np.abs(difference).mean() < 3
        assert frame.format.name == picture.frame.format.name
        assert (frame.color_range, frame.colorspace) == (picture.frame.color_range, picture.frame.colorspace)


def test_other_codecs_and_odd_sizes_of_h264_are_not_encoded():
    packet = EncodedPicture(0, 0, 0, "h264", 64, 48, False, b"")
    assert can_encode(packet)
    assert not can_encode(replace(packet, height=47))
    assert can_encode(replace(packet, codec="vp8", height=47))
    assert not can_encode(replace(packet, codec="hevc"))
    assert not has_encoder("hevc")
