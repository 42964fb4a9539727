"""Copies of single episodes out of a video file with several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exported_dataset_files import KEY, write_dataset
from exported_dataset_numbers import number_of
from odyssey_ros.dataset.errors import ExportedVideoError
from odyssey_ros.dataset.exports.episode_cut import cut_episode
from odyssey_ros.dataset.exports.exported_tables import EpisodeVideo, ExportedTables
from odyssey_ros.dataset.videos.video import Video

if TYPE_CHECKING:
    from pathlib import Path

PROMPTS = [["a"] * 8, ["b"] * 4, ["c"] * 12]


def test_each_episode(tmp_path: Path) -> None:
    tables = ExportedTables(write_dataset(tmp_path / "set", PROMPTS, shared=True, gop=4))
    target = tmp_path / "cut.mp4"
    for episode in tables.episodes:
        cut_episode(episode.videos[KEY], episode.length, tables.fps, target)
        with Video(target) as video:
            pictures = list(video.pictures())
            assert not any(video.losses.values())
        assert [picture.stream_time_ns for picture in pictures] == [
            frame * 10**8 for frame in range(episode.length)
        ]
        numbers = [number_of(picture.frame.to_ndarray(format="rgb24")) for picture in pictures]
        assert numbers == list(range(episode.first, episode.first + episode.length))


@pytest.mark.parametrize(("start_s", "length"), [(0.1, 2), (0.05, 4), (2.0, 5), (30.0, 1)])
def test_what_is_no_episode(tmp_path: Path, start_s: float, length: int) -> None:
    tables = ExportedTables(write_dataset(tmp_path / "set", PROMPTS, shared=True, gop=4))
    video = EpisodeVideo(tables.episodes[0].videos[KEY].path, start_s)
    with pytest.raises(ExportedVideoError, match=r"cannot be cut|cannot be read"):
        cut_episode(video, length, tables.fps, tmp_path / "cut.mp4")


def test_a_target_that_cannot_be_written(tmp_path: Path) -> None:
    tables = ExportedTables(write_dataset(tmp_path / "set", PROMPTS, shared=True))
    with pytest.raises(OSError, match="No such file"):
        cut_episode(tables.episodes[0].videos[KEY], 8, 10, tmp_path / "nowhere" / "cut.mp4")
