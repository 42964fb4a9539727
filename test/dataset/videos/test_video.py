"""Pictures, times and packets of intact and broken video files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.videos.video import Video
from small_video import write_video

MakeVideo = Callable[..., Path]


@pytest.mark.parametrize("options", [{}, {"bf": "2"}, {"codec": "mpeg4"}, {"first_ms": 150}])
@pytest.mark.parametrize("threads", [1, 2])
def test_pictures_in_presentation_order(
    options: dict[str, Any], threads: int, make_video: MakeVideo, counter_of: Callable[[Any], int]
) -> None:
    with Video(make_video(30, **options), threads=threads) as video:
        pictures = list(video.pictures())
        assert [counter_of(picture.frame.to_ndarray(format="rgb24")) for picture in pictures] == list(
            range(30)
        )
        assert [picture.index for picture in pictures] == list(range(30))
        times = [picture.media_time_ns for picture in pictures]
        assert times == [index * 50_000_000 for index in range(30)]
        assert video.frame_times_ns() == times
        shift = options.get("first_ms", 0) * 1_000_000
        assert [picture.stream_time_ns - shift for picture in pictures] == times
        assert video.stream_times_ns() == [time + shift for time in times]


@pytest.mark.parametrize("options", [{}, {"bf": "2"}, {"first_ms": 150}])
@pytest.mark.parametrize("first", [1, 4, 5, 17, 29, 30, 99])
def test_pictures_from_any_number_on(
    options: dict[str, Any], first: int, make_video: MakeVideo, counter_of: Callable[[Any], int]
) -> None:
    with Video(make_video(30, **options)) as video:
        whole = {picture.index: picture.media_time_ns for picture in video.pictures()}
        for _ in range(2):
            some = list(video.pictures(first))
            assert [counter_of(picture.frame.to_ndarray(format="rgb24")) for picture in some] == list(
                range(first, 30)
            )
            assert [(picture.index, picture.media_time_ns) for picture in some] == list(whole.items())[first:]


@pytest.mark.parametrize(
    "name",
    [
        "2026-06-01T10:30:00.mp4",  # FFmpeg would read these as protocols
        "http:x.mp4",
        "concat:a|b.mp4",
        "file:x.mp4",
        "-x.mp4",
        "%03d.mp4",
        "a?b#c d.mp4",
        os.fsdecode(b"not-utf-8-\xff.mp4"),
    ],
)
def test_any_file_name(
    name: str, make_video: MakeVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(make_video().read_bytes())
    with Video(Path(name)) as video:
        assert [picture.index for picture in video.pictures(7)] == [7, 8, 9, 10, 11]
        assert len(list(video.h264_packets())) == 12


def _broken(path: Path, tmp_path: Path, change: Callable[[bytearray], object]) -> Path:
    data = bytearray(path.read_bytes())
    change(data)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    return broken


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.clear(),
        lambda data: data.__delitem__(slice(len(data) // 2, None)),
        lambda data: data.__delitem__(slice(100, None)),
        lambda data: data.__setitem__(slice(None), b"<html>not found</html>"),
        lambda data: data.__setitem__(slice(2000, len(data) - 3000), bytes(len(data) - 5000)),
    ],
    ids=["empty", "half", "head", "html", "zeros"],
)
def test_a_broken_file_is_an_episode_error(
    change: Callable[[bytearray], object], make_video: MakeVideo, tmp_path: Path
) -> None:
    path = _broken(make_video(), tmp_path, change)
    with pytest.raises(EpisodeError) as caught, Video(path) as video:
        list(video.pictures())
    assert caught.value.code is ErrorCode.VIDEO_BROKEN
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("name", ["fifo", "/dev/zero", "/dev/ptmx"])
def test_a_pipe_and_a_device_are_refused_at_once(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(EpisodeError, match="the video cannot be read: it is not a regular file") as caught:
        Video(tmp_path / name)
    assert caught.value.code is ErrorCode.VIDEO_BROKEN


def test_a_missing_file_and_a_file_without_video(tmp_path: Path) -> None:
    with pytest.raises(EpisodeError, match="No such file"):
        Video(tmp_path / "none.mp4")
    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(EpisodeError, match="contains no video"):
        Video(sound)


def test_metadata_that_is_not_utf_8_is_a_broken_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4")
    path.write_bytes(path.read_bytes().replace(b"Lavf", b"\xfc\xfc\xfc\xfc"))
    with pytest.raises(EpisodeError, match="the video cannot be read: UnicodeDecodeError"):
        Video(path)


@pytest.mark.parametrize("suffix", ["mov", "mkv"])
def test_other_containers_are_recognized_by_content(
    suffix: str, make_video: MakeVideo, tmp_path: Path
) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(make_video(suffix=suffix).read_bytes())
    with Video(path) as video:
        assert len(list(video.pictures())) == 12


def test_another_codec_is_unsupported(make_video: MakeVideo) -> None:
    with pytest.raises(EpisodeError, match="none of the codecs that are read: h264") as caught:
        Video(make_video(suffix="mkv", codec="ffv1"))
    assert caught.value.code is ErrorCode.VIDEO_UNSUPPORTED
