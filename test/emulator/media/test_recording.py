"""The files of one recording."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest
from PIL import Image

from odyssey_ros.emulator.media.recording import Artifact, Origin, Recording, RecordingWriter, StreamEvent
from recorded_streams import FPS, STARTED, counters, encoded_frames, metadata

FILES = {"video.mp4", "preview.mp4", "thumbnail.jpg", "events.jsonl", "metadata.json"}


def write(folder, times_ms, **options):
    """Write a recording with frames at the given times and return what `finish` returned."""
    writer = RecordingWriter(folder, metadata(folder.name), FPS)
    for frame, time_ms in zip(encoded_frames(times_ms, **options), times_ms, strict=True):
        writer.add_packet(frame.data, time_ms, keyframe=frame.keyframe)
    return writer.finish(STARTED + timedelta(seconds=9))


def test_a_finished_recording_has_all_files(tmp_path):
    finished = write(tmp_path / "r", [0, 50, 100])
    assert {path.name for path in (tmp_path / "r").iterdir()} == FILES
    assert (finished.frame_count, finished.duration_seconds) == (3, 0.15)
    assert finished.ended_at == STARTED + timedelta(seconds=9)


def test_the_preview_ends_after_four_seconds(tmp_path):
    write(tmp_path / "r", [0, 2000, 3999, 4000, 4050])
    assert counters(tmp_path / "r" / "preview.mp4") == [0, 1, 2]
    assert counters(tmp_path / "r" / "video.mp4") == [0, 1, 2, 3, 4]


def test_the_thumbnail_shows_the_first_frame(tmp_path):
    write(tmp_path / "r", [0, 50])
    with Image.open(tmp_path / "r" / "thumbnail.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (320, 176))
        assert np.asarray(image).std() > 10


def test_frames_of_another_size_are_counted(tmp_path):
    landscape, portrait = (1280, 704), (704, 1280)
    finished = write(
        tmp_path / "r", [0, 50, 100], keyframes=(0, 1, 2), sizes=[landscape, portrait, landscape]
    )
    assert finished.frame_count == 3


def test_events_are_lines_of_json(tmp_path):
    writer = RecordingWriter(tmp_path / "r", metadata("r"), FPS)
    writer.add_event(StreamEvent(0, "start", prompt="a", applied_prompt="a, lush", image=False))
    writer.add_event(StreamEvent(250, "interact", prompt="it is night \ud800"))
    writer.add_event(StreamEvent(500, "end", reason="client"))
    writer.abandon()
    lines = (tmp_path / "r" / "events.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    assert [json.loads(line) for line in lines] == [
        {"timestamp_ms": 0, "type": "start", "prompt": "a", "applied_prompt": "a, lush", "image": False},
        {"timestamp_ms": 250, "type": "interact", "prompt": "it is night \ud800"},
        {"timestamp_ms": 500, "type": "end", "reason": "client"},
    ]


def test_without_frames_there_is_no_recording(tmp_path):
    assert write(tmp_path / "r", []) is None
    with pytest.raises(OSError):
        Recording.read(tmp_path / "r")


def test_an_abandoned_recording_has_no_metadata(tmp_path):
    writer = RecordingWriter(tmp_path / "r", metadata("r"), FPS)
    [frame] = encoded_frames([0])
    writer.add_packet(frame.data, 0, keyframe=True)
    writer.abandon()
    writer.abandon()
    assert not (tmp_path / "r" / "metadata.json").exists()


def test_an_existing_folder_is_refused(tmp_path):
    with pytest.raises(FileExistsError):
        RecordingWriter(tmp_path, metadata(), FPS)


def test_metadata_is_read_as_it_was_written(tmp_path):
    finished = write(tmp_path / "r", [0, 50])
    assert Recording.read(tmp_path / "r") == finished


def test_metadata_of_another_folder_is_refused(tmp_path):
    write(tmp_path / "r", [0])
    (tmp_path / "r").rename(tmp_path / "other")
    with pytest.raises(ValueError, match="stream_id: must be the name of the folder"):
        Recording.read(tmp_path / "other")


def test_a_running_stream_has_no_end():
    values = metadata().to_json()
    assert values["origin"] == Origin.STREAM.value
    assert [values[name] for name in ("ended_at", "frame_count", "duration_seconds")] == [None] * 3


@pytest.mark.parametrize(
    ("artifact", "content_type"),
    [
        (Artifact.VIDEO, "video/mp4"),
        (Artifact.PREVIEW, "video/mp4"),
        (Artifact.EVENTS, "application/x-ndjson"),
        (Artifact.THUMBNAIL, "image/jpeg"),
    ],
)
def test_every_artifact_has_a_content_type(artifact, content_type):
    assert artifact.content_type == content_type
