"""Opening video files; test_video.py opens the broken ones, test_hostile_files.py those that attack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from av.error import InvalidDataError
from av.stream import Disposition

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.videos.video import Video
from odyssey_ros.dataset.videos.video_file import VideoFile, broken, too_large
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


def test_columns_that_are_cut_off_at_the_left(tmp_path: Path) -> None:
    """FFmpeg would keep some of them for the alignment of rows: the picture is 60 wide, not 64."""
    whole = write_video(tmp_path / "whole.mp4")
    with av.open(str(whole)) as source, av.open(str(tmp_path / "cut.mp4"), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        cut = BitStreamFilterContext("h264_metadata=crop_left=4:crop_top=2", source.streams.video[0], stream)
        for packet in source.demux(video=0):
            for changed in cut.filter(packet if packet.size else None):
                changed.stream = stream
                copy.mux(changed)
    with Video(whole) as video, Video(tmp_path / "cut.mp4") as cut_video:
        pictures = list(zip(video.pictures(), cut_video.pictures(), strict=True))
        assert [(unit.width, unit.height) for unit in cut_video.h264_packets()] == [(60, 46)] * 6
    assert len(pictures) == 6
    for picture, cut_picture in pictures:
        assert (cut_picture.frame.width, cut_picture.frame.height) == (60, 46)
        expected = picture.frame.to_ndarray(format="yuv420p")[2:48, 4:64]
        assert (cut_picture.frame.to_ndarray(format="yuv420p")[:46] == expected).all()


def test_further_tracks_are_a_loss(tmp_path: Path) -> None:
    """The first video track is read. A cover picture, also one before it, is no track."""
    first, second = write_video(tmp_path / "1.mp4"), write_video(tmp_path / "2.mp4", size=(96, 64))
    path = tmp_path / "both.mp4"
    with av.open(str(path), "w") as copy, av.open(str(first)) as one, av.open(str(second)) as two:
        cover = copy.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        streams = [copy.add_stream_from_template(source.streams.video[0]) for source in (one, two)]
        black = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        copy.mux([*cover.encode(black), *cover.encode(None)])
        for stream, source in zip(streams, (one, two), strict=True):
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    copy.mux(packet)
    with Video(path) as video:
        assert {picture.frame.width for picture in video.pictures()} == {64}
        assert +video.losses == {Loss.IGNORED_TRACKS: 1}


@pytest.mark.parametrize("tags", [{}, {"alpha_mode": "1"}])  # FFmpeg writes the second as ALPHA_MODE
def test_transparency_is_a_loss(tags: dict[str, str], tmp_path: Path) -> None:
    with av.open(str(tmp_path / "video.webm"), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva420p"
        stream.options = {"auto-alt-ref": "0"}
        stream.metadata.update(tags)
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 4), 99, np.uint8), format="rgba")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with Video(tmp_path / "video.webm") as video:
        assert len(list(video.pictures())) == 1
        assert +video.losses == {Loss.IGNORED_TRANSPARENCY: 1}


def test_errors_name_no_path() -> None:
    error = InvalidDataError(1, "Invalid data", "/tmp/video.mp4")
    assert str(broken(error)) == "VIDEO_BROKEN: the video cannot be read: Invalid data"
    assert too_large(9000, 9000).code is ErrorCode.VIDEO_UNSUPPORTED


def test_a_text_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no video")
    with pytest.raises(EpisodeError, match="damaged, or not an MP4"):
        VideoFile(tmp_path / "text", threads=1)
