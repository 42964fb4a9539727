"""Recordings are real files of what was streamed, and the store holds only whole ones."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from PIL import Image

from odyssey_ros.emulator.media.encoding import RTP_CLOCK, VideoEncoder
from odyssey_ros.emulator.media.recorder import Recorder
from odyssey_ros.emulator.media.recording import Artifact, Origin, Recording, RecordingWriter, StreamEvent
from odyssey_ros.emulator.media.recordings import RecordingStore
from odyssey_ros.emulator.scene.marker import Marker, prompt_digest, read_marker
from odyssey_ros.emulator.scene.scenes import make_scene

if TYPE_CHECKING:
    from pathlib import Path

STARTED = datetime(2026, 11, 23, 12, 0, 0, tzinfo=timezone.utc)


def described(stream_id: str = "stream_1", owner: str = "local", minutes: int = 0) -> Recording:
    return Recording(stream_id, owner, 1280, 704, STARTED + timedelta(minutes=minutes))


def stream_into(recorder: Recorder, frames: int = 30, *, encoded: bool = True, fps: float = 20) -> None:
    scene = make_scene("a forest", recorder.recording.width, recorder.recording.height)
    encoder = VideoEncoder("h264", fps, 1_500_000)
    recorder.add_event(
        StreamEvent(0, "start", prompt="a forest", applied_prompt="a forest, lush", image=False)
    )
    for counter in range(frames):
        time_ms = round(counter * 1000 / fps)
        if counter == frames // 2:
            scene.interact("it is night \ud800")
            recorder.add_event(StreamEvent(time_ms, "interact", prompt="it is night \ud800"))
        frame = scene.render(time_ms, counter)
        if encoded:
            packet = encoder.encode(frame, time_ms * RTP_CLOCK // 1000, keyframe=counter == 0)
            assert packet is not None
            recorder.add_packet(packet.data, time_ms, keyframe=packet.keyframe)
        else:
            recorder.add_frame(frame, time_ms)
    recorder.add_event(StreamEvent(round(frames * 1000 / fps), "end", reason="client"))


def markers(path: Path) -> list[tuple[int, Marker | None]]:
    with av.open(path) as video:
        return [
            (round(frame.time * 1000), read_marker(frame.to_ndarray(format="rgb24")))
            for frame in video.decode(video=0)
        ]


def make(store: RecordingStore, recording: Recording, frames: int = 3) -> None:
    recorder = store.record(recording, fps=20)
    stream_into(recorder, frames)
    recorder.finish(recording.started_at + timedelta(seconds=frames / 20))


@pytest.mark.parametrize("size", [(1280, 704), (704, 1280)])
def test_every_streamed_frame_is_in_the_video(tmp_path: Path, size: tuple[int, int]) -> None:
    store = RecordingStore(tmp_path)
    recording = Recording("stream_1", "local", *size, STARTED)
    recorder = store.record(recording, fps=20)
    stream_into(recorder, 120)
    recorder.finish(STARTED + timedelta(seconds=6))

    expected = [
        (
            counter * 50,
            Marker(
                counter, counter * 50, prompt_digest("a forest" if counter < 60 else "it is night \ud800")
            ),
        )
        for counter in range(120)
    ]
    video = store.path("stream_1", Artifact.VIDEO)
    assert video is not None
    assert markers(video) == expected
    preview = store.path("stream_1", Artifact.PREVIEW)
    assert preview is not None
    assert markers(preview) == expected[:80]
    with av.open(video) as container:
        track = container.streams.video[0]
        assert (track.codec_context.name, track.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (track.width, track.height) == size
        assert container.duration == 6_000_000
    finished = store.get("stream_1")
    assert finished is not None
    assert (finished.frame_count, finished.duration_seconds) == (120, 6.0)


def test_the_video_can_be_played_while_it_is_fetched(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    make(store, described())
    content = store.path("stream_1", Artifact.VIDEO).read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_thumbnail_and_events(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    make(store, described(), frames=10)
    with Image.open(store.path("stream_1", Artifact.THUMBNAIL)) as image:
        assert (image.format, image.size) == ("JPEG", (320, 176))
        assert np.asarray(image).std() > 10
    lines = store.path("stream_1", Artifact.EVENTS).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "timestamp_ms": 0,
            "type": "start",
            "prompt": "a forest",
            "applied_prompt": "a forest, lush",
            "image": False,
        },
        {"timestamp_ms": 250, "type": "interact", "prompt": "it is night \ud800"},
        {"timestamp_ms": 500, "type": "end", "reason": "client"},
    ]


def test_frames_are_encoded_when_there_are_no_packets(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    recorder = store.record(described(), fps=20)
    stream_into(recorder, 12, encoded=False)
    recorder.finish(STARTED)
    seen = markers(store.path("stream_1", Artifact.VIDEO))
    assert len(seen) == 12 - recorder.dropped
    assert all(marker is not None and marker.stream_time_ms == time_ms for time_ms, marker in seen)


def test_pictures_of_another_size_are_left_out(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "r", described("r"), 20)
    encoder = VideoEncoder("h264", 20, 1_500_000)
    for counter in range(9):
        width, height = (1280, 704) if counter // 3 != 1 else (704, 1280)
        frame = make_scene("a city", width, height).render(counter * 50, counter)
        packet = encoder.encode(frame, counter * 4500, keyframe=counter % 3 == 0)
        writer.add_packet(packet.data, counter * 50, keyframe=packet.keyframe)
    finished = writer.finish(STARTED)
    assert finished is not None
    assert finished.frame_count == 6
    assert [marker.counter for _, marker in markers(tmp_path / "r" / "video.mp4")] == [0, 1, 2, 6, 7, 8]


def test_times_that_do_not_rise_still_make_a_video(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "r", described("r"), 20)
    encoder = VideoEncoder("h264", 20, 1_500_000)
    scene = make_scene("a city", 1280, 704)
    for counter, time_ms in enumerate([0, 50, 50, 10, 200]):
        packet = encoder.encode(scene.render(time_ms, counter), counter * 4500, keyframe=counter == 0)
        writer.add_packet(packet.data, time_ms, keyframe=packet.keyframe)
    assert writer.finish(STARTED).frame_count == 5
    assert [marker.counter for _, marker in markers(tmp_path / "r" / "video.mp4")] == [0, 1, 2, 3, 4]


def test_a_recording_begins_with_a_keyframe(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    recorder = store.record(described(), fps=20)
    recorder.add_packet(b"\x00\x00\x00\x01\x41inter picture", 0, keyframe=False)
    assert recorder.dropped == 1
    stream_into(recorder, 3)
    recorder.finish(STARTED)
    assert store.get("stream_1").frame_count == 3


def test_a_stream_without_pictures_is_no_recording(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    recorder = store.record(described(), fps=20)
    assert store.get("stream_1") == described()
    recorder.finish(STARTED)
    assert store.get("stream_1") is None
    assert store.page("local", 10) == ([], 0)


def test_a_failing_disk_gives_the_recording_up_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = RecordingStore(tmp_path)
    (tmp_path / "incoming").rmdir()
    (tmp_path / "incoming").write_text("in the way")
    recorder = store.record(described(), fps=20)
    stream_into(recorder, 2)
    recorder.finish(STARTED)
    assert store.get("stream_1") is None
    assert "was given up" in caplog.text


def test_abandoned_recordings_leave_nothing(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    recorder = store.record(described(), fps=20)
    stream_into(recorder, 2)
    recorder.abandon()
    assert store.get("stream_1") is None
    assert list((tmp_path / "incoming").iterdir()) == []


def test_running_streams_are_listed_without_files(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    recorder = store.record(described(), fps=20)
    assert store.page("local", 10) == ([described()], 1)
    assert store.path("stream_1", Artifact.VIDEO) is None
    recorder.abandon()


def test_pages_are_newest_first_and_of_one_account(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    for index in range(5):
        make(store, described(f"mine{index}", minutes=index))
    make(store, described("theirs", owner="other", minutes=9))
    simulation = Recording("job", "local", 1280, 704, STARTED, origin=Origin.SIMULATION)
    make(store, simulation)

    def ids(limit: int, offset: int = 0) -> list[str]:
        page, total = store.page("local", limit, offset)
        assert total == 5
        return [recording.stream_id for recording in page]

    assert ids(2) == ["mine4", "mine3"]
    assert ids(2, 4) == ["mine0"]
    assert ids(2, 5) == []
    assert store.page("nobody", 10) == ([], 0)
    found = store.get("job")
    assert found is not None
    assert found.origin is Origin.SIMULATION


def test_recordings_outlive_a_restart(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    make(store, described())
    again = RecordingStore(tmp_path)
    assert again.get("stream_1") == store.get("stream_1")
    assert again.path("stream_1", Artifact.VIDEO).is_file()


def test_a_kill_in_the_midst_of_a_stream_leaves_nothing_broken(tmp_path: Path) -> None:
    make(RecordingStore(tmp_path), described("whole"))
    program = textwrap.dedent(
        """
        import os, signal, sys, time
        from datetime import datetime, timezone
        from pathlib import Path
        from odyssey_ros.emulator.media.encoding import VideoEncoder
        from odyssey_ros.emulator.media.recording import Recording
        from odyssey_ros.emulator.media.recordings import RecordingStore
        from odyssey_ros.emulator.scene.scenes import make_scene
        folder = Path(sys.argv[1])
        store = RecordingStore(folder)
        recorder = store.record(Recording("cut", "local", 1280, 704, datetime.now(timezone.utc)), fps=20)
        encoder, scene = VideoEncoder("h264", 20, 10**6), make_scene("sea", 1280, 704)
        for counter in range(40):
            packet = encoder.encode(scene.render(counter * 50, counter), counter * 4500, keyframe=not counter)
            recorder.add_packet(packet.data, counter * 50, keyframe=packet.keyframe)
        while not (folder / "incoming" / "cut" / "video.mp4").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=60, check=False)
    assert done.returncode == -9
    assert (tmp_path / "incoming" / "cut").is_dir()
    store = RecordingStore(tmp_path)
    page, total = store.page("local", 10)
    assert ([recording.stream_id for recording in page], total) == (["whole"], 1)
    assert not (tmp_path / "incoming" / "cut").exists()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"stream_id": "other"}', "\xff"])
def test_damaged_folders_are_left_alone_and_not_listed(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    make(RecordingStore(tmp_path), described("whole"))
    (tmp_path / "whole" / "metadata.json").write_bytes(damage.encode("latin-1"))
    (tmp_path / "a file").write_text("")
    store = RecordingStore(tmp_path)
    assert store.page("local", 10) == ([], 0)
    assert "is no recording" in caplog.text
    assert (tmp_path / "whole" / "video.mp4").exists()


@pytest.mark.parametrize("stream_id", ["", "..", "../x", "a/b", "incoming", "x" * 65, "a\0"])
def test_ids_that_cannot_name_a_folder_are_refused(tmp_path: Path, stream_id: str) -> None:
    store = RecordingStore(tmp_path)
    with pytest.raises(ValueError, match="cannot name"):
        store.record(described(stream_id), fps=20)
    assert store.get(stream_id) is None
    assert store.path(stream_id, Artifact.VIDEO) is None


def test_handing_over_packets_never_waits(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "r", described("r"), 20)
    encoder = VideoEncoder("h264", 20, 1_500_000)
    packet = encoder.encode(make_scene("sea", 1280, 704).render(0, 0), 0, keyframe=True)
    for counter in range(5000):
        recorder.add_packet(packet.data, counter, keyframe=True)
    recorder.abandon()
