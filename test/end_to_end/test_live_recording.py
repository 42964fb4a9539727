"""A bag that is recorded live decodes completely, and each of its frames has the right prompt."""

from __future__ import annotations

import pytest

from encoded_topics import EncodedTopic, access_unit, check_gaps, decoded
from live_graph import LiveGraph, check_label
from live_recorder import Recorder
from waiting import wait_until


def _let_it_snow(graph):
    """Prompt, and wait until the prompt is in force."""
    graph.interact("snow falls")
    wait_until(lambda: graph.status.prompt == "snow falls", lambda: str(graph.status))


def _stamp(message):
    return message.header.stamp.sec, message.header.stamp.nanosec


def _check(bag, kind):
    """Check that the bag decodes from its first message; return the prompts."""
    units = [access_unit(message) for message in bag[f"image_raw/{kind}"]]
    labels = {_stamp(message): message for message in bag["frame_info"]}
    cameras = {_stamp(message): message for message in bag["camera_info"]}
    # The recorder may have ended between the messages of the last frames.
    last = min(max(labels), max(cameras))
    recorded = [unit for unit in units if unit.stamp <= last]
    assert len(units) - len(recorded) <= 3
    prompts = []
    for unit, picture, marker in decoded(recorded):
        label, camera = labels[unit.stamp], cameras[unit.stamp]
        check_label(label, marker)
        assert (camera.width, camera.height) == picture.shape[::-1]
        if label.prompt not in prompts:
            prompts.append(label.prompt)
    if kind == "ffmpeg":
        assert check_gaps(units) == 0
    return prompts


@pytest.mark.parametrize("kind", ["ffmpeg", "foxglove"])
def test_a_bag_of_a_whole_stream(domain_id, tmp_path, kind):
    topics = ("frame_info", "camera_info", f"image_raw/{kind}")
    with LiveGraph(domain_id, tmp_path) as graph, Recorder(graph, tmp_path, *topics) as recorder:
        recorder.wait_for_topics()
        graph.start_stream("a fox")
        recorder.wait_for_more(200_000)
        _let_it_snow(graph)
        recorder.wait_for_more(200_000)
        graph.end_stream()
        bag = recorder.finish()
    assert _check(bag, kind) == ["a fox", "snow falls"]


def test_a_bag_that_begins_in_mid_stream(domain_id, tmp_path):
    """A viewer of the other encoded topic is there already."""
    with LiveGraph(domain_id, tmp_path, "--key-frame-interval", "0", "--no-recordings") as graph:
        viewer = EncodedTopic(graph.observer, "/odyssey/image_raw", "foxglove")
        graph.start_stream("a fox")
        wait_until(lambda: len(viewer.units) > 10)
        with Recorder(graph, tmp_path, "frame_info", "camera_info", "image_raw/ffmpeg") as recorder:
            recorder.wait_for_topics()
            recorder.wait_for_more(200_000)
            _let_it_snow(graph)
            recorder.wait_for_more(200_000)
            bag = recorder.finish()
    assert _check(bag, "ffmpeg") == ["a fox", "snow falls"]


def test_a_bag_of_a_topic_that_already_has_a_subscriber(domain_id, tmp_path):
    """The bag begins with what the other subscriber needs, and has a key frame soon."""
    with LiveGraph(domain_id, tmp_path, "--key-frame-interval", "0", "--no-recordings") as graph:
        viewer = EncodedTopic(graph.observer, "/odyssey/image_raw", "ffmpeg")
        graph.start_stream("a fox")
        wait_until(lambda: len(viewer.units) > 10)
        with Recorder(graph, tmp_path, "frame_info", "camera_info", "image_raw/ffmpeg") as recorder:
            recorder.wait_for_topics()
            recorder.wait_for_more(200_000)
            bag = recorder.finish()
    units = [access_unit(message) for message in bag["image_raw/ffmpeg"]]
    begin = next(number for number, unit in enumerate(units) if unit.is_key_frame)
    assert begin < len(units) / 2
    bag["image_raw/ffmpeg"] = bag["image_raw/ffmpeg"][begin:]
    assert _check(bag, "ffmpeg") == ["a fox"]
    assert check_gaps(viewer.units) == 0
