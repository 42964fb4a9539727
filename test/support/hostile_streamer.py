"""A hostile streamer, which runs as a process of its own: a real aiortc peer that sends too much.

The process writes one JSON line with its offer to its output, reads one JSON line with the answer from its
input, and sends until its input ends. Its options are those of `main`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fractions
import json
import sys
import time
from typing import TYPE_CHECKING, Any

import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TIME_BASE = fractions.Fraction(1, 90_000)


def encoded_pictures(width: int, height: int, codec: str) -> list[bytes]:
    """Return a key frame and nine further encoded frames: plain pictures, small but costly to decode."""
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base = fractions.Fraction(1, 30)
    if codec == "libx264":
        # A single slice, which a single thread decodes.
        context.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "sliced-threads=0"}
        context.thread_count = 1
    else:
        context.options = {"deadline": "realtime", "cpu-used": "8"}
    frame = av.VideoFrame(width, height, "yuv420p")
    units = []
    for plane in frame.planes:
        plane.update(bytes([100]) * plane.buffer_size)
    for number in range(10):
        frame.pts = number
        units += [bytes(packet) for packet in context.encode(frame)]
    return units + [bytes(packet) for packet in context.encode(None)]


class EncodedTrack(MediaStreamTrack):
    """Sends encoded pictures; their media time is the time at which they are sent, in whole ms.

    A prompt precedes every tenth picture: the media time of that picture in ms. A request for a key frame is
    answered at once, by starting again with the first picture.
    """

    kind = "video"

    def __init__(self, units: list[bytes], fps: float, channel: Any) -> None:
        super().__init__()
        self._units, self._fps, self._channel = units, fps, channel
        self._started: float | None = None
        self._count = 0
        self._next = 0

    def restart(self) -> None:
        self._next = 0

    async def recv(self) -> av.Packet:
        if self._started is None:
            self._started = time.monotonic()
        due = self._started + self._count / self._fps
        await asyncio.sleep(max(0.001, due - time.monotonic()))
        self._count += 1
        now_ms = int((time.monotonic() - self._started) * 1000)
        if self._count % 10 == 0 and self._channel.readyState == "open":
            self._channel.send(json.dumps({"type": "update_acknowledged", "prompt": str(now_ms)}))
            await asyncio.sleep(0)
        packet = av.Packet(self._units[self._next])
        self._next = self._next + 1 if self._next + 1 < len(self._units) else 1
        packet.pts, packet.time_base = 90 * now_ms, TIME_BASE
        return packet


async def lines_of_input() -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        yield line


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--video-tracks", type=int, default=1)
    parser.add_argument("--audio-tracks", type=int, default=0)
    parser.add_argument("--channels", type=int, default=0, help="further data channels")
    parser.add_argument("--size", default="", help="send encoded pictures of WIDTHxHEIGHT")
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--codec", default="libx264")
    parser.add_argument("--flood", action="store_true", help="send short messages without end")
    parser.add_argument("--message-bytes", type=int, default=0, help="send one message that never ends")
    options = parser.parse_args()
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.createDataChannel("clientToStreamer")
    replies = peer.createDataChannel("streamerToClient")
    for number in range(options.channels):
        peer.createDataChannel(f"further {number}")
    if options.size:
        width, height = map(int, options.size.split("x"))
        track = EncodedTrack(encoded_pictures(width, height, options.codec), options.fps, replies)
        sender = peer.addTrack(track)
        codec = "video/VP8" if options.codec == "libvpx" else "video/H264"
        capabilities = [c for c in sender_capabilities() if c.mimeType == codec]
        peer.getTransceivers()[0].setCodecPreferences(capabilities)
        sender._send_keyframe = track.restart  # as the sender does on a PLI
    else:
        for _ in range(options.video_tracks):
            peer.addTrack(VideoStreamTrack())
    for _ in range(options.audio_tracks):
        peer.addTrack(AudioStreamTrack())
    if options.message_bytes:
        replies.on("open", lambda: asyncio.ensure_future(endless_message(peer, replies, options)))
    if options.flood:
        replies.on("open", lambda: asyncio.ensure_future(flood(replies)))
    on_loopback(peer)
    await peer.setLocalDescription(await peer.createOffer())
    sys.stdout.write(json.dumps({"sdp": peer.localDescription.sdp}) + "\n")
    sys.stdout.flush()
    async for line in lines_of_input():
        with contextlib.suppress(ValueError):
            sdp = json.loads(line)["sdp"]
            await peer.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="answer"))
    await peer.close()


async def flood(channel: Any) -> None:
    """Acknowledge prompts that nobody has sent, as fast as the connection allows."""
    number = 0
    while channel.readyState == "open":
        while channel.bufferedAmount < 100_000:
            channel.send(json.dumps({"type": "update_acknowledged", "prompt": str(number)}))
            number += 1
        await asyncio.sleep(0.002)


async def endless_message(peer: RTCPeerConnection, channel: Any, options: argparse.Namespace) -> None:
    """Send fragments of a message without the last one, and without regard to any window."""
    from aiortc.rtcsctptransport import DataChunk

    transport: Any = peer.sctp
    sent = 0
    while sent < options.message_bytes and transport.state == "connected":
        chunk = DataChunk()
        chunk.flags = 2 if sent == 0 else 0  # the first fragment; none is the last
        chunk.tsn = transport._local_tsn
        transport._local_tsn = (transport._local_tsn + 1) % (1 << 32)
        chunk.stream_id, chunk.stream_seq, chunk.protocol = channel.id, 0, 51
        chunk.user_data = b"x" * 1000
        await transport._send_chunk(chunk)
        sent += 1000
        if sent % 100_000 == 0:
            await asyncio.sleep(0.005)


def sender_capabilities() -> list[Any]:
    from aiortc import RTCRtpSender

    return RTCRtpSender.getCapabilities("video").codecs


def on_loopback(peer: RTCPeerConnection) -> None:
    transports = [transceiver.receiver.transport for transceiver in peer.getTransceivers()]
    for transport in [*transports, peer.sctp.transport]:
        connection = transport.transport.iceGatherer._connection
        if "get_component_candidates" in vars(connection):
            continue
        gather = connection.get_component_candidates

        async def only_loopback(component: int, addresses: list[str], timeout: int = 5, gather: Any = gather):
            return await gather(component=component, addresses=["127.0.0.1"], timeout=timeout)

        connection.get_component_candidates = only_loopback


if __name__ == "__main__":
    asyncio.run(main())
