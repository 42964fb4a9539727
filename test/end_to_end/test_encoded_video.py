"""The encoded topics of the live nodes, through real processes.

The pictures carry what is right: the marker of each has its number, its stream time and its prompt.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import pytest
from odyssey_ros.srv import GetBroadcast

import without_packages
from discovery import wait_until_known
from encoded_topics import LONG_HISTORY, EncodedTopic, check_gaps, decoded
from live_graph import FrameLabels, LiveGraph, RawTopic, check_label, luma_crc
from waiting import wait_until

IMAGE = "/odyssey/image_raw"
SEED = 13


def _frames(collection, number):
    """Wait until `number` more messages have arrived."""
    wanted = len(collection) + number
    wait_until(lambda: len(collection) >= wanted, lambda: f"{wanted} messages; arrived: {len(collection)}")


def _same_length(*collections):
    wait_until(
        lambda: len({len(collection) for collection in collections}) == 1,
        lambda: f"the same number of messages; arrived: {[len(collection) for collection in collections]}",
    )


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_each_access_unit_decodes_to_the_picture_of_the_decoded_topic(domain_id, tmp_path, codec):
    with LiveGraph(domain_id, tmp_path, "--codec", codec) as graph:
        labels = FrameLabels(graph.observer, "/odyssey")
        raw = RawTopic(graph.observer, IMAGE)
        kinds = ["ffmpeg", "foxglove"] if codec == "h264" else ["ffmpeg"]
        topics = [EncodedTopic(graph.observer, IMAGE, kind) for kind in kinds]
        graph.wait_for_publishers(*(f"{IMAGE}/{kind}" for kind in kinds), IMAGE, "/odyssey/frame_info")
        graph.start_stream("a fox")
        _frames(topics[0].units, 20)
        graph.interact("the fox sleeps")
        _frames(topics[0].units, 20)
        graph.interact("snow falls")
        _frames(topics[0].units, 20)
        graph.end_stream()
        _same_length(labels.labels, labels.cameras, *(topic.units for topic in topics))

    prompts = set()
    for topic in topics:
        assert [unit.stamp for unit in topic.units] == list(labels.labels) == list(labels.cameras)
        for number, (unit, picture, marker) in enumerate(decoded(topic.units)):
            label, camera = labels.labels[unit.stamp], labels.cameras[unit.stamp]
            assert unit.codec == codec
            assert label.frame_index == number == marker.counter
            check_label(label, marker)
            prompts.add(label.prompt)
            assert unit.frame_id == label.header.frame_id == camera.header.frame_id
            assert (camera.width, camera.height) == picture.shape[::-1]
            if unit.flags is not None:
                assert unit.flags == unit.is_key_frame
            published = raw.pictures.get(unit.stamp)
            if published is not None:
                assert published.frame_id == unit.frame_id
                assert published.crc == luma_crc(picture)
    assert prompts == {"a fox", "the fox sleeps", "snow falls"}
    assert check_gaps(topics[0].units) == 0
    assert raw.pictures.keys() <= labels.labels.keys()
    # Only the newest decoded frame waits, so a slow machine publishes fewer of these.
    assert len(raw.pictures) > len(labels.labels) / 2


def test_each_subscription_begins_with_a_key_frame(domain_id, tmp_path):
    """Without requests, the emulator would send one key frame, at the start."""
    emulator = ("--key-frame-interval", "0", "--no-recordings")
    with LiveGraph(domain_id, tmp_path, *emulator, **LONG_HISTORY) as graph:
        labels = FrameLabels(graph.observer, "/odyssey")
        graph.start_stream("a fox")
        _frames(labels.labels, 5)
        rng = random.Random(SEED)
        for number in range(8):
            kind = rng.choice(["ffmpeg", "foxglove"])
            time.sleep(rng.uniform(0.0, 0.4))
            topic = EncodedTopic(graph.observer, IMAGE, kind)
            _frames(topic.units, 4)
            topic.close()
            wait_until_known(graph.node, "/odyssey")
            _frames(labels.labels, 2)  # while nobody subscribes
            units = list(topic.units)
            assert units[0].is_key_frame, (number, kind)
            wait_until(lambda: units[-1].stamp in labels.labels)  # noqa: B023 -- called at once
            for unit, _, marker in decoded(units):
                check_label(labels.labels[unit.stamp], marker)


def test_a_second_subscriber_gets_a_key_frame_too(domain_id, tmp_path):
    """Its first messages may be those that the other subscriber needs."""
    with LiveGraph(domain_id, tmp_path, "--key-frame-interval", "0", "--no-recordings") as graph:
        first = EncodedTopic(graph.observer, IMAGE, "ffmpeg")
        graph.start_stream("a fox")
        _frames(first.units, 5)
        second = EncodedTopic(graph.observer, IMAGE, "ffmpeg")
        wait_until(lambda: any(unit.is_key_frame for unit in second.units), "a key frame")
        _frames(second.units, 4)
        units = list(second.units)
    begin = next(number for number, unit in enumerate(units) if unit.is_key_frame)
    assert len(list(decoded(units[begin:]))) >= 4
    units = list(first.units)
    assert check_gaps(units) == 0
    assert len(list(decoded(units))) == len(units)


def test_pictures_are_decoded_only_while_somebody_wants_them(domain_id, tmp_path):
    with LiveGraph(domain_id, tmp_path, "--key-frame-interval", "0", "--no-recordings") as graph:
        labels = FrameLabels(graph.observer, "/odyssey")
        encoded = EncodedTopic(graph.observer, IMAGE, "ffmpeg")
        graph.start_stream("a fox")
        _frames(encoded.units, 10)
        assert graph.status.frames_decoded == 0
        raws = []
        for _ in range(3):
            raw = RawTopic(graph.observer, IMAGE)
            raws.append(raw)
            _frames(raw.pictures, 5)
            raw.close()
            # The count stands still once the bridge knows that nobody is left.
            wait_until(lambda: _stands_still(graph), lambda: str(graph.status))
            _frames(encoded.units, 5)
        graph.end_stream()
        _same_length(encoded.units, labels.labels)
        status = graph.status
    assert check_gaps(encoded.units) == 0
    pictures = {unit.stamp: luma_crc(picture) for unit, picture, _ in decoded(encoded.units)}
    for raw in raws:
        assert all(picture.crc == pictures[stamp] for stamp, picture in raw.pictures.items())
    assert sum(len(raw.pictures) for raw in raws) <= status.frames_decoded < status.frames_received
    assert status.frames_passed_through >= len(encoded.units) - status.frames_received / 2


def _stands_still(graph):
    before = graph.status
    wait_until(lambda: graph.status.frames_received >= before.frames_received + 10)
    return graph.status.frames_decoded == before.frames_decoded


LOST_FOR_GOOD = [
    {"frames": "delta"},
    {"frames": "any", "packets": "first"},
    {"frames": "any", "packets": "middle"},
    {"frames": "any", "packets": "last"},
    {"frames": "any", "count": 3},
]


def test_after_a_lost_frame_nothing_is_published_until_a_key_frame(domain_id, tmp_path):
    """Each published access unit decodes without an error, and shows what its label says."""
    # With many packets a frame, the receiver soon knows that a packet is lost.
    options = ("--key-frame-interval", "0", "--no-recordings", "--bitrate", "10000000")
    with LiveGraph(domain_id, tmp_path, *options) as graph:
        labels = FrameLabels(graph.observer, "/odyssey")
        topic = EncodedTopic(graph.observer, IMAGE, "ffmpeg")
        graph.wait_for_publishers(f"{IMAGE}/ffmpeg", "/odyssey/frame_info")
        graph.start_stream("a fox")
        _frames(topic.units, 5)
        for fault in LOST_FOR_GOOD:
            gaps = check_gaps(topic.units)
            graph.inject("frame_loss", **fault)
            wait_until(lambda: check_gaps(topic.units) > gaps, lambda: f"{fault}: {graph.status}")  # noqa: B023
            _frames(topic.units, 5)
        graph.end_stream()
        _same_length(topic.units, labels.labels)
        status = graph.status
    for unit, _, marker in decoded(topic.units):
        check_label(labels.labels[unit.stamp], marker)
    # One key frame is enough for the frames of the last fault.
    assert len(LOST_FOR_GOOD) <= check_gaps(topic.units) <= len(LOST_FOR_GOOD) + 2
    assert status.reconnects == 0


def test_retransmissions_repair_lost_packets(domain_id, tmp_path):
    with LiveGraph(domain_id, tmp_path, "--key-frame-interval", "0", "--no-recordings") as graph:
        labels = FrameLabels(graph.observer, "/odyssey")
        topic = EncodedTopic(graph.observer, IMAGE, "ffmpeg")
        graph.wait_for_publishers(f"{IMAGE}/ffmpeg", "/odyssey/frame_info")
        graph.start_stream("a fox")
        _frames(topic.units, 5)
        graph.inject("packet_loss", fraction=0.05)
        _frames(topic.units, 60)
        graph.clear_faults()
        _frames(topic.units, 5)
        graph.end_stream()
        _same_length(topic.units, labels.labels)
    # A packet whose retransmission is lost too leaves a gap.
    assert check_gaps(topic.units) <= 1
    for unit, _, marker in decoded(topic.units):
        check_label(labels.labels[unit.stamp], marker)


def test_the_spectator_publishes_the_same_access_units(domain_id, tmp_path):
    with LiveGraph(domain_id, tmp_path, "--no-recordings") as graph:
        encoded = EncodedTopic(graph.observer, IMAGE, "ffmpeg")
        graph.start_stream("a fox", broadcast=True)
        answer = wait_until(
            lambda: (got := graph.observer.call(GetBroadcast, "/odyssey/get_broadcast")).success and got,
            "the broadcast",
        ).broadcast
        token = tmp_path / "token"
        token.write_text(answer.spectator_token)
        token.chmod(0o600)
        parameters = {"webrtc_url": answer.webrtc_url, "spectator_token_file": str(token)}
        graph.processes.start_node("spectator", "spectator", **parameters)
        topics = [
            EncodedTopic(graph.observer, "/spectator/image_raw", kind) for kind in ("ffmpeg", "foxglove")
        ]
        labels = FrameLabels(graph.observer, "/spectator")
        for topic in topics:
            _frames(topic.units, 20)
        graph.end_stream()
    own = {marker.counter for _, _, marker in decoded(encoded.units)}
    for topic in topics:
        units = list(topic.units)
        counters = [marker.counter for _, _, marker in decoded(units)]
        assert counters == list(range(counters[0], counters[0] + len(units)))
        assert set(counters[:20]) <= own
        known = [unit for unit in units if unit.stamp in labels.labels]
        assert len(known) > len(units) / 2
        for unit in known:
            assert unit.frame_id == labels.labels[unit.stamp].header.frame_id


@pytest.mark.parametrize("missing", ["foxglove_msgs", "foxglove_msgs,ffmpeg_image_transport_msgs"])
def test_a_topic_whose_message_package_is_missing_is_not_offered(domain_id, tmp_path, missing):
    launcher = [sys.executable, str(Path(without_packages.__file__)), missing]
    with LiveGraph(domain_id, tmp_path, "--no-recordings", launcher=launcher) as graph:
        raw = RawTopic(graph.observer, IMAGE)
        others = ["ffmpeg"] if missing == "foxglove_msgs" else []
        topics = [EncodedTopic(graph.observer, IMAGE, kind) for kind in others]
        graph.start_stream("a fox")
        _frames(raw.pictures, 5)
        for topic in topics:
            _frames(topic.units, 5)
            assert len(list(decoded(list(topic.units)))) >= 5
        names = {name for name, _ in graph.node.get_topic_names_and_types()}
        assert {f"{IMAGE}/ffmpeg", f"{IMAGE}/foxglove"} & names == {f"{IMAGE}/{kind}" for kind in others}
    log = (tmp_path / "odyssey.log").read_text()
    (line,) = [line for line in log.splitlines() if "not offered" in line]
    for package in ("foxglove-msgs", "ffmpeg-image-transport-msgs"):
        assert (f"{package})" in line) == (package.replace("-", "_") in missing), line
