"""MP4 files: every frame is there, in its place, and copied frames are the same bytes."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import pytest

from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.exports.video_writer import CopiedVideo, EncodedVideo
from odyssey_ros.dataset.videos.video import Video

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_copied_frames_are_the_same(make_video: Callable[..., Path], tmp_path: Path) -> None:
    source, copy = make_video(24), tmp_path / "copy.mp4"
    with Video(source) as video:
        units = list(video.h264_packets())
    with CopiedVideo(copy, 20) as writer:
        for unit in units:
            writer.add(unit.data, is_key_frame=unit.is_key_frame)
    assert writer.frames == 24
    with Video(copy) as video:
        copied = list(video.h264_packets())
    assert [unit.data for unit in copied] == [unit.data for unit in units]
    assert [unit.is_key_frame for unit in copied] == [unit.is_key_frame for unit in units]
    assert [unit.media_time_ns for unit in copied] == [number * 50_000_000 for number in range(24)]


def test_the_copy_says_its_rate(make_video: Callable[..., Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    with Video(make_video(24)) as video, CopiedVideo(copy, 30) as writer:
        for unit in video.h264_packets():
            writer.add(unit.data, is_key_frame=unit.is_key_frame)
    with av.open(str(copy)) as container:
        stream = container.streams.video[0]
        assert (stream.average_rate, stream.frames) == (30, 24)
        assert stream.duration * stream.time_base == Fraction(24, 30)


@pytest.mark.parametrize("gop", [1, 2, 10])
def test_encoded_frames_have_key_frames_as_asked(
    gop: int, make_video: Callable[..., Path], tmp_path: Path, counter_of: Callable[[Any], int]
) -> None:
    path = tmp_path / "encoded.mp4"
    with Video(make_video(24)) as video, EncodedVideo(path, (320, 192), 25, gop) as writer:
        for picture in video.pictures():
            writer.add(picture.frame)
    with Video(path) as video:
        assert [
            number for number, unit in enumerate(video.h264_packets()) if unit.is_key_frame
        ] == list(range(0, 24, gop))  # fmt: skip
        pictures = list(video.pictures())
    assert [counter_of(picture.frame.to_ndarray(format="rgb24")) for picture in pictures] == list(range(24))
    assert [picture.media_time_ns for picture in pictures] == [number * 40_000_000 for number in range(24)]


def test_what_is_no_access_unit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EpisodeError), CopiedVideo(tmp_path / "copy.mp4", 20) as writer:
        writer.add(b"no picture", is_key_frame=True)


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m"])
def test_encoded_frames_have_the_colours_of_the_input(
    matrix: str, make_video: Callable[..., Path], tmp_path: Path
) -> None:
    """The conversion to RGB depends on the matrix, so the file must name that of the input."""
    source = make_video(3, **{"x264-params": f"colormatrix={matrix}:colorprim={matrix}:transfer={matrix}"})
    with Video(source) as video, EncodedVideo(tmp_path / "encoded.mp4", (320, 192), 20, 1) as writer:
        for picture in video.pictures():
            writer.add(picture.frame)
    means = []
    for path in (source, tmp_path / "encoded.mp4"):
        with Video(path) as video:
            first = next(iter(video.pictures())).frame
            assert first.colorspace == {"bt709": 1, "smpte170m": 6}[matrix]  # Rec. ITU-T H.273
            means.append(first.to_ndarray(format="rgb24").reshape(-1, 3).mean(0))
    assert means[0] == pytest.approx(means[1], abs=1)
