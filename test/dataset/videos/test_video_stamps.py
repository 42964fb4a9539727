"""The stamps of a file's pictures, and the packets that show none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import pytest
from av.packet import Packet

from field_coded_video import field_units, write_fields
from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.videos import video_stamps
from odyssey_ros.dataset.videos.video import Video
from odyssey_ros.dataset.videos.video_stamps import FrameTable, known_stamp, read_table, shows_picture
from video_kinds import FRAME_MS, KINDS, index_in, write_kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _packets(path: Path) -> Iterator[Packet]:
    with av.open(str(path)) as container:
        yield from container.demux(video=0)


def test_stamps_are_sorted_and_complete(tmp_path: Path) -> None:
    table = read_table(_packets(write_kind(tmp_path / "video", KINDS["mp4, begins late"])), "h264")
    assert [stamp - table.stamps[0] for stamp in table.stamps] == [800 * index for index in range(28)]
    assert not table.has_leading  # nothing is shown before the first key frame
    assert len(table) == 28


def test_numbers_of_stamps() -> None:
    table = FrameTable((10, 20, 20, 40))
    assert [list(table.positions(stamp)) for stamp in (10, 20, 30, 40)] == [[0], [1, 2], [], [3]]
    assert table.count_duplicates() == 1


def test_seek_targets_go_back_further_and_further_and_end_at_the_start() -> None:
    table = FrameTable(tuple(range(0, 1000, 10)))
    assert list(table.seek_targets(90, 100)) == [900, 800, 700, 500, 100, None]
    assert list(table.seek_targets(0, 100)) == [None]
    assert list(table.seek_targets(1, 100)) == [10, None]


@pytest.mark.parametrize(
    ("codec", "data", "shown"),
    [
        ("vp8", bytes([0b0001_0000]), True),
        ("vp8", bytes([0b0000_0001]), False),
        ("vp9", bytes([0b1000_0010, 0]), True),  # show_frame
        ("vp9", bytes([0b1000_0000, 0]), False),
        ("vp9", bytes([0b1000_1000, 0]), True),  # show_existing_frame
        ("vp9", bytes([0b1011_0000, 0]), False),  # profile 3, which has one more bit
        ("vp9", bytes([0b1011_0001, 0]), True),
        ("vp9", bytes([0b1000_0000, 0b1100_0000]), True),  # a superframe
        ("h264", bytes([0]), True),
        ("h264", b"", False),
    ],
)
def test_packets_that_show_a_picture(codec: str, data: bytes, shown: bool) -> None:
    assert shows_picture(Packet(data), codec) is shown


def test_a_picture_without_a_stamp_is_refused() -> None:
    assert known_stamp(-3) == -3
    with pytest.raises(EpisodeError, match="has no presentation time: encode the video again") as caught:
        known_stamp(None)
    assert caught.value.code is ErrorCode.VIDEO_UNSUPPORTED


def test_too_many_pictures_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_stamps, "MAX_FRAMES", 27)
    with pytest.raises(EpisodeError, match="more than 27 frames"):
        read_table(_packets(write_kind(tmp_path / "video", KINDS["mp4"])), "h264")


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.codec == "libx264"])
def test_no_picture_is_missing(name: str, tmp_path: Path) -> None:
    with Video(write_kind(tmp_path / "video", KINDS[name])) as video:
        expected = {Loss.GUESSED_VIDEO_START: 1} if KINDS[name].container == "mpegts" else {}
        assert video.file_losses() == expected


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts"])
def test_fields_in_packets_of_their_own(container: str, tmp_path: Path) -> None:
    """The two fields are one picture, also if each has a time. MPEG-TS always separates them."""
    fields = [field for both in field_units(10) for field in both]
    units = [(number * FRAME_MS // 2, field) for number, field in enumerate(fields)]
    with Video(write_fields(tmp_path / "video", container, units)) as video:
        pictures = list(video.pictures())
        assert [picture.index for picture in pictures] == list(range(10))
        assert [index_in(picture.frame.to_ndarray(format="rgb24")) for picture in pictures] == list(range(10))
        guessed = {Loss.GUESSED_VIDEO_START: 1} if container == "mpegts" else {}
        assert +video.losses == {Loss.INTERLACED_PICTURES: 10, **guessed}
        times = [picture.media_time_ns for picture in pictures]
        assert times == [index * FRAME_MS * 1_000_000 for index in range(10)]
        for first in (5, 9):
            assert next(iter(video.pictures(first))).media_time_ns == times[first]
        with pytest.raises(EpisodeError, match="fields in packets of their own cannot be passed through"):
            list(video.h264_packets())
