"""Bags that are recorded from a live bridge become episodes whose labels say what the pictures show."""

from __future__ import annotations

from itertools import pairwise

import pytest

from agreement_frames import marker_of
from inline_engine import inline_engine
from live_bags import write_mcap, write_rosbag
from live_graph import LiveGraph
from live_recorder import Recorder, serialized_messages
from odyssey_ros.dataset import bags_command
from odyssey_ros.dataset.cli import main
from odyssey_ros.dataset.losses import UNRECORDED_LOSSES, Loss
from odyssey_ros.dataset.reading.dataset_folder import stored_episodes
from odyssey_ros.dataset.reading.message_reader import frame_info_message
from odyssey_ros.emulator.scene.marker import prompt_digest

ALL = ("frame_info", "camera_info", "events", "image_raw", "image_raw/compressed", "image_raw/foxglove")


@pytest.fixture(autouse=True)
def inline(monkeypatch):
    monkeypatch.setattr(bags_command, "selected_engine", inline_engine)


def _check(folder, *arguments):
    """Convert, and check each picture against its labels; return the episodes by their first prompts."""
    assert main(["bags", *map(str, arguments), "-o", str(folder)]) == 0
    assert main(["verify", "--deep", str(folder)]) == 0
    found = {}
    for episode in stored_episodes(folder):
        prompts = []
        for picture in episode.pictures():
            marker, labels = marker_of(picture.frame.to_ndarray(format="gray")), picture.labels
            assert marker is not None
            assert prompt_digest(labels.prompt) == marker.prompt_id
            assert labels.media_time_ns // 1_000_000 == marker.stream_time_ms
            prompts += [] if labels.prompt in prompts else [labels.prompt]
        assert prompts == [text for text in _prompts(episode) if text in prompts]
        indexes = [labels.index for labels in episode.labels()]
        assert all(before < after for before, after in pairwise(indexes))
        found[episode.entry.stream_id] = episode
    return found


def _prompts(episode):
    return [each["prompt"] for each in episode.entry.prompts]


def _frame_counts(recorded):
    """Return the number of frames of each stream up to its last recorded label."""
    counts = {}
    for message in recorded:
        if message.name == "frame_info":
            label = frame_info_message(message.data, whole=False)
            counts[label.stream_id] = max(counts.get(label.stream_id, 0), label.frame_index + 1)
    counts.pop("", None)
    return counts


def _check_counts(episodes, recorded):
    """Check that each frame is in the episode, or counted: a recorder may lose messages under load."""
    counts = _frame_counts(recorded)
    assert episodes.keys() == counts.keys()
    for stream_id, episode in episodes.items():
        losses = episode.entry.losses
        assert "contradictory_labels" not in losses
        lost = sum(losses.get(loss.value, 0) for loss in (*UNRECORDED_LOSSES, Loss.MISSING_PICTURES))
        assert episode.entry.frames + lost == counts[stream_id]


def test_two_streams_in_every_topic_and_storage(domain_id, tmp_path):
    """The recorder sees both streams from their beginnings."""
    with LiveGraph(domain_id, tmp_path, encoding="rgb8", key_frame_interval="0.3") as graph:
        with Recorder(graph, tmp_path, *ALL, "image_raw/ffmpeg") as recorder:
            recorder.wait_for_topics()
            for prompts in (("a fox", "snow falls"), ("a harbour", "it rains")):
                graph.start_stream(prompts[0])
                recorder.wait_for_more(25_000_000)
                graph.interact(prompts[1])
                recorder.wait_for_more(25_000_000)
                graph.end_stream()
            recorder.end()
        path = recorder.path
    found = _check(tmp_path / "h264", path)
    recorded = serialized_messages(path)
    _check_counts(found, recorded)
    assert {each.entry.images for each in found.values()} == {"h264"}
    assert sorted(map(_prompts, found.values())) == [["a fox", "snow falls"], ["a harbour", "it rains"]]
    encoded = [message for message in recorded if message.name in ("foxglove", "frame_info", "events")]
    (tmp_path / "split").mkdir()
    for number in range(3):
        part = encoded[number * len(encoded) // 3 : (number + 1) * len(encoded) // 3]
        write_rosbag(tmp_path / f"split{number}", part, "sqlite3", "file")
        (tmp_path / f"split{number}" / f"split{number}.db3.zstd").rename(
            tmp_path / "split" / f"split_{number}.db3.zstd"
        )
    _check_counts(_check(tmp_path / "from_split", tmp_path / "split"), recorded)
    jpegs = [message for message in recorded if message.name in ("compressed", "frame_info")]
    write_rosbag(tmp_path / "jpegs", jpegs, "mcap", "message")
    stored = _check(tmp_path / "jpeg", tmp_path / "jpegs")
    _check_counts(stored, recorded)
    assert {each.entry.images for each in stored.values()} == {"jpeg"}
    raw = [message for message in recorded if message.name in ("image_raw", "frame_info")][:60]
    write_mcap(tmp_path / "raw.mcap", raw, finish=False)
    assert {each.entry.images for each in _check(tmp_path / "raw", tmp_path / "raw.mcap").values()} == {"raw"}


def test_a_stream_in_two_bags_of_which_one_recorder_was_killed(domain_id, tmp_path):
    """The second recorder joins in mid-stream, and begins with a key frame."""
    topics = ("frame_info", "camera_info", "events", "image_raw/ffmpeg")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with LiveGraph(domain_id, tmp_path, "--no-recordings") as graph:
        with Recorder(graph, tmp_path / "one", *topics) as first:
            first.wait_for_topics()
            graph.start_stream("a fox")
            first.wait_for_more(150_000)
            first.kill()
        with Recorder(graph, tmp_path / "two", *topics) as second:
            second.wait_for_topics()
            second.wait_for_more(150_000)
            graph.interact("snow falls")
            second.wait_for_more(150_000)
            second.end()
    (episode,) = _check(tmp_path / "both", tmp_path / "one", tmp_path / "two").values()
    assert _prompts(episode) == ["a fox", "snow falls"]
    losses = episode.entry.losses
    assert losses["cut_off_bags"] == 1
    assert losses["unrecorded_frames"] > 0
    (late,) = _check(tmp_path / "late", tmp_path / "two").values()
    assert late.entry.losses["unrecorded_start"] > 0
    assert late.entry.frames < episode.entry.frames
