"""The recorder: a stream in, files out, and never in the way of the stream."""

from __future__ import annotations

import threading

import pytest

from odyssey_ros.emulator.media.recorder import Recorder
from odyssey_ros.emulator.media.recording import Recording, StreamEvent
from odyssey_ros.emulator.scene.marker import Marker, prompt_digest
from recorded_streams import FPS, STARTED, encoded_frames, markers, metadata, stream_into


class Outcome:
    """Receives what a recorder reports at its end."""

    def __init__(self):
        self.recordings = []
        self.threads = []

    def __call__(self, recording):
        self.recordings.append(recording)
        self.threads.append(threading.current_thread().name)


@pytest.fixture
def outcome():
    return Outcome()


@pytest.fixture
def recorder(tmp_path, outcome):
    recorder = Recorder(tmp_path / "r", metadata("r"), FPS, on_closed=outcome)
    yield recorder
    recorder.abandon()


@pytest.mark.parametrize("size", [(1280, 704), (704, 1280)])
def test_every_frame_of_a_stream_is_recorded(tmp_path, outcome, size):
    recorder = Recorder(tmp_path / "r", metadata("r", size=size), FPS, on_closed=outcome)
    stream_into(recorder, 12)
    recorder.finish(STARTED)
    first, second = prompt_digest("a forest"), prompt_digest("it is night \ud800")
    assert markers(tmp_path / "r" / "video.mp4") == [
        (number * 50, Marker(number, number * 50, first if number < 6 else second)) for number in range(12)
    ]
    [finished] = outcome.recordings
    assert (finished.frame_count, finished.duration_seconds, recorder.dropped) == (12, 0.6, 0)
    assert outcome.threads == ["odyssey-recorder"]


def test_frames_are_encoded_when_a_stream_has_no_h264_packets(tmp_path, recorder):
    stream_into(recorder, 12, encoded=False)
    recorder.finish(STARTED)
    recorded = markers(tmp_path / "r" / "video.mp4")
    assert len(recorded) == 12 - recorder.dropped
    assert all(marker is not None and marker.stream_time_ms == time_ms for time_ms, marker in recorded)


def test_a_recording_starts_with_a_keyframe(recorder, outcome):
    recorder.add_packet(b"\x00\x00\x00\x01\x41inter frame", 0, keyframe=False)
    assert recorder.dropped == 1
    stream_into(recorder, 3)
    recorder.finish(STARTED)
    assert outcome.recordings[0].frame_count == 3


def test_a_stream_without_frames_has_no_recording(recorder, outcome):
    recorder.add_event(StreamEvent(0, "end"))
    recorder.finish(STARTED)
    assert outcome.recordings == [None]


def test_an_abandoned_stream_has_no_recording(recorder, outcome):
    stream_into(recorder, 2)
    recorder.abandon()
    recorder.abandon()
    assert outcome.recordings == [None]


def test_abandoning_a_finished_recording_has_no_effect(recorder, outcome):
    stream_into(recorder, 2)
    recorder.finish(STARTED)
    recorder.abandon()
    assert [recording.ended_at for recording in outcome.recordings] == [STARTED]


def test_a_failing_disk_abandons_the_recording(tmp_path, outcome, caplog):
    (tmp_path / "r").write_text("a file instead of a folder")
    recorder = Recorder(tmp_path / "r", metadata("r"), FPS, on_closed=outcome)
    stream_into(recorder, 2)
    recorder.finish(STARTED)
    assert outcome.recordings == [None]
    assert "Cannot record stream r" in caplog.text


class Blocked:
    """A recorder whose thread waits until the end of the block."""

    def __init__(self, recorder):
        self._recorder = recorder
        self._entered, self._released = threading.Event(), threading.Event()

    def _wait(self, writer):
        self._entered.set()
        self._released.wait()

    def __enter__(self):
        self._recorder._tasks.put(self._wait)
        self._entered.wait()

    def __exit__(self, *_):
        self._released.set()


def test_packets_are_dropped_when_writing_is_too_slow(recorder, outcome):
    keyframe, packet = encoded_frames([0, 50])
    with Blocked(recorder):
        for number in range(700):
            recorder.add_packet(keyframe.data, number, keyframe=number % 100 == 0)
        # 600 packets wait; the rest is dropped up to a keyframe, which is queued.
        assert recorder.dropped == 99
        recorder.add_packet(packet.data, 700, keyframe=False)
        assert recorder.dropped == 100
    recorder.finish(STARTED)
    assert outcome.recordings[0].frame_count == 601


def test_frames_are_dropped_when_encoding_is_too_slow(recorder):
    with Blocked(recorder):
        stream_into(recorder, 12, encoded=False)
        # One event and five frames wait, so that the backlog is full.
        assert recorder.dropped == 7
    recorder.finish(STARTED)


def test_the_metadata_is_available_from_the_start(recorder):
    assert isinstance(recorder.recording, Recording)
    assert recorder.recording.frame_count is None
