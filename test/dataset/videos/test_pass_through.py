"""Packets of video files that are passed through, decoded again, and the files that are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import pytest

from field_coded_video import field_units, write_fields
from odyssey_ros.client.h264_headers import lacks_parameters
from odyssey_ros.dataset.videos.pass_through import PassThroughError
from odyssey_ros.dataset.videos.video import Video
from video_kinds import (
    KINDS,
    PASSED_THROUGH,
    is_available,
    remux,
    set_display_matrix,
    turned_from,
    without_first_group,
    write_kind,
    write_sizes,
)

if TYPE_CHECKING:
    from pathlib import Path

    from av.packet import Packet

    from odyssey_ros.dataset.videos.video import EncodedPicture

_LATE_START = "a video that does not begin with a key frame"
_B_FRAMES = "a video with B frames"
_PASSED = ("mp4, intra refresh", "ts, intra refresh", "webm, VP8")


def _refusal(name: str, codec: str) -> str | None:
    """Return why a kind is refused."""
    if name in _PASSED:
        return None
    return _B_FRAMES if codec == "h264" else f"a video with the codec {codec}"


def _with_hidden_picture(packets: list[Packet]) -> list[Packet]:
    data = bytearray(bytes(packets[9]))
    data[0] &= ~0x10
    hidden = av.Packet(bytes(data))
    hidden.pts, hidden.dts, hidden.time_base = packets[9].pts, packets[9].dts, packets[9].time_base
    return [*packets[:9], hidden, *packets[10:]]


def _decoded(packets: list[EncodedPicture]) -> list[bytes]:
    """Return the pixels of packets, which are decoded one by one, without the file."""
    context = av.CodecContext.create(packets[0].codec, "r")
    frames = [frame for packet in packets for frame in context.decode(av.Packet(packet.data))]
    return [frame.to_ndarray().tobytes() for frame in (*frames, *context.decode(None))]


@pytest.mark.parametrize("name", PASSED_THROUGH)
def test_packets_show_the_pictures_of_the_file(name: str, tmp_path: Path) -> None:
    path = write_kind(tmp_path / "video", PASSED_THROUGH[name])
    with Video(path) as video:
        index = video.index()
        packets = list(video.packets())
        pictures = list(video.pictures())
    assert index.pass_through.refusal is None
    assert [(one.index, one.media_time_ns, one.stream_time_ns) for one in packets] == [
        (one.index, one.media_time_ns, one.stream_time_ns) for one in pictures
    ]
    assert _decoded(packets) == [one.frame.to_ndarray().tobytes() for one in pictures]
    keys = tuple(one.index for one in packets if one.is_key_frame)
    assert keys == index.pass_through.key_frames
    if "VP8" in name:
        assert (keys, packets[0].codec) == ((0, 12, 24), "vp8")
    else:
        assert (keys, packets[0].codec) == ((0, 8, 16, 24) if len(packets) == 28 else (0,), "h264")
        assert not any(lacks_parameters(one.data) for one in packets)


@pytest.mark.parametrize("name", PASSED_THROUGH)
def test_packets_from_any_number_on(name: str, tmp_path: Path) -> None:
    path = write_kind(tmp_path / "video", PASSED_THROUGH[name])
    with Video(path) as video:
        index, packets = video.index(), list(video.packets())
    with Video(path, index=index) as video:
        for first in range(len(packets) + 2):
            assert list(video.packets(first)) == packets[first:]


@pytest.mark.parametrize("name", KINDS)
def test_what_cannot_be_passed_through_is_known_from_the_index(name: str, tmp_path: Path) -> None:
    if not is_available(KINDS[name]):
        pytest.skip(f"FFmpeg has no encoder {KINDS[name].codec}")
    with Video(write_kind(tmp_path / "video", KINDS[name])) as video:
        found = video.index().pass_through
        expected = _refusal(name, video.codec)
        assert found.refusal == expected
        if expected is not None:
            assert found.key_frames == ()
            with pytest.raises(
                PassThroughError, match=f"{expected} cannot be passed through: use jpeg or raw"
            ):
                next(video.packets())


def test_what_packets_alone_would_show_differently_is_refused(tmp_path: Path) -> None:
    plain = write_kind(tmp_path / "plain", PASSED_THROUGH["mp4, H.264"])
    vp8 = write_kind(tmp_path / "vp8", PASSED_THROUGH["webm, VP8"])
    files = {
        "a VP8 video with hidden frames": remux(vp8, tmp_path / "hidden", "webm", _with_hidden_picture),
        "a video that is shown turned or mirrored": set_display_matrix(
            write_kind(tmp_path / "turned", PASSED_THROUGH["mp4, H.264"]), 0, 1, -1, 0
        ),
        _LATE_START: remux(plain, tmp_path / "late.mkv", "matroska", lambda packets: packets[3:]),
        "a video with fields in packets of their own": write_fields(
            tmp_path / "fields",
            "matroska",
            [(25 * number, field) for number, field in enumerate(sum(field_units(4), ()))],
        ),
    }
    for reason, path in files.items():
        with Video(path) as video:
            assert video.index().pass_through.refusal == reason


def test_a_video_without_its_first_group_is_passed_through(tmp_path: Path) -> None:
    whole = write_kind(tmp_path / "whole", PASSED_THROUGH["mp4, H.264"])
    path = remux(whole, tmp_path / "video.mkv", "matroska", without_first_group)
    with Video(path) as video, Video(whole) as original:
        assert video.index().pass_through.key_frames == (0, 8, 16)
        assert [one.data for one in video.packets()] == [one.data for one in original.packets(8)]


def test_each_packet_has_the_size_of_its_picture(tmp_path: Path) -> None:
    with Video(write_sizes(tmp_path / "video.mp4", [(160, 48), (96, 64)], 14)) as video:
        sizes = [(one.width, one.height) for one in video.packets(10)]
        assert video.index().pass_through.key_frames == (0, 12, 14, 26)
    assert sizes == [(160, 48)] * 4 + [(96, 64)] * 14


def test_pictures_that_are_turned_from_a_new_size_on_end_the_packets(tmp_path: Path) -> None:
    path = turned_from(
        write_sizes(tmp_path / "plain.mp4", [(160, 48), (96, 64)], 14), tmp_path / "video.mp4", 14
    )
    with Video(path) as video:
        assert video.index().pass_through.refusal is None
        packets = video.packets()
        assert [next(packets).index for _ in range(14)] == list(range(14))
        with pytest.raises(PassThroughError, match="a video that is shown turned or mirrored"):
            next(packets)
