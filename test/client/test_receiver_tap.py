"""The private members of aiortc on which the reception of video relies.

If a test of this file fails after an update of aiortc, compare `receiver_tap.py` with aiortc's
`rtcrtpreceiver.py` and `jitterbuffer.py`: a member that the tap uses was renamed or has other parameters.
"""

from __future__ import annotations

from importlib import metadata

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, rtcrtpreceiver
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.rtp import RtpPacket

from odyssey_ros.client import ErrorCode
from odyssey_ros.client.callbacks import CallbackObserver
from odyssey_ros.client.errors import OdysseyConfigurationError
from odyssey_ros.client.frames import FramePipeline
from odyssey_ros.client.receiver_tap import ReceiverTap, check_aiortc
from odyssey_ros.client.video_receiver import VideoReceiver

PREFIX = "_RTCRtpReceiver__"


@pytest.fixture
async def receiver():
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    receiver = connection.addTransceiver("video", direction="recvonly").receiver
    receiver._track = RemoteStreamTrack(kind="video")
    yield receiver
    await connection.close()


async def test_the_installed_aiortc_has_what_the_tap_relies_on(receiver):
    """See the text at the top of this file."""
    check_aiortc(receiver)


@pytest.mark.parametrize(
    ("owner", "name", "reported"),
    [
        ("receiver", "_handle_rtp_packet", r"RTCRtpReceiver._handle_rtp_packet is missing"),
        ("receiver", "_send_rtcp_pli", r"RTCRtpReceiver._send_rtcp_pli is missing"),
        ("receiver", PREFIX + "decoder_queue", r"RTCRtpReceiver.__decoder_queue.put is missing"),
        ("receiver", PREFIX + "jitter_buffer", r"RTCRtpReceiver.__jitter_buffer.add is missing"),
        ("receiver", PREFIX + "timestamp_mapper", r"RTCRtpReceiver.__timestamp_mapper.map is missing"),
        ("buffer", "_origin", r"RTCRtpReceiver.__jitter_buffer._origin is missing"),
        ("buffer", "_packets", r"RTCRtpReceiver.__jitter_buffer._packets is missing"),
        ("buffer", "smart_remove", r"RTCRtpReceiver.__jitter_buffer.smart_remove is missing"),
        ("receiver", PREFIX + "remote_streams", r"RTCRtpReceiver.__remote_streams is missing"),
        ("counts", "packets_lost", r"rtcrtpreceiver.StreamStatistics.packets_lost is missing"),
        ("module", "decoder_worker", r"rtcrtpreceiver.decoder_worker is missing"),
    ],
)
async def test_a_missing_member_is_named_with_the_version(receiver, monkeypatch, owner, name, reported):
    buffer = getattr(receiver, PREFIX + "jitter_buffer")
    owners = {
        "receiver": (receiver, type(receiver)),
        "buffer": (buffer, JitterBuffer),
        "counts": (rtcrtpreceiver.StreamStatistics,),
    }
    for place in owners.get(owner, (rtcrtpreceiver,)):
        if name in vars(place):
            monkeypatch.delattr(place, name)
    with pytest.raises(OdysseyConfigurationError, match=reported) as caught:
        VideoReceiver(receiver, FramePipeline(CallbackObserver({})), lambda _error: None)
    assert caught.value.code is ErrorCode.CONFIGURATION
    assert f"aiortc {metadata.version('aiortc')}: " in str(caught.value)
    assert caught.value.action


async def test_a_member_with_other_parameters_is_named(receiver, monkeypatch):
    async def handle(packet, arrived):
        pass

    monkeypatch.setattr(receiver, "_handle_rtp_packet", handle)
    with pytest.raises(
        OdysseyConfigurationError,
        match=r"_handle_rtp_packet takes \(packet, arrived\) in place of \(packet, arrival_time_ms\)",
    ):
        check_aiortc(receiver)


async def test_an_unsupported_aiortc_ends_the_connection_with_this_error(service, client, monkeypatch):
    monkeypatch.delattr(rtcrtpreceiver.RTCRtpReceiver, "_send_rtcp_pli")
    with pytest.raises(OdysseyConfigurationError, match="_send_rtcp_pli is missing"):
        await client.connect()


class User:
    """Gives up when told to, and records what it is told."""

    def __init__(self):
        self.patient, self.gave_up_before = True, []

    def packet_arrived(self, sequence_number, timestamp, ssrc):
        return True

    def gives_up(self):
        return not self.patient

    def gave_up(self, sequence_number):
        self.gave_up_before.append(sequence_number)


def _packet(sequence_number, frame):
    packet = RtpPacket(payload_type=96, sequence_number=sequence_number % 65536, timestamp=frame, ssrc=1)
    packet._data = f"{frame}.{sequence_number} ".encode()
    return packet


@pytest.mark.parametrize("first", [10, 65_534])
@pytest.mark.parametrize(
    ("missing", "delivered"),
    [
        ((), [0, 1, 2, 3, 4, 5]),
        ((3,), [2, 3, 4, 5]),  # the beginning of frame 1, or the end of frame 0
        ((4,), [0, 2, 3, 4, 5]),  # inside of frame 1
        ((5,), [0, 2, 3, 4, 5]),  # at its end
        ((3, 4, 5), [2, 3, 4, 5]),  # all of it
        ((5, 6, 7), [0, 3, 4, 5]),
        ((4, 10), [0, 2, 4, 5]),
    ],
)
async def test_a_gap_is_skipped_when_the_user_gives_up(receiver, first, missing, delivered):
    """Seven frames of three packets each. A beginning without its first packet is left to `FrameArrivals`."""
    user, frames = User(), []
    ReceiverTap(receiver, user)
    buffer = getattr(receiver, PREFIX + "jitter_buffer")
    for number in range(21):
        if number in missing:
            continue
        user.patient = number < 18
        _overflow, frame = buffer.add(_packet(first + number, number // 3))
        if frame is not None:
            frames.append(frame)
    for number in range(21, 24):
        frames += [frame for _, frame in [buffer.add(_packet(first + number, 7))] if frame is not None]
    whole = [frame.timestamp for frame in frames if len(frame.data.split()) == 3]
    assert whole[: len(delivered)] == delivered
