"""The received track: its media sources, and the labels of its frames."""

from __future__ import annotations

import asyncio
import struct
import threading
from fractions import Fraction

import av
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.codecs.h264 import H264Encoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.rtp import RtpPacket

from hostile_streamer import encoded_pictures
from odyssey_ros.client import ErrorCode
from odyssey_ros.client.callbacks import CallbackObserver
from odyssey_ros.client.frames import FramePipeline
from odyssey_ros.client.receiver_tap import receive_nothing
from odyssey_ros.client.video_receiver import GIVE_UP_NS, MAX_MEDIA_SOURCES, VideoReceiver
from odyssey_ros.emulator.media.encoding import VideoEncoder
from odyssey_ros.emulator.scene.marker import read_marker
from odyssey_ros.emulator.scene.scenes import make_scene


def frame_at(pts):
    frame = av.VideoFrame(16, 16, "yuv420p")
    frame.pts, frame.time_base = pts, Fraction(1, 90_000)
    return frame


async def test_a_sender_that_changes_its_media_source_uses_little_state(
    service, client, recorder, eventually, caplog
):
    await client.connect(**recorder.callbacks())
    streamer = await service.streamer()
    (sender,) = streamer.peer.getSenders()
    transport = sender.transport
    send = transport._send_rtp
    sources = set()

    async def with_another_source(data):
        if data[1] & 0x7F < 64 or data[1] & 0x7F > 95:  # not RTCP (RFC 5761, 4)
            data = data[:8] + (len(sources) + 1).to_bytes(4, "big") + data[12:]
            sources.add(len(sources))
        await send(data)

    transport._send_rtp = with_another_source
    await eventually(lambda: len(sources) > 10 * MAX_MEDIA_SOURCES)
    transport._send_rtp = send
    assert caplog.text.count("Ignoring further media sources") == 1


async def received(pipeline):
    """Return a receiver with a real track, and a function that lets a packet arrive."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    receiver = connection.addTransceiver("video", direction="recvonly").receiver
    receiver._track = RemoteStreamTrack(kind="video")
    video = VideoReceiver(receiver, pipeline, lambda _error: None)

    async def arrive(timestamp, ssrc=1):
        packet = RtpPacket(payload_type=96, sequence_number=0, timestamp=timestamp, ssrc=ssrc)
        await receiver._handle_rtp_packet(packet, arrival_time_ms=0)

    return connection, receiver, video, arrive


class Sent:
    """Encodes frames and lets their packets arrive at a receiver, as from a network."""

    def __init__(self, receiver, pipeline):
        self.pipeline, self.labels = pipeline, pipeline.labels
        self.encoded = []
        self._receiver = receiver
        self._codec = RTCRtpCodecParameters(mimeType="video/H264", clockRate=90_000, payloadType=96)
        receiver._RTCRtpReceiver__codecs = {96: self._codec}
        self._encoder = VideoEncoder("h264", 20, 1_000_000)
        self._packer = H264Encoder()
        self._loop, self._decoded = asyncio.get_running_loop(), asyncio.Queue()
        receiver._RTCRtpReceiver__decoder_thread = threading.Thread(
            target=receiver._RTCRtpReceiver__decoder_queue.decode, args=(self._loop, self._decoded)
        )
        receiver._RTCRtpReceiver__decoder_thread.start()
        self.sequence_number = 65_530

    def packets(self, time, *, keyframe=False):
        """Return the packets of a frame with a media time."""
        picture = make_scene("x", 704, 288).render(0, time)
        encoded = self._encoder.encode(picture, time, keyframe=keyframe)
        packet = av.Packet(encoded.data)
        packet.pts, packet.time_base = time, Fraction(1, 90_000)
        payloads, _ = self._packer.pack(packet)
        found = []
        for payload in payloads:
            sequence_number = self.sequence_number % 65536
            self.sequence_number += 1
            found.append(
                RtpPacket(
                    payload_type=96,
                    sequence_number=sequence_number,
                    timestamp=time % 2**32,
                    ssrc=1,
                    payload=payload,
                )
            )
        return found

    async def arrive(self, packets):
        """Let packets arrive."""
        for packet in packets:
            await self._receiver._handle_rtp_packet(packet, arrival_time_ms=0)

    async def decoded(self, video):
        """Return the next decoded frame."""
        video.track._queue.put_nowait(await asyncio.wait_for(self._decoded.get(), 60))
        return await video.recv()

    async def markers(self, video, count):
        """Return the counters of the next decoded frames."""
        pictures = [(await self.decoded(video)).frame.to_ndarray(format="gray") for _ in range(count)]
        return [read_marker(picture).counter for picture in pictures]

    def end(self):
        """End the decoder thread."""
        self._receiver._RTCRtpReceiver__decoder_queue.put(None)
        self._receiver._RTCRtpReceiver__decoder_thread.join()


@pytest.fixture
def small_packets(monkeypatch):
    """Make packets so small that frames have several, and few enough for the buffer of aiortc 1.15 (128)."""
    monkeypatch.setattr("aiortc.codecs.h264.PACKET_MAX", 300)


class Clock:
    now_ns = 0

    def __call__(self):
        return self.now_ns


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def sent(clock):
    encoded = []
    pipeline = FramePipeline(CallbackObserver({}, on_encoded_frame=encoded.append), monotonic_ns=clock)
    pipeline.labels.start_stream("s", "a")
    connection, receiver, video, _arrive = await received(pipeline)
    one = Sent(receiver, pipeline)
    one.encoded = encoded
    yield one, video
    one.end()
    await connection.close()


async def test_a_decoded_frame_has_the_label_of_its_packets_and_unwrapped_time(sent):
    one, video = sent
    first = 2**32 - 6000
    for number in range(5):
        if number == 3:
            one.labels.set_prompt("b")
        await one.arrive(one.packets(first + 4500 * number, keyframe=number == 0))
    one.labels.set_prompt("c")  # before anything is taken from the decoder
    found = [await one.decoded(video) for _ in range(4)]
    assert [frame.arrival.frame.label.prompt for frame in found] == ["a", "a", "a", "b"]
    assert [frame.frame.pts for frame in found] == [0, 4500, 9000, 13_500]
    assert [frame.arrival.frame.index for frame in found] == [0, 1, 2, 3]


async def test_a_packet_that_is_sent_again_keeps_the_label_of_its_frame(sent):
    one, video = sent
    frames = [one.packets(4500 * number, keyframe=number == 0) for number in range(4)]
    await one.arrive(frames[0])
    await one.arrive(frames[2])
    one.labels.set_prompt("b")
    await one.arrive(frames[1])
    await one.arrive(frames[3])
    found = [await one.decoded(video) for _ in range(3)]
    assert [frame.arrival.frame.label.prompt for frame in found] == ["a", "a", "a"]
    assert [read_marker(frame.frame.to_ndarray(format="gray")).counter for frame in found] == [0, 4500, 9000]


async def test_frames_after_a_lost_one_are_withheld_until_a_key_frame(sent):
    """A decoder would show parts of older pictures in them."""
    one, video = sent
    for number in range(9):
        packets = one.packets(4500 * number, keyframe=number in (0, 7))
        if number == 3:
            # The receiver gives up waiting when far newer packets arrive.
            one.sequence_number += 1200
        await one.arrive(packets if number != 2 else [])
    found = [await one.decoded(video) for _ in range(2)]
    counters = [read_marker(frame.frame.to_ndarray(format="gray")).counter // 4500 for frame in found]
    assert counters == [0, 7]  # aiortc drops frame 1 too, because the packet after it is missing
    assert [frame.arrival.frame.index for frame in found] == [0, 6]
    pipeline = one.pipeline
    assert [frame.index for frame in one.encoded] == [0, 6]
    assert (pipeline.received, pipeline.lost, pipeline.passed, pipeline.withheld) == (5, 2, 2, 3)
    assert [frame.number for frame in one.encoded] == [frame.arrival.number for frame in found] == [0, 6]
    assert video.skipped == 0


@pytest.mark.parametrize("lost_frame", [2, 4])
@pytest.mark.parametrize("lost", ["first", "middle", "last", "all"])
async def test_a_frame_that_misses_a_packet_is_given_up(small_packets, sent, clock, lost_frame, lost):
    """Frame 4 is a key frame. aiortc alone would wait until its buffer is full."""
    one, video = sent
    for number in range(10):
        packets = one.packets(4500 * number, keyframe=number in (0, 4, 8))
        if number == lost_frame:
            assert len(packets) > 2
            missing = {"first": packets[:1], "middle": packets[1:2], "last": packets[-1:], "all": packets}[
                lost
            ]
            packets = [packet for packet in packets if packet not in missing]
        if number == lost_frame + 2:
            passed = len(one.encoded)
            assert video._requests.delay_s() is None
            clock.now_ns += GIVE_UP_NS + 1
        await one.arrive(packets)
        if number == lost_frame + 2:
            assert len(one.encoded) == passed
            assert video._requests.delay_s() is not None  # requested at once
    counters = [number // 4500 for number in (await one.markers(video, len(one.encoded)))]
    assert counters == [frame.media_time_ns // 50_000_000 for frame in one.encoded]
    before = lost_frame if lost in ("middle", "last") else lost_frame - 1
    assert counters == [*range(before), *range(4 if lost_frame == 2 else 8, 9)]
    assert one.pipeline.received == one.pipeline.passed + one.pipeline.withheld
    assert video.skipped == 0


async def test_a_late_packet_of_a_frame_that_was_given_up_changes_nothing(small_packets, sent, clock):
    one, video = sent
    frames = [one.packets(4500 * number, keyframe=number in (0, 3, 6, 8)) for number in range(12)]
    late = frames[1][1]
    for number, packets in enumerate(frames):
        if number == 3:
            clock.now_ns += GIVE_UP_NS + 1
        await one.arrive([packet for packet in packets if packet is not late])
        if number == 9:
            assert (
                packets[0].sequence_number - late.sequence_number
            ) % 65536 > 100  # aiortc takes it for a restart
            await one.arrive([late])
    expected = [0, *range(3, 11)]
    assert [frame.index for frame in one.encoded] == expected
    assert [frame.media_time_ns // 50_000_000 for frame in one.encoded] == expected
    assert [number // 4500 for number in await one.markers(video, len(expected))] == expected
    assert (one.pipeline.lost, one.pipeline.withheld) == (1, 1)


async def test_the_decoder_may_lag_and_skip(sent, monkeypatch):
    _one, video = sent
    for number in range(3000):
        video.unit_completed("vp8", b"\x10\x02\x00\x9d\x01\x2a" + struct.pack("<HH", 64, 48), number)
    assert len(video._numbered) <= 1024
    frame = frame_at(None)
    assert video._arrival_of(frame) is None
    frame.pts = 2999
    assert video._arrival_of(frame).frame.media_ticks == 2999
    assert video._arrival_of(frame) is None


async def test_a_picture_above_the_maximum_ends_the_connection_also_without_decoding():
    pipeline, failures = FramePipeline(CallbackObserver({})), []
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    receiver = connection.addTransceiver("video", direction="recvonly").receiver
    receiver._track = RemoteStreamTrack(kind="video")
    video = VideoReceiver(receiver, pipeline, failures.append, decoding=False)
    for number in range(3):
        header = b"\x10\x02\x00\x9d\x01\x2a" if number == 0 else b"\x11"
        video.unit_completed("vp8", header + struct.pack("<HH", 16383, 16383), number)
    assert [failure.code for failure in failures] == [ErrorCode.VIDEO_UNSUPPORTED]
    assert (pipeline.received, pipeline.withheld) == (3, 3)
    await connection.close()


async def test_parameter_sets_alone_and_empty_units_are_no_frames(sent):
    one, video = sent
    units = encoded_pictures(64, 48, "libx264")
    sets, picture = units[0][: units[0].index(b"\0\0\1\x65")], units[0][units[0].index(b"\0\0\1\x65") :]
    sets = sets[: sets.index(b"\0\0\1\x06")] if b"\0\0\1\x06" in sets else sets
    for number, data in enumerate([b"", sets, picture, b"", units[1], sets, units[2]]):
        video.packet_arrived(number, 4500 * number, 1)
        video.unit_completed("h264", data, 4500 * number)
    assert [frame.index for frame in one.encoded] == [frame.number for frame in one.encoded] == [0, 1, 2]
    assert [frame.media_time_ns // 50_000_000 for frame in one.encoded] == [0, 2, 4]
    assert one.encoded[0].data.endswith(picture)
    assert (one.encoded[2].width, one.encoded[2].height) == (64, 48)
    assert one.pipeline.withheld == one.pipeline.lost == 0


async def test_only_some_media_sources_reach_the_receiver():
    connection, receiver, _video, arrive = await received(FramePipeline(CallbackObserver({})))
    table = receiver.transport._rtp_router.ssrc_table
    for ssrc in range(1000):
        table[ssrc] = receiver  # as the router does before the packet arrives
        await arrive(1000, ssrc)
    assert len(table) == MAX_MEDIA_SOURCES
    assert len(receiver.getSynchronizationSources()) == MAX_MEDIA_SOURCES
    await connection.close()


async def test_the_end_of_the_track_drops_what_waits():
    connection, receiver, video, _arrive = await received(FramePipeline(CallbackObserver({})))
    queue = receiver._RTCRtpReceiver__decoder_queue
    codec = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000, payloadType=97)
    frame = JitterFrame(data=b"\x10\x02\x00\x9d\x01\x2a" + struct.pack("<HH", 64, 48), timestamp=0)
    queue.put((codec, frame))
    queue.put(None)
    queue.put((codec, frame))
    frames = asyncio.Queue()
    queue.decode(asyncio.get_running_loop(), frames)  # returns at once
    assert await frames.get() is None
    assert video.skipped == 0
    await connection.close()


async def test_a_receiver_of_nothing_starts_no_thread():
    connection, receiver, _video, _arrive = await received(FramePipeline(CallbackObserver({})))
    receive_nothing(receiver)
    await receiver.receive(None)
    assert not [thread for thread in threading.enumerate() if "decoder" in thread.name]
    await connection.close()
