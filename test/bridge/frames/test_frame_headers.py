"""Each frame is stamped once, when its access unit arrives."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from rclpy.time import Time

from odyssey_ros.bridge.frames import frame_headers
from odyssey_ros.bridge.frames.frame_headers import MAX_UNDECODED, FrameHeaders

PERIOD_NS = 50_000_000


class Node:
    """A node with a clock of the test."""

    def __init__(self):
        self.now_ns, self.ros_time_is_active = 5_000_000_000, True

    def get_clock(self):
        return self

    def now(self):
        return Time(nanoseconds=self.now_ns)


def frame(number, media_time_ns=0, arrival_ns=0):
    """Return what the encoded and the decoded frame have in common."""
    return SimpleNamespace(
        number=number,
        arrival_ns=arrival_ns,
        media_time_ns=media_time_ns,
        stream_time_ns=media_time_ns - 700,
        index=number + 2,
        stream_id="s",
        prompt="a sea",
    )


@pytest.fixture
def node():
    return Node()


def test_labels_have_the_time_in_the_stream(node):
    """It is also that of a stream whose first frames were not received."""
    labels = FrameHeaders(node, "media").arrived(frame(3, 900), decoding=False).labels
    assert (labels.index, labels.media_time_ns, labels.stream_id, labels.prompt) == (5, 200, "s", "a sea")


def test_frames_are_stamped_with_simulated_time(node):
    assert FrameHeaders(node, "media").arrived(frame(0), decoding=False).stamp_ns == 5_000_000_000


def test_the_time_since_arrival_is_subtracted_from_wall_time(node, monkeypatch):
    node.ros_time_is_active = False
    monkeypatch.setattr(frame_headers.time, "monotonic_ns", lambda: 1_000)
    headers = FrameHeaders(node, "media")
    assert headers.arrived(frame(0, arrival_ns=400), decoding=False).stamp_ns == 5_000_000_000 - 600


@pytest.mark.parametrize(("source", "step_ns"), [("media", PERIOD_NS), ("arrival", 90_000_000)])
def test_the_source_of_the_stamps(node, source, step_ns):
    headers = FrameHeaders(node, "media" if source == "arrival" else "arrival")
    headers.set_source(source)
    first = headers.arrived(frame(0), decoding=False).stamp_ns
    node.now_ns += 90_000_000  # late
    assert headers.arrived(frame(1, PERIOD_NS), decoding=False).stamp_ns == first + step_ns


def test_a_picture_has_the_stamp_of_its_access_unit(node):
    """Also when it is decoded later, when pictures between were not decoded, and after another source."""
    headers = FrameHeaders(node, "media")
    arrived = []
    for number in range(4):
        node.now_ns += PERIOD_NS
        arrived.append(headers.arrived(frame(number, number * PERIOD_NS), decoding=True))
    headers.set_source("arrival")
    node.now_ns += 700_000_000
    assert headers.decoded(frame(0)) is arrived[0]
    assert headers.decoded(frame(3, 3 * PERIOD_NS)) is arrived[3]


def test_decoding_does_not_change_the_stamps(node):
    stamps = []
    for decoding in (False, True):
        node.now_ns, headers, found = 5_000_000_000, FrameHeaders(node, "media"), []
        for number in range(20):
            node.now_ns += PERIOD_NS + number % 3 * 7_000_000
            found.append(headers.arrived(frame(number, number * PERIOD_NS), decoding=decoding).stamp_ns)
            if decoding and number >= 5:
                headers.decoded(frame(number - 5))
        stamps.append(found)
    assert stamps[0] == stamps[1]


def test_a_picture_of_an_unknown_access_unit_is_stamped_when_it_comes(node):
    """Its access unit is older than those that are kept, or came while decoding was off."""
    headers = FrameHeaders(node, "media")
    arrived = [headers.arrived(frame(number), decoding=True) for number in range(MAX_UNDECODED + 1)]
    node.now_ns += PERIOD_NS
    assert headers.decoded(frame(MAX_UNDECODED)) is arrived[-1]
    assert headers.decoded(frame(1)) is arrived[1]
    assert headers.decoded(frame(0)).stamp_ns > arrived[-1].stamp_ns
