"""H.264 access units that are passed through; test_video.py and test_bags.py read whole videos."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.videos.video import Video
from small_video import write_video
from video_kinds import (
    one_second_later,
    remux,
    set_display_matrix,
    set_edits,
    ticks_per_ms,
    write_sizes,
)

if TYPE_CHECKING:
    from pathlib import Path

    from av.packet import Packet


def test_each_picture_has_its_size(tmp_path: Path) -> None:
    path = write_sizes(tmp_path / "video.mp4", [(160, 48), (96, 64), (160, 48)], 14)
    with Video(path) as video:
        units = list(video.h264_packets())
    assert [(unit.width, unit.height) for unit in units] == [(160, 48)] * 14 + [(96, 64)] * 14 + [
        (160, 48)
    ] * 14
    assert [unit.index for unit in units] == list(range(42))


def _refused(path: Path, reason: str) -> None:
    with Video(path) as video, pytest.raises(EpisodeError, match=f"{reason}.*: use jpeg or raw") as caught:
        list(video.h264_packets())
    assert caught.value.code is ErrorCode.VIDEO_UNSUPPORTED


def test_what_the_access_units_alone_would_show_differently_is_refused(tmp_path: Path) -> None:
    turned = set_display_matrix(write_video(tmp_path / "turned.mp4"), 0, 1, -1, 0)
    _refused(turned, "a video that is shown turned or mirrored cannot")
    plain = write_video(tmp_path / "plain.mp4")
    _refused(
        remux(plain, tmp_path / "cut.mkv", "matroska", lambda packets: packets[1:]),
        "a video that does not begin with a key frame cannot",
    )


def test_pictures_that_an_edit_list_cuts_off_are_left_out(tmp_path: Path) -> None:
    def before_zero(packets: list[Packet]) -> list[Packet]:
        start = packets[3].pts or 0
        for packet in packets:
            packet.pts, packet.dts = (packet.pts or 0) - start, (packet.dts or 0) - start
        return packets

    path = remux(write_video(tmp_path / "whole.mp4"), tmp_path / "video.mp4", "mp4", before_zero)
    with Video(path) as video:
        units = [(unit.index, unit.stream_time_ns) for unit in video.h264_packets()]
        assert units == [(picture.index, picture.stream_time_ns) for picture in video.pictures()]


def test_an_edit_list_that_goes_into_a_group_of_pictures_is_refused(tmp_path: Path) -> None:
    """The pictures before the place are needed, but would be shown."""
    path = write_video(tmp_path / "whole.mp4", frames=12)
    late = remux(path, tmp_path / "late.mp4", "mp4", one_second_later)
    ticks = 200 * ticks_per_ms(late)
    # From the second key frame on; then from the picture after the first key frame on.
    edited = set_edits(late, (200, 3 * ticks // 2), (200, ticks // 2))
    _refused(edited, "a video with an edit that does not begin with a key frame cannot")
    with Video(edited) as video:
        means = [picture.frame.to_ndarray(format="rgb24").mean() for picture in video.pictures()]
        assert video.file_losses() == {}
    assert [round(mean / 10) for mean in means] == [3, 4, 1, 2]


def test_mpeg_ts_is_passed_through(tmp_path: Path) -> None:
    plain = write_video(tmp_path / "plain.mp4")
    path = remux(plain, tmp_path / "video.ts", "mpegts", lambda packets: packets)
    with Video(path) as video, Video(plain) as original:
        units, expected = list(video.h264_packets()), list(original.h264_packets())
    assert [(unit.index, unit.media_time_ns, unit.stream_time_ns) for unit in units] == [
        (unit.index, unit.media_time_ns, unit.stream_time_ns) for unit in expected
    ]
    for number in (0, 3):  # the key frames
        assert b"\x00\x00\x01\x67" in units[number].data
        assert b"\x00\x00\x01\x68" in units[number].data
