"""The player as a process on a graph, with an exported dataset."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ffmpeg_image_transport_msgs.msg import FFMPEGPacket
from odyssey_ros.msg import FrameInfo, PlaybackStatus, StreamEvent
from odyssey_ros.srv import Seek
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import Trigger

from exported_dataset_files import write_dataset
from exported_dataset_numbers import number_of

EVERYTHING = QoSProfile(history=HistoryPolicy.KEEP_ALL)
STATUS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
PROMPTS = [["a fox"] * 7 + ["it “rains”"] * 5, ["it “rains”"] * 3 + ["snow"] * 6]


def media_ns(label):
    return label.media_time.sec * 10**9 + label.media_time.nanosec


def shown(image):
    return number_of(np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3))


def state_of(statuses, state):
    return lambda: any(status.state == state for status in statuses)


@pytest.fixture
def dataset(tmp_path):
    folder = write_dataset(tmp_path / "set", PROMPTS)
    records = [{"episode_index": number, "stream_id": f"stream-{number}"} for number in range(2)]
    (folder / "meta" / "odyssey.json").write_text(json.dumps({"episodes": records}))
    return folder


def test_all_episodes_with_their_prompts(dataset, start_node, probe, wait_until):
    images = probe.listen(Image, "/player/image_raw", EVERYTHING)
    jpegs = probe.listen(CompressedImage, "/player/image_raw/compressed", EVERYTHING)
    packets = probe.listen(FFMPEGPacket, "/player/image_raw/ffmpeg", EVERYTHING)
    labels = probe.listen(FrameInfo, "/player/frame_info", EVERYTHING)
    events = probe.listen(StreamEvent, "/player/events", EVERYTHING)
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    wait_for = "image_raw,image_raw/compressed,image_raw/ffmpeg,frame_info,events"
    process = start_node("player", {"dataset": dataset, "rate": 0.0, "wait_for": wait_for})
    wait_until(state_of(statuses, PlaybackStatus.FINISHED), "the end")
    wait_until(lambda: len(labels) == len(images) == len(jpegs) == len(packets) == 21, "all frames")
    assert [(label.stream_id, label.frame_index, label.prompt, media_ns(label)) for label in labels] == [
        (f"stream-{number}", frame, prompt, frame * 10**8)
        for number, prompts in enumerate(PROMPTS)
        for frame, prompt in enumerate(prompts)
    ]
    assert [shown(image) for image in images] == list(range(21))
    headers = [label.header for label in labels]
    assert headers == [image.header for image in images] == [packet.header for packet in packets]
    changes = (StreamEvent.STARTED, StreamEvent.ACKNOWLEDGED, StreamEvent.ENDED)
    assert [(event.type, event.prompt) for event in events if event.type in changes] == [
        (StreamEvent.STARTED, "a fox"),
        (StreamEvent.ACKNOWLEDGED, "it “rains”"),
        (StreamEvent.ENDED, ""),
        (StreamEvent.STARTED, "it “rains”"),
        (StreamEvent.ACKNOWLEDGED, "snow"),
        (StreamEvent.ENDED, ""),
    ]
    last = statuses[-1]
    assert (last.episodes_complete, last.episodes_failed) == (2, 0)
    assert "WARN" not in process.text


def test_seek_step_and_loop_in_one_episode_of_a_shared_file(tmp_path, start_node, probe, wait_until):
    dataset = write_dataset(tmp_path / "set", PROMPTS, shared=True, gop=4)
    images = probe.listen(Image, "/player/image_raw", EVERYTHING)
    labels = probe.listen(FrameInfo, "/player/frame_info", EVERYTHING)
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    parameters = {"dataset": dataset, "dataset_episode": 1, "rate": 0.0, "start_paused": True, "loop": True}
    start_node("player", {**parameters, "wait_for": "image_raw,frame_info"})
    wait_until(state_of(statuses, PlaybackStatus.PAUSED), "the pause")
    assert probe.call(Trigger, "/player/step", Trigger.Request()).success  # when the episode is open
    for frame in (5, 2, 8):
        answer = probe.call(Seek, "/player/seek", Seek.Request(frame_index=frame))
        assert (answer.success, answer.frame_index, answer.stream_id) == (True, frame, "episode_000001")
        assert probe.call(Trigger, "/player/step", Trigger.Request()).success
    wait_until(lambda: len(images) == len(labels) == 4, "four frames")
    assert [shown(image) for image in images] == [12, 12 + 5, 12 + 2, 12 + 8]
    assert [label.prompt for label in labels] == ["it “rains”", "snow", "it “rains”", "snow"]
    assert probe.call(Trigger, "/player/resume", Trigger.Request()).success
    wait_until(lambda: len(images) > 16 and len(labels) > 16, "the second round")
    assert [shown(image) for image in images[4:13]] == list(range(12, 21))


def test_an_episode_that_does_not_exist(dataset, start_node):
    parameters = {"dataset": dataset, "dataset_episode": 2, "exit_when_finished": True}
    process = start_node("player", parameters)
    assert process.exit_status() == 1
    assert "has no episode 2; it has 2, counted from 0" in process.text
