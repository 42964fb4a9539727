"""Opening video files; test_video.py opens the broken ones, test_hostile_files.py those that attack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from av.error import InvalidDataError

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.video_file import VideoFile, broken, too_large
from small_video import write_video

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("threads", [1, 2])
def test_an_open_file_is_at_its_start(tmp_path: Path, threads: int) -> None:
    file = VideoFile(write_video(tmp_path / "video.mp4"), threads=threads)
    try:
        assert (file.context.name, file.context.width, file.context.thread_count) == ("h264", 64, threads)
        assert next(file.container.demux(file.stream)).is_keyframe
    finally:
        file.close()


def test_errors_name_no_path() -> None:
    error = InvalidDataError(1, "Invalid data", "/tmp/video.mp4")
    assert str(broken(error)) == "VIDEO_BROKEN: the video cannot be read: Invalid data"
    assert too_large(9000, 9000).code is ErrorCode.VIDEO_UNSUPPORTED


def test_a_text_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no video")
    with pytest.raises(EpisodeError, match="damaged, or not an MP4"):
        VideoFile(tmp_path / "text", threads=1)
