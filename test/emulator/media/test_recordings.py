"""The store of recordings: what it lists, and what survives restarts and kills."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from datetime import timedelta

import av
import pytest

from odyssey_ros.emulator.media.recording import Artifact, Origin, Recording
from odyssey_ros.emulator.media.recordings import RecordingStore
from recorded_streams import FPS, STARTED, counters, metadata, stream_into


def record(store, recording, frames=3):
    recorder = store.record(recording, fps=FPS)
    stream_into(recorder, frames)
    recorder.finish(recording.started_at + timedelta(seconds=frames / FPS))


@pytest.fixture
def store(tmp_path):
    return RecordingStore(tmp_path)


@pytest.mark.parametrize("size", [(1280, 704), (704, 1280)])
def test_a_finished_recording_has_metadata_and_files(store, size):
    record(store, metadata(size=size), frames=120)
    video = store.path("stream_1", Artifact.VIDEO)
    assert counters(video) == list(range(120))
    assert counters(store.path("stream_1", Artifact.PREVIEW)) == list(range(80))
    with av.open(video) as container:
        track = container.streams.video[0]
        assert (track.codec_context.name, track.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (track.width, track.height) == size
        assert container.duration == 6_000_000
    finished = store.get("stream_1")
    assert (finished.frame_count, finished.duration_seconds) == (120, 6.0)


def test_a_running_stream_is_listed_without_files(store):
    recorder = store.record(metadata(), fps=FPS)
    assert store.get("stream_1") == metadata()
    assert store.page("local", 10) == ([metadata()], 1)
    assert store.path("stream_1", Artifact.VIDEO) is None
    recorder.abandon()


def test_a_stream_without_frames_is_not_listed_once_it_has_ended(store):
    recorder = store.record(metadata(), fps=FPS)
    recorder.finish(STARTED)
    assert store.get("stream_1") is None
    assert store.page("local", 10) == ([], 0)


def test_an_abandoned_recording_leaves_no_files(store, tmp_path):
    recorder = store.record(metadata(), fps=FPS)
    stream_into(recorder, 2)
    recorder.abandon()
    assert store.get("stream_1") is None
    assert list((tmp_path / "incoming").iterdir()) == []


def test_a_failing_disk_abandons_the_recording_only(store, tmp_path, caplog):
    (tmp_path / "incoming").rmdir()
    (tmp_path / "incoming").write_text("a file instead of a folder")
    recorder = store.record(metadata(), fps=FPS)
    stream_into(recorder, 2)
    recorder.finish(STARTED)
    assert store.get("stream_1") is None
    assert "Cannot record stream stream_1" in caplog.text


def test_pages_are_newest_first_and_contain_one_account(store):
    for index in range(5):
        record(store, metadata(f"mine{index}", minutes=index))
    record(store, metadata("theirs", owner="other", minutes=9))
    simulation = Recording(
        stream_id="job",
        owner="local",
        width=1280,
        height=704,
        started_at=STARTED,
        origin=Origin.SIMULATION,
    )
    record(store, simulation)

    def ids(limit, offset=0):
        page, total = store.page("local", limit, offset)
        assert total == 5
        return [recording.stream_id for recording in page]

    assert ids(2) == ["mine4", "mine3"]
    assert ids(2, 4) == ["mine0"]
    assert ids(2, 5) == []
    assert store.page("nobody", 10) == ([], 0)
    assert store.get("job").origin is Origin.SIMULATION


def test_recordings_survive_a_restart(store, tmp_path):
    record(store, metadata())
    restarted = RecordingStore(tmp_path)
    assert restarted.get("stream_1") == store.get("stream_1")
    assert restarted.path("stream_1", Artifact.VIDEO).is_file()


def test_a_removed_recording_is_gone_after_a_restart_too(store, tmp_path):
    record(store, metadata())
    store.remove("stream_1")
    store.remove("stream_1")
    for remaining in (store, RecordingStore(tmp_path)):
        assert remaining.get("stream_1") is None
        assert remaining.path("stream_1", Artifact.VIDEO) is None
    assert not (tmp_path / "stream_1").exists()
    assert list((tmp_path / "incoming").iterdir()) == []


def size_of(folder):
    return sum(path.stat().st_size for path in folder.iterdir())


def listed(store):
    return [recording.stream_id for recording in store.page("local", 10)[0]]


def test_the_oldest_recordings_make_room_for_new_ones(tmp_path, caplog):
    record(RecordingStore(tmp_path), metadata("first", minutes=0))
    size = size_of(tmp_path / "first")
    store = RecordingStore(tmp_path, max_bytes=size * 5 // 2)
    for number, name in enumerate(["second", "third", "fourth"], start=1):
        record(store, metadata(name, minutes=number))
    assert listed(store) == ["fourth", "third"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fourth", "incoming", "third"]
    assert "Deleting the recording second" in caplog.text


def test_a_recording_above_the_limit_replaces_all_others(tmp_path):
    store = RecordingStore(tmp_path, max_bytes=1)
    record(store, metadata("first", minutes=0))
    assert listed(store) == ["first"]
    record(store, metadata("second", minutes=1))
    assert listed(store) == ["second"]
    assert store.path("second", Artifact.VIDEO).is_file()


def test_a_recording_that_cannot_be_deleted_keeps_no_new_one_out(tmp_path, caplog):
    store = RecordingStore(tmp_path, max_bytes=1)
    record(store, metadata("first", minutes=0))
    (tmp_path / "first").rename(tmp_path / "moved by the user")
    record(store, metadata("second", minutes=1))
    assert listed(store) == ["second"]
    assert "The recording first cannot be deleted" in caplog.text


def test_a_recording_made_elsewhere_can_be_adopted_once(store, tmp_path):
    with pytest.raises(OSError):
        store.adopt("stream_1")
    record(RecordingStore(tmp_path / "elsewhere"), metadata())
    made = tmp_path / "elsewhere" / "stream_1"
    made.rename(store.incoming("stream_1"))
    assert store.adopt("stream_1") == store.get("stream_1")
    with pytest.raises(OSError):
        store.adopt("stream_1")


def test_a_kill_during_a_stream_leaves_complete_recordings_only(tmp_path):
    record(RecordingStore(tmp_path), metadata("whole"))
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
        recording = Recording(
            stream_id="cut", owner="local", width=1280, height=704, started_at=datetime.now(timezone.utc)
        )
        recorder = store.record(recording, fps=20)
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
    page, total = RecordingStore(tmp_path).page("local", 10)
    assert ([recording.stream_id for recording in page], total) == (["whole"], 1)
    assert not (tmp_path / "incoming" / "cut").exists()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"stream_id": "other"}', "\xff"])
def test_damaged_folders_are_kept_and_not_listed(tmp_path, damage, caplog):
    record(RecordingStore(tmp_path), metadata("whole"))
    (tmp_path / "whole" / "metadata.json").write_bytes(damage.encode("latin-1"))
    (tmp_path / "a file").write_text("")
    store = RecordingStore(tmp_path)
    assert store.page("local", 10) == ([], 0)
    assert "is not a valid recording" in caplog.text
    assert (tmp_path / "whole" / "video.mp4").exists()


@pytest.mark.parametrize("stream_id", ["", "..", "../x", "a/b", "incoming", "x" * 65, "a\0"])
def test_ids_that_are_not_valid_as_a_folder_name_are_refused(store, stream_id):
    with pytest.raises(ValueError, match="not a valid stream id"):
        store.record(metadata(stream_id), fps=FPS)
    assert store.get(stream_id) is None
    assert store.path(stream_id, Artifact.VIDEO) is None


def test_a_pipe_in_the_folder_does_not_block(tmp_path):
    (tmp_path / "stream").mkdir()
    os.mkfifo(tmp_path / "stream" / "metadata.json")
    assert RecordingStore(tmp_path).get("stream") is None
