"""Which packets of a sender are lost, retransmissions included."""

from __future__ import annotations

import pytest
from aiortc.rtp import RtpPacket, wrap_rtx

from odyssey_ros.emulator.faults import FrameLoss
from odyssey_ros.emulator.faults.fault_registry import FaultRegistry
from odyssey_ros.emulator.faults.lost_frames import LostFrames
from odyssey_ros.emulator.faults.schedule import Schedule
from odyssey_ros.emulator.media.encoding import EncodedFrame


class Sender:
    """Sends frames as a sender of aiortc does, and notes which packets are lost."""

    def __init__(self, *faults, first_number=0):
        self.registry = FaultRegistry(lambda: 0.0)
        for fault in faults:
            self.registry.arm(*fault)
        self.frame = None
        self.number = first_number
        self.packets = []
        self.lost = LostFrames(
            lambda: self.frame, lambda matches: self.registry.take(FrameLoss, None, matches)
        )

    def send(self, packets, *, key=False):
        """Send a frame of this many packets and return the positions of the lost ones."""
        self.frame = EncodedFrame(b"", 0, key)
        lost = []
        for position in range(packets):
            packet = RtpPacket(
                payload_type=97,
                marker=int(position == packets - 1),
                sequence_number=self.number,
                ssrc=1,
                payload=b"data",
            )
            self.number = (self.number + 1) % 65536
            self.packets.append(packet)
            if self.lost.loses(packet.serialize()):
                lost.append(position)
        return lost

    def retransmit(self, number, *, on_own_stream):
        """Return whether the retransmission of a packet is lost."""
        packet = self.packets[number]
        if on_own_stream:
            packet = wrap_rtx(packet, payload_type=98, sequence_number=number + 7, ssrc=2)
        return self.lost.loses(packet.serialize())


@pytest.mark.parametrize(
    ("packets", "lost"),
    [
        ("all", [[0, 1, 2, 3], [], []]),
        ("first", [[0], [], []]),
        ("last", [[3], [], []]),
        ("middle", [[1], [], []]),
    ],
)
def test_a_whole_frame_or_one_packet_of_it_is_lost_once(packets, lost):
    sender = Sender((FrameLoss(packets=packets),))
    assert [sender.send(4) for _ in range(3)] == lost


def test_a_middle_packet_is_lost_from_a_frame_that_has_one():
    sender = Sender((FrameLoss(packets="middle"),))
    assert [sender.send(packets) for packets in (1, 2, 3)] == [[], [], [1]]


@pytest.mark.parametrize("packets", ["all", "first", "last"])
def test_a_frame_of_one_packet_is_lost(packets):
    sender = Sender((FrameLoss(packets=packets),))
    assert [sender.send(1) for _ in range(2)] == [[0], []]


def test_several_frames_are_lost():
    sender = Sender((FrameLoss(), Schedule(count=3)))
    assert [sender.send(2) for _ in range(4)] == [[0, 1], [0, 1], [0, 1], []]


@pytest.mark.parametrize(("frames", "lost"), [("key", [2, 5]), ("delta", [0, 1]), ("any", [0, 1])])
def test_key_frames_or_others_are_lost(frames, lost):
    sender = Sender((FrameLoss(frames=frames), Schedule(count=2)))
    assert [number for number in range(6) if sender.send(2, key=number % 3 == 2)] == lost


@pytest.mark.parametrize(("frames", "lost"), [("any", [2, 5, 8]), ("key", [5, 11])])
def test_every_nth_frame_of_a_kind_is_lost(frames, lost):
    every = 3 if frames == "any" else 2
    sender = Sender((FrameLoss(every=every, frames=frames), Schedule(count=0)))
    found = [number for number in range(12) if sender.send(2, key=number % 3 == 2)]
    assert found[: len(lost)] == lost


@pytest.mark.parametrize("on_own_stream", [True, False])
def test_retransmissions_of_lost_packets_are_lost_and_others_are_not(on_own_stream):
    sender = Sender((FrameLoss(packets="middle"),), first_number=0)
    sender.send(3)
    sender.send(3)
    for _ in range(2):
        lost = [sender.retransmit(number, on_own_stream=on_own_stream) for number in range(6)]
        assert lost == [False, True, False, False, False, False]


def test_numbers_that_return_after_65536_packets_are_new_packets():
    sender = Sender((FrameLoss(packets="first"),), first_number=65534)
    assert sender.send(4) == [0]
    assert [sender.send(100) for _ in range(656)] == [[]] * 656
    assert not sender.lost.loses(
        RtpPacket(payload_type=97, sequence_number=(65534 + 65600 - 1) % 65536, ssrc=1).serialize()
    )


def test_only_the_newest_lost_packets_are_remembered():
    sender = Sender((FrameLoss(), Schedule(count=0)))
    sender.send(5000)
    assert not sender.retransmit(0, on_own_stream=True)
    assert sender.retransmit(4999, on_own_stream=True)


def test_packets_without_a_frame_are_sent():
    sender = Sender((FrameLoss(),))
    assert not sender.lost.loses(RtpPacket(payload_type=97, ssrc=1).serialize())
