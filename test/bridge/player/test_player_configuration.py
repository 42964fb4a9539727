"""What the parameters ask for: episodes, topics, a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from odyssey_ros.bridge.frames.encoded_messages import OptionalMessageType
from odyssey_ros.bridge.player.episode_library import (
    DatasetRequest,
    FileRequest,
    JobRequest,
    RecordingRequest,
)
from odyssey_ros.bridge.player.player_configuration import episode_folder, episode_request, required_topics
from odyssey_ros.bridge.player.player_topics import OPTIONAL_TOPICS
from odyssey_ros.bridge.player_parameters import SETTINGS, PlayerParameters
from odyssey_ros.bridge.runtime.managed_node import ConfigurationRefused

DEFAULTS = PlayerParameters(**{setting.name: setting.default for setting in SETTINGS})


def test_a_recording_or_a_job():
    assert episode_request(replace(DEFAULTS, stream_id="a")) == RecordingRequest("a")
    assert episode_request(replace(DEFAULTS, job_id="b")) == JobRequest("b", -1)
    assert episode_request(replace(DEFAULTS, job_id="b", script_index=2)) == JobRequest("b", 2)


def test_a_file_with_and_without_events(tmp_path):
    video, events = tmp_path / "a.mp4", tmp_path / "a.jsonl"
    video.touch()
    events.touch()
    assert episode_request(replace(DEFAULTS, video_file=str(video))) == FileRequest(video)
    parameters = replace(DEFAULTS, video_file=str(video), events_file=str(events))
    assert episode_request(parameters) == FileRequest(video, events)


def test_a_dataset_and_one_of_its_episodes(tmp_path):
    assert episode_request(replace(DEFAULTS, dataset=str(tmp_path))) == DatasetRequest(tmp_path)
    parameters = replace(DEFAULTS, dataset=str(tmp_path), dataset_episode=3)
    assert episode_request(parameters) == DatasetRequest(tmp_path, 3)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "not none of them"),
        ({"dataset": "/nowhere"}, "there is no folder /nowhere"),
        ({"dataset": __file__}, "test_player_configuration.py is not a folder"),
        ({"dataset": f"{__file__}/set"}, "cannot read .*: Not a directory"),
        ({"dataset": "/" + 300 * "a"}, "cannot read .*: File name too long"),
        ({"dataset": "/", "video_file": "/a.mp4"}, "not video_file and dataset"),
        ({"stream_id": "a", "job_id": "b"}, "not stream_id and job_id"),
        ({"video_file": "/nowhere.mp4"}, "there is no file /nowhere.mp4"),
        ({"video_file": __file__, "events_file": "/nowhere.jsonl"}, "there is no file /nowhere.jsonl"),
        ({"video_file": "/dev/zero"}, "cannot read /dev/zero: it is not a regular file"),
        ({"video_file": __file__, "events_file": "/dev/ptmx"}, "cannot read /dev/ptmx: it is not a regular"),
        ({"video_file": "/"}, "cannot read /: it is a folder"),
    ],
)
def test_an_invalid_request_is_refused(changes, reason):
    with pytest.raises(ConfigurationRefused, match=reason):
        episode_request(replace(DEFAULTS, **changes))


def test_required_topics():
    assert required_topics("") == []
    assert required_topics("image_raw, ~/frame_info,,") == ["image_raw", "frame_info"]
    with pytest.raises(ConfigurationRefused, match="wait_for names 'pictures', which is not"):
        required_topics("image_raw,pictures")


def test_a_required_topic_without_its_message_package_is_refused(monkeypatch):
    assert required_topics("image_raw/ffmpeg,~/image_raw/foxglove") == [
        "image_raw/ffmpeg",
        "image_raw/foxglove",
    ]
    missing = OptionalMessageType("no_such_video_msgs", "FFMPEGPacket")
    monkeypatch.setitem(OPTIONAL_TOPICS, "image_raw/ffmpeg", missing)
    assert required_topics("image_raw/foxglove") == ["image_raw/foxglove"]
    reason = "wait_for names image_raw/ffmpeg, which is not offered: install ros-.*-no-such-video-msgs"
    with pytest.raises(ConfigurationRefused, match=reason):
        required_topics("image_raw/ffmpeg")


def test_a_folder_is_created(tmp_path):
    assert episode_folder(str(tmp_path / "a" / "b")) == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


def test_without_a_cache_each_folder_is_new():
    folders = [episode_folder(""), episode_folder("")]
    try:
        assert folders[0] != folders[1]
        assert all(folder.is_dir() for folder in folders)
    finally:
        for folder in folders:
            folder.rmdir()


def test_a_folder_that_cannot_be_created_is_refused():
    with pytest.raises(ConfigurationRefused, match="cannot create a folder"):
        episode_folder(str(Path(__file__) / "folder"))
