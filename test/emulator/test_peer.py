"""The service's peer, connected to a peer of the test over loopback."""

from __future__ import annotations

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from odyssey_ros.emulator.peer import CLIENT_TO_STREAMER, NegotiationError, StreamerPeer


class Pair:
    """A peer of the service and a peer of the client."""

    def __init__(self, loopback, **options):
        self.received = []
        self.losses = 0
        self.server = StreamerPeer(
            codec="h264",
            ice_servers=(),
            media_addresses=lambda _: ["127.0.0.1"],
            on_message=self.received.append,
            on_lost=self.count_loss,
            **options,
        )
        self.client = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channels = {}
        self.messages = []
        self.loopback = loopback
        self.client.on("datachannel", self.add_channel)

    def count_loss(self):
        self.losses += 1

    def add_channel(self, channel):
        self.channels[channel.label] = channel
        channel.on("message", self.messages.append)

    async def answer(self):
        await self.client.setRemoteDescription(RTCSessionDescription(await self.server.offer(), "offer"))
        self.loopback(self.client)
        await self.client.setLocalDescription(await self.client.createAnswer())
        return self.client.localDescription.sdp

    async def connect(self):
        await self.server.answer(await self.answer())
        await self.server.connected.wait()


@pytest.fixture
async def make_pair(loopback):
    pairs = []

    def make(**options):
        pairs.append(Pair(loopback, **options))
        return pairs[-1]

    yield make
    for pair in pairs:
        await pair.server.close()
        await pair.client.close()


async def test_messages_pass_in_both_directions(make_pair, until):
    pair = make_pair()
    assert pair.server.send("before the channel is open")
    await pair.connect()
    await until(lambda: len(pair.channels) == 2)
    await until(lambda: pair.messages)
    assert pair.server.send("after")
    pair.channels[CLIENT_TO_STREAMER].send("hello")
    await until(lambda: pair.messages == ["before the channel is open", "after"])
    await until(lambda: pair.received == ["hello"])


async def test_nothing_is_sent_without_a_channel_or_on_a_closed_one(make_pair, until):
    assert not make_pair(labels=(CLIENT_TO_STREAMER,)).server.send("x")
    pair = make_pair()
    await pair.connect()
    await until(lambda: len(pair.channels) == 2)
    pair.server.close_channel("streamerToClient")
    pair.server.close_channel("unknown")
    assert not pair.server.send("x")


async def test_a_closed_client_is_reported_once(make_pair, until):
    pair = make_pair()
    await pair.connect()
    await pair.client.close()
    await until(lambda: pair.losses)
    await pair.server.close()
    assert pair.losses == 1


async def test_a_peer_that_closes_itself_reports_no_loss(make_pair):
    pair = make_pair()
    await pair.connect()
    await pair.server.close()
    assert pair.losses == 0


async def test_a_peer_that_stops_responding_reports_no_loss(make_pair, until):
    pair = make_pair()
    await pair.connect()
    await pair.server.stop_responding()
    assert {transport.transport.state for transport in pair.server.transports()} == {"closed"}
    assert pair.losses == 0


async def test_an_ended_track_leaves_the_channels_open(make_pair, until):
    pair = make_pair()
    await pair.connect()
    await until(lambda: len(pair.channels) == 2)
    await pair.server.end_track()
    assert pair.server.video.readyState == "ended"
    assert pair.server.send("x")
    await until(lambda: pair.messages == ["x"])


async def test_a_peer_without_a_track_needs_no_codec(make_pair):
    pair = make_pair(with_track=False)
    await pair.connect()
    assert pair.server.codec == "h264"
    await pair.server.end_track()


@pytest.mark.parametrize("broken", ["", "nonsense", "v=0\r\nm=video\r\n"])
async def test_a_malformed_answer_is_refused(make_pair, broken):
    pair = make_pair()
    await pair.server.offer()
    with pytest.raises(NegotiationError):
        await pair.server.answer(broken)


async def test_an_answer_without_a_usable_codec_and_a_second_answer_are_refused(make_pair):
    pair = make_pair()
    sdp = await pair.answer()
    with pytest.raises(NegotiationError, match="no usable video codec"):
        await pair.server.answer(sdp.replace("H264", "AV1").replace("VP8", "VP9"))
    await pair.server.answer(sdp)
    with pytest.raises(NegotiationError):
        await pair.server.answer(sdp)


async def test_a_client_without_the_preferred_codec_gets_the_other_one(make_pair):
    pair = make_pair()
    sdp = await pair.answer()
    await pair.server.answer(sdp.replace("H264", "AV1"))
    assert pair.server.codec == "vp8"


@pytest.mark.parametrize(
    ("candidate", "mid"),
    [("candidate:nonsense", "0"), ("candidate:1 1 udp 1 127.0.0.1 5 typ host", None)],
)
async def test_a_malformed_candidate_is_refused(make_pair, candidate, mid):
    with pytest.raises(NegotiationError):
        await make_pair().server.add_candidate(candidate, mid, None)


@pytest.mark.parametrize("candidate", ["", "candidate:1 1 udp 1 5a3c.local 5 typ host"])
async def test_the_end_of_candidates_and_mdns_candidates_are_ignored(make_pair, candidate):
    await make_pair().server.add_candidate(candidate, None, None)


async def test_a_candidate_is_added(make_pair):
    pair = make_pair()
    await pair.server.offer()
    await pair.server.add_candidate("candidate:1 1 udp 1 127.0.0.1 5 typ host", "0", 0)
    [transport] = {t.transport for t in pair.server.transports() if t.transport.getRemoteCandidates()}
    assert [found.port for found in transport.getRemoteCandidates()] == [5]
