"""The received track: its media sources, and the labels of its frames."""

from __future__ import annotations

import threading
from fractions import Fraction

import av
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.rtp import RtpPacket

from odyssey_ros.client.video_receiver import MAX_MEDIA_SOURCES, VideoReceiver, receive_nothing


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


async def received(labels):
    """Return a receiver with a real track, and a function that lets a packet arrive."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    receiver = connection.addTransceiver("video", direction="recvonly").receiver
    receiver._track = RemoteStreamTrack(kind="video")
    video = VideoReceiver(receiver, lambda: labels[-1], lambda _error: None)

    async def arrive(timestamp, ssrc=1):
        packet = RtpPacket(payload_type=96, sequence_number=0, timestamp=timestamp, ssrc=ssrc)
        await receiver._handle_rtp_packet(packet, arrival_time_ms=0)

    return connection, receiver, video, arrive


async def test_a_label_is_that_of_the_first_packet():
    labels = ["a"]
    connection, _receiver, video, arrive = await received(labels)
    await arrive(0)
    assert video.map(0) == 0
    await arrive(1000)
    labels.append("b")
    await arrive(1000)  # a further packet of the same frame
    await arrive(4000)
    pts = [video.map(1000), video.map(4000)]
    labels.append("c")
    await arrive(1000)  # a retransmission
    await arrive(7000)
    pts.append(video.map(7000))
    assert pts == [1000, 4000, 7000]
    assert [video.label_of(frame_at(time)) for time in pts] == ["a", "b", "c"]
    assert video.label_of(frame_at(99)) == "c"
    await connection.close()


async def test_the_first_frame_of_a_track_has_the_label_of_its_end():
    """The message that starts a stream and the first packet may arrive in either order."""
    labels = ["none"]
    connection, _receiver, video, arrive = await received(labels)
    await arrive(1000)
    labels.append("started")
    await arrive(4000)
    assert video.label_of(frame_at(video.map(1000))) == "started"
    await connection.close()


async def test_labels_of_skipped_frames_are_forgotten_and_time_wraps():
    labels = ["a"]
    connection, _receiver, video, arrive = await received(labels)
    for number in range(5000):
        labels[-1] = str(number)
        timestamp = (2**32 - 10_000 + 3000 * number) % 2**32
        await arrive(timestamp)
        pts = video.map(timestamp)
        assert pts == 3000 * number
    assert len(video._labels) <= 1024
    assert len(video._arriving) <= 1024
    assert video.label_of(frame_at(pts - 3000)) == "4998"
    assert list(video._labels.values()) == ["4999"]
    await connection.close()


async def test_only_some_media_sources_reach_the_receiver():
    connection, receiver, _video, arrive = await received(["a"])
    table = receiver.transport._rtp_router.ssrc_table
    for ssrc in range(1000):
        table[ssrc] = receiver  # as the router does before the packet arrives
        await arrive(1000, ssrc)
    assert len(table) == MAX_MEDIA_SOURCES
    assert len(receiver.getSynchronizationSources()) == MAX_MEDIA_SOURCES
    await connection.close()


async def test_the_end_of_the_track_drops_what_waits():
    connection, _receiver, video, _arrive = await received(["a"])
    codec = type("Codec", (), {"name": "H264"})()
    frame = JitterFrame(data=b"\0\0\0\1\x41", timestamp=0)
    video.put((codec, frame))
    video.put(None)
    video.put((codec, frame))
    assert video.skipped == 0
    await connection.close()


async def test_a_receiver_of_nothing_starts_no_thread():
    connection, receiver, _video, _arrive = await received(["a"])
    receive_nothing(receiver)
    await receiver.receive(None)
    assert not [thread for thread in threading.enumerate() if "decoder" in thread.name]
    await connection.close()
