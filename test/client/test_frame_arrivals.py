"""Which stream, prompt, number and time a frame has, however its packets arrive."""

from __future__ import annotations

import random

import pytest

from odyssey_ros.client.frame_arrivals import FrameArrivals
from odyssey_ros.client.frame_labels import LabelHistory

STEP = 4500
"""The frame period in ticks: 20 Hz."""


class Track:
    """A track whose packets arrive one after another, one each millisecond."""

    def __init__(self, start=True):
        self.now_ns = 0
        self.labels = LabelHistory(monotonic_ns=lambda: self.now_ns)
        self.arrivals = FrameArrivals(self.labels)
        if start:
            self.labels.start_stream("s", "a")

    def packet(self, sequence_number, frame, first=0):
        """Let a packet of frame number `frame` arrive."""
        self.now_ns += 1_000_000
        self.arrivals.packet(sequence_number % 65536, (first + frame * STEP) % 2**32)

    def complete(self, frame, first=0, key=False):
        """Return the arrival of frame number `frame`, which is complete."""
        return self.arrivals.complete((first + frame * STEP) % 2**32, is_key_frame=key)


def test_a_label_is_that_of_the_first_packet():
    track = Track()
    for number in range(3):
        track.packet(number, 0)
    track.packet(3, 1)
    track.labels.set_prompt("b")
    track.packet(4, 1)
    track.packet(5, 2)
    found = [track.complete(frame) for frame in range(3)]
    assert [arrival.label.prompt for arrival in found] == ["a", "a", "b"]
    assert [arrival.index for arrival in found] == [0, 1, 2]
    assert [arrival.media_ticks for arrival in found] == [0, STEP, 2 * STEP]
    assert not any(arrival.follows_loss for arrival in found)


def test_a_late_duplicate_leaves_nothing_behind():
    track = Track()
    track.packet(0, 0)
    track.packet(1, 1)
    track.complete(0)
    track.complete(1)
    for duplicate in (0, 1, 1):
        track.packet(duplicate, duplicate)
    assert not track.arrivals._arriving
    track.labels.set_prompt("b")
    track.packet(2, 2)
    assert (track.complete(2).label.prompt, track.arrivals._index) == ("b", 3)


@pytest.mark.parametrize(("acknowledged_after", "prompt"), [(2, "b"), (6, "a")])
def test_a_frame_that_was_sent_again_has_the_label_between_its_neighbours(acknowledged_after, prompt):
    """Frame 1 is lost and arrives at last, after the acknowledgement; frames 0 and 2 arrive in order."""
    track = Track()
    track.packet(0, 0)
    for wait in range(8):
        if wait == acknowledged_after:
            track.labels.set_prompt("b")
        track.now_ns += 1_000_000
    track.packet(2, 2)
    track.packet(1, 1)
    assert [track.complete(frame).label.prompt for frame in range(3)] == ["a", prompt, "b"]


def test_a_late_frame_between_frames_of_one_prompt_has_this_prompt():
    track = Track()
    for number in (0, 2):
        track.packet(number, number)
    track.labels.set_prompt("b")
    track.packet(1, 1)  # sent again; it was sent before the frame that has arrived
    track.packet(3, 3)
    assert [track.complete(frame).label.prompt for frame in range(4)] == ["a", "a", "a", "b"]


def test_the_first_frame_of_a_track_may_arrive_after_the_second():
    track = Track()
    track.packet(1, 1)
    track.labels.set_prompt("b")
    track.packet(0, 0)
    assert [track.complete(frame).label.prompt for frame in range(2)] == ["a", "a"]


def test_frames_that_are_lost_after_some_packets_are_counted():
    track = Track()
    for sequence_number, frame in ((0, 0), (1, 1), (3, 2), (4, 3)):  # packet 2 never arrives
        track.packet(sequence_number, frame)
    assert track.complete(0).index == 0
    after = track.complete(2)  # frame 1 is incomplete
    assert (after.index, after.stream_ticks, after.follows_loss) == (2, 2 * STEP, True)
    last = track.complete(3)
    assert (last.index, last.follows_loss) == (3, False)


def test_the_time_of_a_stream_begins_with_its_first_frame_though_this_frame_is_lost():
    track = Track()
    track.packet(0, 0)
    track.packet(2, 1)
    track.packet(3, 2)
    arrival = track.complete(2)
    assert (arrival.index, arrival.media_ticks, arrival.stream_ticks) == (2, 0, 2 * STEP)


def test_the_first_frame_may_arrive_before_the_message_of_its_stream():
    track = Track(start=False)
    track.packet(0, 0)
    track.labels.start_stream("s", "a")
    track.labels.set_prompt("b")
    track.packet(1, 1)
    found = [track.complete(frame, key=frame == 0) for frame in range(2)]
    assert [arrival.label.stream_id for arrival in found] == ["s", "s"]
    assert [arrival.label.prompt for arrival in found] == ["a", "b"]
    assert [(arrival.index, arrival.stream_ticks) for arrival in found] == [(0, 0), (1, STEP)]


def test_frames_that_are_sent_before_a_stream_starts_do_not_belong_to_it():
    track = Track(start=False)
    for frame in range(5):
        track.packet(frame, frame)
    found = [track.complete(frame, key=frame == 0) for frame in range(4)]
    track.labels.start_stream("s", "a")
    track.packet(5, 5)
    found += [track.complete(frame) for frame in (4, 5)]
    assert [arrival.label.stream_id for arrival in found] == [None] * 5 + ["s"]
    assert [arrival.index for arrival in found] == [0, 1, 2, 3, 4, 0]
    assert found[-1].stream_ticks == 0


def test_a_frame_that_arrives_after_the_end_of_its_stream_does_not_begin_the_next_one():
    track = Track()
    track.packet(0, 0)
    track.complete(0)
    track.labels.end_stream()
    track.packet(1, 1)  # late
    track.labels.start_stream("t", "c")
    track.packet(2, 50)
    late, first = track.complete(1, key=False), track.complete(50, key=True)
    assert (late.label.stream_id, late.label.prompt) == (None, None)
    assert (first.label.stream_id, first.index, first.stream_ticks) == ("t", 0, 0)


def test_each_stream_of_a_track_begins_at_0():
    track, found = Track(start=False), []
    frames = [100 * stream + frame for stream in range(3) for frame in range(4)]
    for sequence_number, frame in enumerate(frames):
        track.packet(sequence_number, frame)
        if sequence_number:  # a frame is complete when the next one begins
            before = frames[sequence_number - 1]
            found.append(track.complete(before, key=before % 100 == 0))
        if frame % 100 == 0:
            track.labels.start_stream(str(frame // 100), "a")
        if frame % 100 == 3:
            track.labels.end_stream()
    assert [arrival.label.stream_id for arrival in found] == ["0"] * 4 + ["1"] * 4 + ["2"] * 3
    assert [arrival.index for arrival in found] == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2]
    assert [arrival.stream_ticks // STEP for arrival in found] == [arrival.index for arrival in found]


def test_sequence_numbers_and_times_wrap():
    track = Track()
    first = 2**32 - 10 * STEP
    for frame in range(70_000):
        track.packet(65_000 + frame, frame, first)
        arrival = track.complete(frame, first)
        assert (arrival.index, arrival.media_ticks, arrival.follows_loss) == (frame, frame * STEP, False)
    assert not track.arrivals._arriving


def test_media_time_may_jump_back_and_repeat():
    track = Track()
    times = [0, 1, 2, 1, 2, 3]
    for number, frame in enumerate(times):
        track.packet(number, frame)
        if number == 3:
            track.labels.set_prompt("b")
    found = [track.complete(frame) for frame in times]
    assert [arrival.label.prompt for arrival in found] == ["a"] * 4 + ["b"] * 2
    assert [arrival.index for arrival in found] == list(range(6))
    assert [arrival.media_ticks for arrival in found] == [frame * STEP for frame in times]


def test_a_sender_that_restarts_is_followed():
    track = Track()
    track.packet(5000, 0)
    track.complete(0)
    track.labels.set_prompt("b")
    track.packet(100, 1)
    track.packet(101, 2)
    assert [track.complete(frame).label.prompt for frame in (1, 2)] == ["b", "b"]
    assert track.complete(77).label.prompt == "b"  # a frame of which no packet was noted


def test_packets_that_never_become_frames_are_forgotten():
    track = Track()
    for number in range(0, 20_000, 2):
        track.packet(number, number)
    assert len(track.arrivals._arriving) <= 1024
    assert track.complete(number).index == 9999


def test_a_packet_inside_of_another_frame_is_ignored():
    track = Track()
    for sequence_number, frame in ((0, 0), (2, 0), (3, 1), (1, 9)):
        track.packet(sequence_number, frame)
    assert track.complete(0).index == 0
    assert track.complete(1).index == 1


@pytest.mark.parametrize("seed", range(20))
def test_packets_in_any_order_give_the_labels_of_the_order_in_which_they_were_sent(seed):
    """Packets are delayed by up to five frames, and acknowledgements not at all."""
    rng, track = random.Random(seed), Track()
    sent = [(frame, frame * 3 + part) for frame in range(60) for part in range(3)]
    due = sorted(sent, key=lambda packet: packet[0] + rng.random() * (5 if packet[0] % 7 else 0))
    arrived: dict[int, str | None] = {}
    for frame, sequence_number in due:
        if rng.random() < 0.1:
            track.labels.set_prompt(str(sequence_number))
        before = track.labels.current.prompt
        if all(known < frame for known in arrived):
            arrived[frame] = before  # in order
        else:
            arrived.setdefault(frame, None)
        track.packet(sequence_number, frame)
    found = {frame: track.complete(frame).label.prompt for frame in range(60)}
    in_order = {frame: prompt for frame, prompt in arrived.items() if prompt is not None}
    assert {frame: found[frame] for frame in in_order} == in_order
    # The prompts of late frames are between those of their neighbours.
    order = [*dict.fromkeys(prompt for prompt in found.values())]
    positions = [order.index(found[frame]) for frame in range(60)]
    assert positions == sorted(positions)


def test_lost_frames_are_counted():
    track = Track()
    for sequence_number, frame in ((0, 0), (1, 1), (3, 2), (5, 3)):  # packets 2 and 4 never arrive
        track.packet(sequence_number, frame)
    assert [track.complete(frame).follows_loss for frame in (0, 3)] == [False, True]
    assert track.arrivals.lost == 2


def test_an_access_unit_without_a_picture_is_no_frame():
    """A sender may send parameter sets in an access unit of their own, with a time of their own."""
    track = Track()
    for number in range(4):
        track.packet(number, number)
    assert track.arrivals.pass_over(0) is False
    first = track.complete(1, key=True)
    assert (first.index, first.media_ticks, first.stream_ticks, first.follows_loss) == (0, 0, 0, False)
    assert track.arrivals.pass_over((2 * STEP) % 2**32) is False
    assert (track.complete(3).index, track.arrivals.lost) == (1, 0)
    track.packet(6, 4)
    track.packet(7, 5)
    assert track.arrivals.pass_over(4 * STEP) is True
    assert track.complete(5).follows_loss is False  # the loss was reported


def test_a_frame_after_a_restart_of_the_sender_follows_a_loss():
    track = Track()
    for number in (5000, 5001):
        track.packet(number, number - 5000)
    track.complete(0)
    track.packet(100, 2)
    track.packet(101, 3)
    assert [track.complete(frame).follows_loss for frame in (2, 3)] == [True, False]
    assert track.arrivals.lost == 1
    assert track.complete(77).follows_loss is True  # a frame of which no packet was noted


def test_a_packet_with_a_number_far_ahead_costs_one_frame():
    track = Track()
    found = []
    for number in range(6):
        track.packet(3000 if number == 2 else number, number)
        if number != 2:
            found.append(track.complete(number).follows_loss)
    assert found == [False, False, True, False, False]
    assert track.arrivals.lost == 1
    assert not track.arrivals._arriving


def test_a_frame_that_misses_a_packet_blocks_those_behind_it():
    track = Track()
    assert track.arrivals.blocked_ns() == 0
    track.packet(0, 0)
    track.now_ns += 1_000_000_000
    assert track.arrivals.blocked_ns() == 0  # no later frame: the sender pauses
    track.packet(2, 1)
    track.now_ns += 1_000_000_000
    assert track.arrivals.blocked_ns() == 1_000_000_000


def test_packets_that_are_given_up_are_too_late_and_their_frames_are_counted_once():
    track = Track()
    assert track.arrivals.give_up(7) is False
    for sequence_number, frame in ((65_534, 0), (65_536, 1), (65_537, 2), (65_538, 3)):
        track.packet(sequence_number, frame)
    assert track.arrivals.give_up(65_536 % 65_536) is True
    assert track.arrivals.give_up(65_536 % 65_536) is False
    track.packet(65_535, 0)
    found = [track.complete(frame) for frame in (1, 2)]
    assert [(arrival.index, arrival.follows_loss) for arrival in found] == [(1, False), (2, False)]
    assert track.arrivals.lost == 1


def test_a_frame_after_those_that_are_given_up_follows_a_loss():
    track = Track()
    for sequence_number, frame in ((0, 0), (1, 1), (3, 1), (4, 2), (5, 3)):
        track.packet(sequence_number, frame)
    track.complete(0)
    assert track.arrivals.give_up(4) is True
    track.packet(2, 1)
    assert [track.complete(frame).follows_loss for frame in (2, 3)] == [True, False]
    assert track.arrivals.lost == 1
