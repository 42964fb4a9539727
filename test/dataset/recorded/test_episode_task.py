"""The task that writes an episode can be started again, and leaves nothing after a failure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from live_bags import LiveStream, write_mcap
from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.episode_folders import EpisodeFolders
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.losses import IncompleteDataError
from odyssey_ros.dataset.recorded.episode_task import EpisodeTask, make_episode
from odyssey_ros.dataset.recorded.file_scan import ScanTask, scan_file
from odyssey_ros.dataset.recorded.recorded_pictures import PictureKind
from odyssey_ros.dataset.recorded.recorded_streams import streams_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakeVideo = Callable[..., Path]


def _task(video: Path, folder: Path, **stream: object) -> EpisodeTask:
    path = write_mcap(folder / "run.mcap", LiveStream(video, **stream).messages())  # type: ignore[arg-type]
    scan = scan_file(ScanTask(path, 0, "run.mcap", folder))
    (found,) = streams_of([scan], scan.labels)["stream-1"]
    layout = BagLayout(ImageEncoding.H264)
    (folder / "episodes").mkdir()
    (folder / "work").mkdir()
    folders = EpisodeFolders(folder, folder / "work")
    return EpisodeTask("e", folders, found.stream(PictureKind.H264), layout, strict=False)


def _is_clean(folder: Path) -> bool:
    return not list((folder / "episodes").iterdir()) and not list((folder / "work").iterdir())


def test_a_second_start_replaces_what_the_first_one_left(make_video: MakeVideo, tmp_path: Path) -> None:
    task = _task(make_video(), tmp_path)
    partial = task.folders.partial_path("e")
    partial.mkdir()
    (partial / "e_0.mcap").write_bytes(b"half")
    first = make_episode(task)
    assert not partial.exists()
    assert first.frames == 12
    path = tmp_path / "episodes" / "e" / "e_0.mcap"
    before = path.stat()
    assert first.files[0].size == before.st_size
    assert make_episode(task) == first
    assert path.stat() == before
    assert not list((tmp_path / "work").iterdir())


def test_strict(make_video: MakeVideo, tmp_path: Path) -> None:
    task = replace(_task(make_video(), tmp_path, events=False), strict=True)
    with pytest.raises(IncompleteDataError, match="unrecorded_events"):
        make_episode(task)
    assert _is_clean(tmp_path)


def test_no_picture_can_be_used(make_video: MakeVideo, tmp_path: Path) -> None:
    """The last key frame is before the recording."""
    task = _task(make_video(4), tmp_path, first=1, prompts=((0, "a fox"),))
    with pytest.raises(EpisodeError, match="none of the 3 frames") as raised:
        make_episode(task)
    assert raised.value.code is ErrorCode.BAG_BROKEN
    assert "pictures_before_key_frame: 3" in raised.value.message
    assert _is_clean(tmp_path)
