"""Video files of clips: each frame is the one of the bag, copied or encoded."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import pytest

from decoded_files import pictures_in
from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.exports.clips_cuts import Cut
from odyssey_ros.dataset.exports.clips_video import labels_and_key_frames, write_copies, write_encoded
from odyssey_ros.dataset.reading.stored_episode import StoredEpisode
from odyssey_ros.dataset.videos.video import Video
from stored_episodes import add_episode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def episode_of(folder: Path, video: Path, images: str = "h264") -> StoredEpisode:
    return StoredEpisode(folder, add_episode(folder, "walk", video, [(0, "a fox")], images=images))


def cut(*shown: int) -> Cut:
    return Cut(0, None, "a fox", 20, shown, 0)


def test_key_frames(make_video: Callable[..., Path], tmp_path: Path) -> None:
    frames = list(labels_and_key_frames(episode_of(tmp_path, make_video(12))))
    assert [labels.position for labels, is_key_frame in frames if is_key_frame] == [0, 5, 10]
    assert [labels.position for labels, _ in frames] == list(range(12))


def test_copies_are_the_same_bytes(
    make_video: Callable[..., Path], tmp_path: Path, counter_of: Callable[[Any], int]
) -> None:
    episode = episode_of(tmp_path / "data", make_video(24))
    cuts = {
        tmp_path / "a.mp4": cut(0, 1, 2),
        tmp_path / "b.mp4": cut(*range(5, 13)),
        tmp_path / "c.mp4": cut(20),
    }
    write_copies(episode, cuts)
    with Video(make_video(24)) as video:
        units = [unit.data for unit in video.h264_packets()]
    for path, expected in cuts.items():
        with Video(path) as video:
            copied = list(video.h264_packets())
        assert [unit.data for unit in copied] == [units[position] for position in expected.shown]
        assert [unit.media_time_ns for unit in copied] == [50_000_000 * n for n in range(len(expected.shown))]
        assert [counter_of(picture) for picture in pictures_in(path)] == list(expected.shown)


@pytest.mark.parametrize("images", ["h264", "jpeg", "raw"])
def test_encoded_frames(
    images: str, make_video: Callable[..., Path], tmp_path: Path, counter_of: Callable[[Any], int]
) -> None:
    episode = episode_of(tmp_path / "data", make_video(24), images)
    cuts = {tmp_path / "a.mp4": cut(1, 2, 2, 2, 3), tmp_path / "b.mp4": cut(3, 4, 7, 9)}
    write_encoded(episode, cuts, 2)
    for path, expected in cuts.items():
        assert [counter_of(picture) for picture in pictures_in(path)] == list(expected.shown)
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert (stream.average_rate, stream.frames) == (20, len(expected.shown))
            assert stream.duration * stream.time_base == Fraction(len(expected.shown), 20)
        with Video(path) as video:
            keys = [unit.is_key_frame for unit in video.h264_packets()]
        assert keys == [number % 2 == 0 for number in range(len(keys))]


def test_a_picture_that_is_not_there(make_video: Callable[..., Path], tmp_path: Path) -> None:
    episode = episode_of(tmp_path / "data", make_video(12))
    for write in (write_copies, lambda *given: write_encoded(*given, 2)):
        with pytest.raises(EpisodeError, match="picture 12") as caught:
            write(episode, {tmp_path / f"{write.__name__}.mp4": cut(10, 11, 12)})
        assert caught.value.code is ErrorCode.VIDEO_BROKEN


def test_odd_sizes_cannot_be_encoded(make_video: Callable[..., Path], tmp_path: Path) -> None:
    odd = make_video(4, size=(161, 97), codec="mpeg4")
    episode = episode_of(tmp_path / "data", odd, "jpeg")
    with pytest.raises(EpisodeError, match=r"161x97 pixels, but H\.264 needs an even") as caught:
        write_encoded(episode, {tmp_path / "a.mp4": cut(0, 1)}, 2)
    assert caught.value.code is ErrorCode.NOT_EXPORTABLE
