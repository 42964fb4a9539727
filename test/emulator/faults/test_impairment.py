"""Packets that are lost and late, over a transport that records them."""

from __future__ import annotations

import asyncio
import random

import pytest

from odyssey_ros.emulator.faults import PacketDelay, PacketLoss
from odyssey_ros.emulator.faults.impairment import Impairment
from waiting import eventually

RTCP = bytes([0x80, 200, 0, 0])


def rtp(number):
    return bytes([0x80, 96, 0, number])


class Transport:
    """A transport that records what is sent, or fails."""

    def __init__(self, error=None):
        self.sent = []
        self.error = error

    async def _send_rtp(self, packet):
        if self.error is not None:
            raise self.error
        self.sent.append(packet)


class Sleep:
    """Records durations and returns when the test releases it."""

    def __init__(self):
        self.durations = []
        self.released = asyncio.Event()

    async def __call__(self, seconds):
        self.durations.append(seconds)
        await self.released.wait()


def impair(transport, *, loss=None, delay=None, sleep=asyncio.sleep):
    return Impairment(transport, loss=lambda: loss, delay=lambda: delay, rng=random.Random(7), sleep=sleep)


async def test_without_faults_every_packet_is_sent():
    transport = Transport()
    impairment = impair(transport)
    await transport._send_rtp(rtp(1))
    assert (transport.sent, impairment.packets_lost) == ([rtp(1)], 0)


async def test_a_share_of_the_packets_is_lost():
    transport = Transport()
    impairment = impair(transport, loss=PacketLoss(fraction=0.3))
    for _ in range(1000):
        await transport._send_rtp(rtp(1))
    assert len(transport.sent) + impairment.packets_lost == 1000
    assert 250 < impairment.packets_lost < 350


async def test_feedback_is_neither_lost_nor_late():
    transport = Transport()
    impairment = impair(transport, loss=PacketLoss(fraction=1), delay=PacketDelay(delay_seconds=9))
    for packet in (RTCP, rtp(1), rtp(2), RTCP):
        await transport._send_rtp(packet)
    assert (transport.sent, impairment.packets_lost) == ([RTCP, RTCP], 2)


async def test_packets_are_late_by_delay_and_jitter():
    transport, sleep = Transport(), Sleep()
    impair(transport, delay=PacketDelay(delay_seconds=2, jitter_seconds=0.5), sleep=sleep)
    for number in range(20):
        await transport._send_rtp(rtp(number))
    await eventually(lambda: len(sleep.durations) == 20)
    assert transport.sent == []
    assert all(2 <= duration <= 2.5 for duration in sleep.durations)
    assert len(set(sleep.durations)) > 1
    sleep.released.set()
    await eventually(lambda: len(transport.sent) == 20)


async def test_closing_discards_delayed_packets():
    transport, sleep = Transport(), Sleep()
    impairment = impair(transport, delay=PacketDelay(), sleep=sleep)
    await transport._send_rtp(rtp(1))
    await eventually(lambda: sleep.durations)
    impairment.close()
    sleep.released.set()
    await eventually(lambda: not impairment._delayed)
    assert transport.sent == []


@pytest.mark.parametrize("error", [ConnectionError(), ConnectionResetError()])
async def test_a_late_packet_of_a_closed_transport_is_no_error(error):
    transport, sleep = Transport(error), Sleep()
    impairment = impair(transport, delay=PacketDelay(), sleep=sleep)
    await transport._send_rtp(rtp(1))
    sleep.released.set()
    await eventually(lambda: not impairment._delayed)
