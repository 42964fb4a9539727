"""MP4 files: frames as they were encoded, at their times."""

from __future__ import annotations

import io
from pathlib import Path

import av
import pytest

from odyssey_ros.emulator.media.mp4 import Mp4Writer
from recorded_streams import FPS, counters, encoded_frames, markers

NAMES = [
    "2026-06-01T10:30:00.mp4",  # FFmpeg would read these as protocols
    "http:x.mp4",
    "concat:a|b.mp4",
    "file:x.mp4",
    "-x.mp4",
    "%03d.mp4",
    "a?b#c d.mp4",
]


def write(path, times_ms, **options):
    """Write frames into a file; return the writer, closed."""
    keyframes = options.get("keyframes", (0,))
    frames = list(encoded_frames(times_ms, **options))
    writer = Mp4Writer(path, frames[0].data, FPS)
    for number, (frame, time_ms) in enumerate(zip(frames, times_ms, strict=True)):
        writer.write(frame.data, time_ms, keyframe=number in keyframes)
    writer.close()
    return writer


def test_frames_keep_their_times(tmp_path):
    times = [0, 50, 100, 400]
    writer = write(tmp_path / "video.mp4", times)
    assert [time_ms for time_ms, _ in markers(tmp_path / "video.mp4")] == times
    # The last frame lasts one period of the nominal frame rate.
    assert (writer.frame_count, writer.duration_seconds) == (4, 0.45)


def test_times_that_do_not_increase_are_moved(tmp_path):
    writer = write(tmp_path / "video.mp4", [0, 50, 50, 10, 200])
    assert counters(tmp_path / "video.mp4") == [0, 1, 2, 3, 4]
    assert writer.duration_seconds == 0.25


def test_frames_of_another_size_are_recorded(tmp_path):
    landscape, portrait = (1280, 704), (704, 1280)
    sizes = [landscape] * 3 + [portrait] * 3 + [landscape] * 3
    write(tmp_path / "video.mp4", range(0, 450, 50), keyframes=(0, 3, 6), sizes=sizes)
    assert counters(tmp_path / "video.mp4") == list(range(9))
    with av.open(tmp_path / "video.mp4") as container:
        assert [(frame.width, frame.height) for frame in container.decode(video=0)] == sizes


def test_times_are_exact(tmp_path):
    """At 30 Hz the times are no whole milliseconds."""
    frames = list(encoded_frames(range(4)))
    writer = Mp4Writer(tmp_path / "video.mp4", frames[0].data, 30)
    for number, frame in enumerate(frames):
        writer.write(frame.data, number * 1000 / 30, keyframe=number == 0)
    writer.close()
    with av.open(tmp_path / "video.mp4") as container:
        assert [frame.pts for frame in container.decode(video=0)] == [0, 3000, 6000, 9000]


def test_a_file_plays_while_it_is_downloaded(tmp_path):
    write(tmp_path / "video.mp4", [0, 50])
    content = (tmp_path / "video.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("name", NAMES)
def test_any_file_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(Path(name), [0, 50])
    assert [path.name for path in tmp_path.iterdir()] == [name]
    content = Path(name).read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")
    assert counters(io.BytesIO(content)) == [0, 1]


def test_an_empty_file_has_no_duration(tmp_path):
    [first] = encoded_frames([0])
    writer = Mp4Writer(tmp_path / "video.mp4", first.data, FPS)
    assert (writer.frame_count, writer.duration_seconds) == (0, 0.0)
    writer.close()


def test_the_first_frame_needs_parameter_sets(tmp_path):
    with pytest.raises(ValueError, match="no parameter sets"):
        Mp4Writer(tmp_path / "video.mp4", b"\x00\x00\x00\x01\x41inter frame", FPS)


def test_a_file_in_a_missing_folder_is_an_error(tmp_path):
    [first] = encoded_frames([0])
    writer = Mp4Writer(tmp_path / "missing" / "video.mp4", first.data, FPS)
    with pytest.raises(OSError):
        writer.write(first.data, 0, keyframe=True)


def test_the_track_is_h264_of_the_size_of_its_frames(tmp_path):
    write(tmp_path / "video.mp4", [0, 50])
    with av.open(tmp_path / "video.mp4") as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.width, context.height) == ("h264", 1280, 704)
