"""The metadata of a bag, read by rosbags."""

from __future__ import annotations

import yaml

from odyssey_ros.dataset.bag_metadata_file import QOS_TEXT, BagTopic, rosbag2_metadata, yaml_text


def test_counts_times_and_topics() -> None:
    topics = [
        BagTopic("/a/frame_info", "odyssey_ros/msg/FrameInfo", 3),
        BagTopic("/a/x", "std_msgs/msg/Header", 4),
    ]
    found = rosbag2_metadata("a_0.mcap", topics, start_ns=5, duration_ns=6, stream_id="s")
    assert found["version"] == 8
    assert found["message_count"] == 7
    assert found["starting_time"] == {"nanoseconds_since_epoch": 5}
    assert found["files"][0] == {
        "path": "a_0.mcap",
        "starting_time": {"nanoseconds_since_epoch": 5},
        "duration": {"nanoseconds": 6},
        "message_count": 7,
    }
    assert [each["topic_metadata"]["name"] for each in found["topics_with_message_count"]] == [
        "/a/frame_info",
        "/a/x",
    ]
    assert found["custom_data"] == {"stream_id": "s"}


def test_yaml_has_no_aliases_and_the_quality_of_service_is_that_of_the_bridge() -> None:
    shared = {"sec": 1}
    assert "*" not in yaml_text({"a": shared, "b": shared})
    (qos,) = yaml.safe_load(QOS_TEXT)
    assert (qos["history"], qos["depth"], qos["reliability"]) == (1, 5, 1)
