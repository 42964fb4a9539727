"""Pictures from any number on, compared with those of the whole file, where seeking is difficult."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import pytest

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.videos.picture_decoder import LateStartError, numbered, pictures_after_seek
from odyssey_ros.dataset.videos.video import Video
from odyssey_ros.dataset.videos.video_file import VideoFile
from odyssey_ros.dataset.videos.video_stamps import FrameTable
from video_kinds import FRAME_MS, KINDS, index_in, is_available, remux, without_first_group, write_kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from av.packet import Packet

Shown = tuple[int, int, int, bytes]


def _shown(path: Path, first: int = 0, threads: int = 1) -> list[Shown]:
    """Return number, media time, stream time and pixels of the pictures."""
    with Video(path, threads=threads) as video:
        return [
            (
                picture.index,
                picture.media_time_ns,
                picture.stream_time_ns,
                picture.frame.to_ndarray().tobytes(),
            )
            for picture in video.pictures(first)
        ]


def _check_any_start(path: Path, threads: int) -> None:
    """Check that the pictures from any number on are those of the whole file."""
    whole = _shown(path, threads=threads)
    with Video(path) as video:
        times = video.frame_times_ns()
    assert {index: times[index] for index, *_ in whole} == {index: time_ns for index, time_ns, *_ in whole}
    for first in range(0, len(times) + 2, 1 if threads == 1 else 3):
        # The decoded numbers of both first, because the bytes of pictures make unreadable messages.
        later = [picture for picture in whole if picture[0] >= first]
        some = _shown(path, first, threads)
        assert [picture[0] for picture in some] == [picture[0] for picture in later]
        assert some == later


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", KINDS)
def test_pictures_from_any_number_on(name: str, threads: int, tmp_path: Path) -> None:
    kind = KINDS[name]
    if not is_available(kind):
        pytest.skip(f"this FFmpeg has no {kind.codec}")
    path, numbers = write_kind(tmp_path / "video", kind), list(range(kind.frames))
    with Video(path, threads=threads) as video:
        pictures = list(video.pictures())
        assert [index_in(picture.frame.to_ndarray(format="rgb24")) for picture in pictures] == numbers
        is_mpeg_ts = kind.container == "mpegts"
        assert +video.losses == ({Loss.GUESSED_VIDEO_START: 1} if is_mpeg_ts else {})
    assert [picture.index for picture in pictures] == numbers
    times = [(kind.stamp_of(index) - kind.stamp_of(0)) * 1_000_000 for index in numbers]
    assert [picture.media_time_ns for picture in pictures] == pytest.approx(times, abs=100_000)
    _check_any_start(path, threads)


def _without_first_packet(packets: list[Packet]) -> list[Packet]:
    return packets[1:]


@pytest.mark.parametrize(
    ("name", "change", "undecodable", "first_shown"),
    [
        ("mkv, open groups", without_first_group, 3, 8),
        ("mp4, open groups", _without_first_packet, 7, 8),
        ("mp4, HEVC with open groups", without_first_group, 3, 8),
        ("mkv, MPEG-4 with B frames", without_first_group, 2, 9),
        ("mkv, MPEG-4 with B frames", _without_first_packet, 8, 9),
        ("mp4, intra refresh", without_first_group, 7, 15),
    ],
)
def test_files_that_begin_in_the_middle(
    name: str,
    change: Callable[[list[Packet]], list[Packet]],
    undecodable: int,
    first_shown: int,
    tmp_path: Path,
) -> None:
    if not is_available(KINDS[name]):
        pytest.skip(f"this FFmpeg has no {KINDS[name].codec}")
    path = remux(write_kind(tmp_path / "whole", KINDS[name]), tmp_path / "video", "matroska", change)
    with Video(path) as video:
        pictures = list(video.pictures())
        losses = +video.losses
    assert losses == {Loss.UNDECODABLE_START: undecodable}
    shown = [index_in(picture.frame.to_ndarray(format="rgb24")) for picture in pictures]
    assert shown[0] == first_shown
    # The numbers are positions among all frames of the file, so they do not depend on what was decoded.
    assert {index - picture.index for index, picture in zip(shown, pictures, strict=True)} == {
        first_shown - undecodable
    }
    assert [picture.stream_time_ns for picture in pictures] == [
        index * FRAME_MS * 1_000_000 for index in shown
    ]
    _check_any_start(path, 1)


def test_an_edit_list_cuts_off_pictures(tmp_path: Path) -> None:
    path = remux(
        write_kind(tmp_path / "whole", KINDS["mp4, open groups"]),
        tmp_path / "video",
        "mp4",
        without_first_group,
    )
    shown = _shown(path)
    assert [index for index, *_ in shown] == list(range(20))
    _check_any_start(path, 1)


@pytest.mark.parametrize("name", ["mp4", "mkv, open groups"])
def test_pictures_with_the_same_time(name: str, tmp_path: Path) -> None:
    def same_time(packets: list[Packet]) -> list[Packet]:
        ordered = sorted(packets, key=lambda packet: packet.pts or 0)
        ordered[10].pts = ordered[9].pts
        return packets

    container = KINDS[name].container
    path = remux(write_kind(tmp_path / "whole", KINDS[name]), tmp_path / "video", container, same_time)
    with Video(path) as video:
        pictures = list(video.pictures())
        assert +video.losses == {Loss.DUPLICATE_STAMPS: 1}
    assert [index_in(picture.frame.to_ndarray(format="rgb24")) for picture in pictures] == list(range(28))
    assert pictures[9].media_time_ns == pictures[10].media_time_ns
    _check_any_start(path, 1)


def test_hidden_pictures_have_no_number(tmp_path: Path) -> None:
    def hide_one(packets: list[Packet]) -> list[Packet]:
        data = bytearray(bytes(packets[9]))
        data[0] &= ~0x10  # show_frame (RFC 6386, 9.1)
        hidden = av.Packet(bytes(data))
        hidden.pts, hidden.dts, hidden.time_base = packets[9].pts, packets[9].dts, packets[9].time_base
        return [*packets[:9], hidden, *packets[10:]]

    path = remux(write_kind(tmp_path / "whole", KINDS["webm, VP8"]), tmp_path / "video", "webm", hide_one)
    with Video(path) as video:
        pictures = list(video.pictures())
        assert not +video.losses
    shown = [index_in(picture.frame.to_ndarray(format="rgb24")) for picture in pictures]
    assert shown == [*range(9), *range(10, 28)]
    assert [picture.index for picture in pictures] == list(range(27))
    _check_any_start(path, 1)


def _damaged(packets: list[Packet], number: int) -> list[Packet]:
    data = bytearray(bytes(packets[number]))
    data[6:] = bytes(len(data) - 6)
    broken = av.Packet(bytes(data))
    for name in ("pts", "dts", "time_base", "is_keyframe"):
        setattr(broken, name, getattr(packets[number], name))
    return [*packets[:number], broken, *packets[number + 1 :]]


@pytest.mark.parametrize("place", [40, 100])
def test_missing_parts_of_mpeg_ts_are_damage(place: int, tmp_path: Path) -> None:
    """Whole pictures are missing, so the numbers of all later ones are unknown."""
    data = write_kind(tmp_path / "whole", KINDS["ts, intra refresh"]).read_bytes()
    path = tmp_path / "video"
    path.write_bytes(data[: place * 188] + data[(place + 9) * 188 :])
    with Video(path) as video, pytest.raises(EpisodeError, match="parts of the video are missing") as caught:
        video.frame_times_ns()
    assert caught.value.code is ErrorCode.VIDEO_BROKEN


def test_times_of_mpeg_ts_count_from_the_first_picture(tmp_path: Path) -> None:
    path = write_kind(tmp_path / "video", KINDS["ts, times that wrap around"])
    assert [stream_time_ns for _, _, stream_time_ns, _ in _shown(path)] == [
        index * FRAME_MS * 1_000_000 for index in range(28)
    ]


def test_damage_before_the_key_frame_does_not_matter(tmp_path: Path) -> None:
    """Group 1 is damaged. Groups 0 and 2 can be shown; no picture after the damage in its group is shown."""
    path = remux(
        write_kind(tmp_path / "whole", KINDS["mp4"]),
        tmp_path / "video",
        "mp4",
        lambda packets: _damaged(packets, 10),
    )
    with Video(path) as video, pytest.raises(EpisodeError) as caught:
        list(video.pictures())
    assert caught.value.code is ErrorCode.VIDEO_BROKEN
    for first in (12, 14, 15):
        with Video(path) as video, pytest.raises(EpisodeError):
            next(video.pictures(first))
    assert [index for index, *_ in _shown(path, 16)] == list(range(16, 28))
    assert [index for index, *_ in _shown(path, 21)] == list(range(21, 28))


def test_a_late_start_yields_nothing(tmp_path: Path) -> None:
    file = VideoFile(write_kind(tmp_path / "video.mp4", KINDS["mp4, open groups"]), threads=1)
    table = FrameTable(tuple(range(0, 28 * 800, 800)))  # ticks of 1/16000 s
    file.container.seek(7 * 800, stream=file.stream)  # to the key frame that is shown as picture 8
    with pytest.raises(LateStartError):
        next(pictures_after_seek(file, table, 7))
    file.close()


class _Stamped:
    def __init__(self, pts: int) -> None:
        self.pts = pts


@pytest.mark.parametrize("stamps", [(10, 5), (10, 10, 10), (10, 15)])
def test_contradicting_stamps_are_refused(stamps: tuple[int, ...]) -> None:
    table = FrameTable((5, 10, 10, 20))
    with pytest.raises(EpisodeError, match="contradict their order: encode the video again") as caught:
        list(numbered((_Stamped(stamp) for stamp in stamps), table))
    assert caught.value.code is ErrorCode.VIDEO_UNSUPPORTED
